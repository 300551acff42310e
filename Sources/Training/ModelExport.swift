import Diffusion
public import DurableFiles
public import Foundation
public import Models
import NeuralNet

/// Makes a model file of a checkpoint: the averaged weights and a card that says how they came to be.
public struct ModelExport {
  private let checkpoint: TrainingCheckpoint
  private let configuration: TrainingConfiguration
  private let software: String

  /// An export; throws when the checkpoint's configuration is no longer understood.
  ///
  /// `described` says what the card states of intended use, licence, citation and envelope, if that is no longer what the
  /// run was started with; it throws where anything else differs, which would be another run.
  public init(_ checkpoint: TrainingCheckpoint, described: TrainingConfiguration? = nil, software: String) throws {
    self.checkpoint = checkpoint
    self.software = software
    let trained = try TrainingConfiguration(yaml: checkpoint.configuration)
    configuration = described ?? trained
    guard let described else { return }
    var same = described
    (same.intendedUse, same.licence, same.citation) = (trained.intendedUse, trained.licence, trained.citation)
    (same.envelope, same.text) = (trained.envelope, trained.text)
    guard same == trained else {
      throw TrainingError(
        .checkpoint,
        "the checkpoint was trained with another configuration: only intendedUse, licence, citation and envelope may differ"
      )
    }
  }

  /// The card.
  public func card() throws -> ModelCard {
    let labels = try LabelSet(named: configuration.labelSet)
    let fitted = checkpoint.fitted
    var prediction = configuration.prediction
    prediction.intensityMap = fitted.intensityMap
    let noiseLevel = configuration.noiseLevel.flatMap { settings in
      fitted.noiseLevels.map { NoiseLevelRecord(scale: settings.scale, range: $0) }
    }
    let (seen, nearest) = (configuration.conditions.offsets, ConditionSlices.nearest(configuration.task))
    let slices = seen == nearest ? nil : seen
    return ModelCard(
      name: configuration.name, task: configuration.task, conditionSlices: slices,
      architecture: configuration.architecture,
      labelSet: LabelSetRecord(name: labels.name, labels: labels.labels), noiseSchedule: configuration.schedule,
      prediction: prediction, intensity: configuration.intensity, noiseLevel: noiseLevel,
      outputRange: fitted.outputRange, envelope: configuration.envelope,
      degradation: configuration.degradation?.record, training: training, quality: quality,
      licence: configuration.licence, citation: configuration.citation, intendedUse: configuration.intendedUse)
  }

  /// Writes the model whole or not at all and returns its SHA-256; `half` stores the weights as float16.
  @discardableResult
  public func write(to url: URL, half: Bool, ifExists: AtomicFile.IfExists = .replace) throws -> String {
    try ModelFile.write(
      card: try card(), parameters: checkpoint.state.average, to: url, precision: half ? .float16 : .float32,
      ifExists: ifExists)
  }

  private var training: TrainingRecord {
    func line(_ entry: TrainingConfiguration.DataEntry) -> String {
      let condition = entry.condition.map { " from \($0)" } ?? ""
      let plane = entry.plane == .stored ? "" : ", cut \(entry.plane.rawValue)"
      return
        "\(entry.path)\(condition), slices \(entry.slices.lowerBound)-\(entry.slices.upperBound)\(plane): \(entry.source)"
    }
    let patches = configuration.patches
    let samples = (0..<checkpoint.state.step).reduce(0) {
      $0 + patches.count(ofSize: patches.size(seed: configuration.seed, step: $1 + 1))
    }
    return TrainingRecord(
      data: configuration.training.map(line), heldOut: configuration.validation.map(line),
      steps: checkpoint.state.step, samples: samples,
      seed: configuration.seed, command: checkpoint.command, configuration: checkpoint.configuration,
      software: software)
  }

  private var quality: [QualityRecord] {
    let size = configuration.schedules.validationSize
    return checkpoint.validation.map { row in
      QualityRecord(
        data: row.data, condition: "level \(row.level), DDIM over all labels, centre \(size) x \(size)",
        figures: ["psnr": row.psnr, "psnrInput": row.inputPSNR, "psnrOneEvaluation": row.oneStepPSNR])
    }
  }
}
