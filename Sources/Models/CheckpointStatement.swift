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

  /// The card of a model that was trained elsewhere: that of the pairs it was trained on, with what this checkpoint adds.
  ///
  /// The digests are SHA-256, of the pairs and of the checkpoint. Throws a `ModelError` if the checkpoint was trained on
  /// others, or does not say what it was trained on and how long.
  public func card(trainedOn pairs: ModelCard, pairsDigest digest: String, checkpointDigest: String) throws -> ModelCard
  {
    guard let pairsDigest, let trainingStep, trainingStep > 0, var training = pairs.training else {
      throw ModelError(
        .mismatch,
        "the checkpoint does not say which pairs it was trained on, and for how many steps; Workflows/pytorch/train.py does"
      )
    }
    guard pairsDigest == digest else {
      throw ModelError(
        .mismatch,
        "the checkpoint was trained on pairs of SHA-256 \(ModelError.printable(pairsDigest)), not on these (\(digest))")
    }
    var found = architecture
    // No shape tells how channels are grouped.
    found.normGroups = pairs.architecture.normGroups
    // No checkpoint says in which order levels were listed.
    if Set(found.attentionLevels) == Set(pairs.architecture.attentionLevels) {
      found.attentionLevels = pairs.architecture.attentionLevels
    }
    guard found == pairs.architecture else {
      throw ModelError(
        .mismatch,
        "the checkpoint holds another network than the pairs are for (\(found.summary), not \(pairs.architecture.summary)); "
          + "give the pairs that it was trained on")
    }
    var card = pairs
    (training.steps, training.samples) = (trainingStep, nil)
    training.command += "; trained elsewhere; pellucid models import CHECKPOINT --pairs PAIRS"
    training.software += ", checkpoint SHA-256 \(checkpointDigest)"
    card.training = training
    try card.validate()
    return card
  }
}

extension UNetConfiguration {
  /// What tells one network from another, in a line.
  fileprivate var summary: String {
    "\(inputChannels) input channels, \(baseChannels) times \(channelMultipliers), \(residualBlocks) blocks, "
      + "attention at \(attentionLevels)\(bottleneckAttention ? " and in the middle" : "")"
  }
}
