import Diffusion
import Models

/// What a run does with its stacks, for other programs: everything that the card does not say.
struct PairsDescription: Encodable {
  struct Variant: Encodable {
    var level: Double
    /// Planes from one condition to the next, 0 where the conditions are another stack.
    var gap: Int
    /// Names of the stacks; without a condition its planes are seen in the target.
    var target: String
    var condition: String?
    /// Each plane that can be made, and then those that are seen.
    var planes: [[Int]]
    var inputError: Double
    var sliceDifference: Double
    /// What the network is told of the noise, before it is told wrongly.
    var told: Double
  }
  struct Entry: Encodable {
    var name: String
    var weight: Double
    var variants: [Variant]
  }

  var formatVersion = 1
  /// Condition channels whose mean a prediction with a skip starts from.
  var centres: [Int]
  /// The factors on image and noise, one per label.
  var signal: [Double]
  var noise: [Double]
  var labelWeights: [Double]
  var noiseLevelJitter: Double
  var loss: TrainingConfiguration.LossSettings
  var patches: TrainingConfiguration.PatchSettings
  var optimizer: TrainingConfiguration.OptimizerSettings
  var report: TrainingConfiguration.ReportSettings
  var training: [Entry]
  var validation: [Entry]

  init(_ configuration: TrainingConfiguration, _ data: TrainingData, name: (PlaneStack) -> String) throws {
    let objective = try DiffusionObjective(configuration)
    let labels = objective.labels.labels
    centres = configuration.conditions.centres
    signal = labels.map(objective.schedule.signal)
    noise = labels.map(objective.schedule.noise)
    labelWeights = objective.weights
    noiseLevelJitter = configuration.noiseLevel?.jitter ?? 0
    loss = configuration.loss
    patches = configuration.patches
    optimizer = configuration.optimizer
    report = configuration.schedules
    training = Self.entries(data.training, name)
    validation = data.validation.map { Self.entries($0, name) } ?? []
  }

  private static func entries(_ dataset: PairedDataset, _ name: (PlaneStack) -> String) -> [Entry] {
    dataset.entries.map { entry in
      Entry(
        name: entry.name, weight: entry.weight,
        variants: entry.variants.map { variant in
          Variant(
            level: variant.level, gap: variant.gap, target: name(variant.target),
            condition: variant.condition.map(name),
            planes: variant.usablePlanes.map { plane in
              [plane] + dataset.conditions.offsets.map { variant.conditionPlane($0, for: plane) }
            }, inputError: variant.inputError, sliceDifference: variant.sliceDifference,
            told: (dataset.noiseLevel?.scale ?? 0) * variant.noiseLevel)
        })
    }
  }
}
