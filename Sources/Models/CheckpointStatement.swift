/// What a checkpoint does not say about itself and its user must.
public struct CheckpointStatement: Sendable {
  /// Short name of the model.
  public var name: String
  /// What the model does.
  public var task: ModelTask
  /// The labels that it was trained on.
  public var labelSet: LabelSetRecord
  /// How voxel values become network values.
  public var intensity: IntensityContract
  /// The inputs that it is meant for.
  public var envelope: InputEnvelope
  /// Licence of the weights.
  public var licence: String?
  /// What to cite.
  public var citation: [String]
  /// What it is for, and what not.
  public var intendedUse: String?

  /// A statement from its parts.
  public init(
    name: String, task: ModelTask, labelSet: LabelSetRecord, intensity: IntensityContract, envelope: InputEnvelope,
    licence: String? = nil, citation: [String] = [], intendedUse: String? = nil
  ) {
    self.name = name
    self.task = task
    self.labelSet = labelSet
    self.intensity = intensity
    self.envelope = envelope
    self.licence = licence
    self.citation = citation
    self.intendedUse = intendedUse
  }
}

extension CheckpointImport {
  /// The card of this network, with what its user states.
  ///
  /// Noise prediction on the published linear schedule without clamping, as in the official sampler. Throws a
  /// `ModelError` if the statement does not fit the network.
  public func card(_ statement: CheckpointStatement) throws -> ModelCard {
    let conditions = architecture.inputChannels - architecture.outputChannels
    let needed = ConditionSlices.nearest(statement.task).count
    guard conditions == needed else {
      throw ModelError(
        .mismatch,
        "task \(statement.task.rawValue) has \(needed) condition image(s), this network takes \(conditions); give the task that it was trained for"
      )
    }
    let card = ModelCard(
      name: statement.name, task: statement.task, architecture: architecture, labelSet: statement.labelSet,
      noiseSchedule: NoiseScheduleRecord(), prediction: PredictionRecord(kind: .noise, clampData: false),
      intensity: statement.intensity, envelope: statement.envelope, licence: statement.licence,
      citation: statement.citation, intendedUse: statement.intendedUse)
    try card.validate()
    return card
  }
}
