/// Everything a model file says about itself: one JSON document in the `__metadata__` of its `.safetensors` file.
///
/// Fields that a published checkpoint cannot supply are optional; `pellucid models info` shows them as "not stated".
public struct ModelCard: Codable, Sendable, Equatable {
  /// Version of this document's format.
  public var formatVersion: Int
  /// Short name, such as `ct-denoise`.
  public var name: String
  /// Version of the weights under that name.
  public var version: String
  /// What the model does.
  public var task: ModelTask
  /// The slices that the network sees as conditions (see `ConditionSlices`); nil for the nearest alone.
  public var conditionSlices: [Int]?
  /// The network's shape.
  public var architecture: UNetConfiguration
  /// Timestep labels that the network was trained on, ascending, and the name of the set.
  public var labelSet: LabelSetRecord
  /// The noise schedule, by name and end points.
  public var noiseSchedule: NoiseScheduleRecord
  /// What the network's output means.
  public var prediction: PredictionRecord
  /// How voxel values become network values, and back.
  public var intensity: IntensityContract
  /// What the network is told of its input's noise; nil for one that is told nothing.
  public var noiseLevel: NoiseLevelRecord?
  /// For translation: the voxel values of the contrast it makes that -1 and 1 stand for; nil for the input's own.
  public var outputRange: [Double]?
  /// The inputs that the model is meant for.
  public var envelope: InputEnvelope
  /// How the degraded inputs were made; `pellucid degrade --model` repeats it.
  public var degradation: DegradationRecord?
  /// What made the weights.
  public var training: TrainingRecord?
  /// Measured quality: one row per data set and condition.
  public var quality: [QualityRecord]
  /// Licence of the weights, as an SPDX identifier where there is one.
  public var licence: String?
  /// What to cite.
  public var citation: [String]
  /// What it is for, and what not.
  public var intendedUse: String?

  /// The format that this version of Pellucid writes.
  public static let currentFormatVersion = 1

  /// Where the metadata of a `.safetensors` file keep a card.
  package static let metadataKey = "pellucid"

  /// A card from its parts.
  public init(
    formatVersion: Int = ModelCard.currentFormatVersion, name: String, version: String = "1", task: ModelTask,
    conditionSlices: [Int]? = nil, architecture: UNetConfiguration, labelSet: LabelSetRecord,
    noiseSchedule: NoiseScheduleRecord,
    prediction: PredictionRecord, intensity: IntensityContract, noiseLevel: NoiseLevelRecord? = nil,
    outputRange: [Double]? = nil, envelope: InputEnvelope, degradation: DegradationRecord? = nil,
    training: TrainingRecord? = nil, quality: [QualityRecord] = [],
    licence: String? = nil, citation: [String] = [], intendedUse: String? = nil
  ) {
    self.formatVersion = formatVersion
    self.name = name
    self.version = version
    self.task = task
    self.conditionSlices = conditionSlices
    self.architecture = architecture
    self.labelSet = labelSet
    self.noiseSchedule = noiseSchedule
    self.prediction = prediction
    self.intensity = intensity
    self.noiseLevel = noiseLevel
    self.outputRange = outputRange
    self.envelope = envelope
    self.degradation = degradation
    self.training = training
    self.quality = quality
    self.licence = licence
    self.citation = citation
    self.intendedUse = intendedUse
  }
}

/// What a model does.
public enum ModelTask: String, Codable, Sendable, CaseIterable {
  /// Removes noise, same grid.
  case denoise
  /// Makes the slice between two neighbours.
  case superResolve = "super-resolve"
  /// Turns one contrast into another, same grid.
  case translate
}

/// The U-Net's shape (ALGORITHMS 2.6; the architecture of DDIM and Fast-DDPM).
public struct UNetConfiguration: Codable, Sendable, Equatable {
  /// Input channels: conditions first, then the noisy image.
  public var inputChannels: Int
  /// Output channels.
  public var outputChannels: Int
  /// Channels at full resolution; a multiple of 32.
  public var baseChannels: Int
  /// Channels of each level, as multiples of `baseChannels`, full resolution first.
  public var channelMultipliers: [Int]
  /// Residual blocks per level on the way down; one more on the way up.
  public var residualBlocks: Int
  /// Levels whose residual blocks are followed by self-attention (0 = full resolution).
  public var attentionLevels: [Int]
  /// Whether the bottleneck has self-attention between its two residual blocks, as in the published network.
  public var bottleneckAttention: Bool
  /// Groups of channels of every group normalisation, a divisor of 32; nil for 32, as in the published network.
  ///
  /// A group of one channel takes its size and its mean out of what follows.
  public var normGroups: Int?

  /// A configuration from its parts.
  public init(
    inputChannels: Int, outputChannels: Int = 1, baseChannels: Int, channelMultipliers: [Int],
    residualBlocks: Int = 2, attentionLevels: [Int] = [], bottleneckAttention: Bool = true, normGroups: Int? = nil
  ) {
    self.inputChannels = inputChannels
    self.outputChannels = outputChannels
    self.baseChannels = baseChannels
    self.channelMultipliers = channelMultipliers
    self.residualBlocks = residualBlocks
    self.attentionLevels = attentionLevels
    self.bottleneckAttention = bottleneckAttention
    self.normGroups = normGroups
  }

  /// The published Fast-DDPM network (113.67 M parameters) for `conditions` condition images.
  public static func published(conditions: Int) -> UNetConfiguration {
    UNetConfiguration(
      inputChannels: conditions + 1, baseChannels: 128, channelMultipliers: [1, 1, 2, 2, 4, 4], attentionLevels: [4])
  }

  /// In-plane extents must be multiples of this: one halving per level after the first.
  public var sizeMultiple: Int { 1 << (channelMultipliers.count - 1) }
}
