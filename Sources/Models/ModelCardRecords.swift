/// The labels that a network was trained on.
public struct LabelSetRecord: Codable, Sendable, Equatable {
  /// `uniform-10`, `non-uniform-10`, … or `custom`.
  public var name: String
  /// The labels, ascending.
  public var labels: [Int]

  /// A record from its parts.
  public init(name: String, labels: [Int]) {
    self.name = name
    self.labels = labels
  }
}

/// A noise schedule by name and end points.
public struct NoiseScheduleRecord: Codable, Sendable, Equatable {
  /// `linear`, `quad`, …: see `NoiseSchedule`.
  public var name: String
  /// The first beta.
  public var betaStart: Double
  /// The last beta.
  public var betaEnd: Double
  /// The number of labels.
  public var timesteps: Int

  /// A record from its parts; the default is the published one.
  public init(name: String = "linear", betaStart: Double = 1e-4, betaEnd: Double = 2e-2, timesteps: Int = 1000) {
    self.name = name
    self.betaStart = betaStart
    self.betaEnd = betaEnd
    self.timesteps = timesteps
  }
}

/// What the network's output means.
public struct PredictionRecord: Codable, Sendable, Equatable {
  /// The quantity that the raw output stands for.
  public enum Kind: String, Codable, Sendable, CaseIterable {
    /// The noise: `epsilon = output` (published checkpoints).
    case noise
    /// The clean image: `data = skip + residualScale * output`.
    case data
    /// `v = a * epsilon - s * data`: `v = output`.
    case velocity
  }
  /// What is added to the output of a data prediction.
  public enum Skip: String, Codable, Sendable, CaseIterable {
    /// Nothing.
    case none
    /// The condition image of the slice that is made (for super-resolution the mean of the two beside it).
    case condition
    /// The condition image through `intensityMap`: the best guess from each voxel's value alone.
    case intensityMap = "intensity-map"
  }
  /// The quantity.
  public var kind: Kind
  /// For `data`: what the network corrects.
  public var skip: Skip
  /// For `data`: the factor on the raw output.
  public var residualScale: Float
  /// For the skip of that name: values at evenly spaced conditions from -1 to 1, straight lines between them.
  public var intensityMap: [Float]?
  /// For `data` with a network that is told the noise level: whether the raw output is also multiplied with what it is told.
  ///
  /// Group normalisation takes the size of the noise out of what a network sees and so out of what it says.
  public var residualFollowsNoise: Bool?
  /// Whether samplers clamp the predicted clean image to [-1, 1] at every step by default.
  public var clampData: Bool

  /// A record from its parts.
  public init(
    kind: Kind, skip: Skip = .none, residualScale: Float = 1, intensityMap: [Float]? = nil,
    residualFollowsNoise: Bool? = nil, clampData: Bool
  ) {
    self.kind = kind
    self.skip = skip
    self.residualScale = residualScale
    self.intensityMap = intensityMap
    self.residualFollowsNoise = residualFollowsNoise
    self.clampData = clampData
  }
}

/// How voxel values become network values in [-1, 1], and back.
public enum IntensityContract: Codable, Sendable, Equatable {
  /// Clip to `[low, high]` in the volume's own unit (HU for CT) and scale to [-1, 1].
  case window(low: Double, high: Double)
  /// Scale by two percentiles of the whole volume (never of a slice), for MR.
  case percentiles(low: Double, high: Double)
  /// The container's full range (0…255 or 0…65535) to [-1, 1], as the published code does for PNG.
  case fullRange
}

/// What a network is told of the noise in its input: one more condition channel, the same number everywhere.
public struct NoiseLevelRecord: Codable, Sendable, Equatable {
  /// The channel's value: the noise's standard deviation in network units times this.
  public var scale: Double
  /// Smallest and largest standard deviation of the training inputs, in network units, as estimated.
  public var range: [Double]

  /// A record from its parts.
  public init(scale: Double, range: [Double]) {
    self.scale = scale
    self.range = range
  }
}

/// The inputs that a model is meant for; outside them a run warns, far outside voxel sizes and units it refuses.
public struct InputEnvelope: Codable, Sendable, Equatable {
  /// The kind of scan: `CT`, `MR`, `PET` or another of DICOM's modality names.
  public var modality: String?
  /// In-plane voxel size in mm: smallest and largest.
  public var inPlaneSpacing: [Double]?
  /// Slice distance in mm: smallest and largest.
  public var sliceSpacing: [Double]?
  /// In-plane extent in pixels: smallest and largest.
  public var size: [Int]?
  /// Extent of what is scanned from left to right, without the air around it, in mm: smallest and largest.
  public var objectLeftRight: [Double]?
  /// The same from front to back.
  public var objectFrontBack: [Double]?

  /// An envelope from its parts; nil means "not stated".
  public init(
    modality: String? = nil, inPlaneSpacing: [Double]? = nil, sliceSpacing: [Double]? = nil, size: [Int]? = nil,
    objectLeftRight: [Double]? = nil, objectFrontBack: [Double]? = nil
  ) {
    self.modality = modality
    self.inPlaneSpacing = inPlaneSpacing
    self.sliceSpacing = sliceSpacing
    self.size = size
    self.objectLeftRight = objectLeftRight
    self.objectFrontBack = objectFrontBack
  }
}

/// How degraded inputs are made.
public struct DegradationRecord: Codable, Sendable, Equatable {
  /// `low-dose-ct`, `rician`, `thick-slices`.
  public var kind: String
  /// Strengths that the model was trained on, weakest first: doses as fractions of normal, noise levels, factors.
  public var levels: [Double]
  /// Further parameters by name, such as `photons` and `views`.
  public var parameters: [String: Double]

  /// A record from its parts.
  public init(kind: String, levels: [Double], parameters: [String: Double] = [:]) {
    self.kind = kind
    self.levels = levels
    self.parameters = parameters
  }
}

/// What made the weights.
public struct TrainingRecord: Codable, Sendable, Equatable {
  /// One line per data set with the part that was used, and its licence.
  public var data: [String]
  /// Parts kept out of training.
  public var heldOut: [String]
  /// Optimiser steps.
  public var steps: Int
  /// Samples seen; nil where what trained does not say.
  public var samples: Int?
  /// Seed of everything random.
  public var seed: UInt64
  /// The command that was run.
  public var command: String
  /// The configuration file, whole.
  public var configuration: String
  /// Version or commit of the code that trained.
  public var software: String

  /// A record from its parts.
  public init(
    data: [String], heldOut: [String], steps: Int, samples: Int?, seed: UInt64, command: String, configuration: String,
    software: String
  ) {
    self.data = data
    self.heldOut = heldOut
    self.steps = steps
    self.samples = samples
    self.seed = seed
    self.command = command
    self.configuration = configuration
    self.software = software
  }
}

/// One measured row of quality.
public struct QualityRecord: Codable, Sendable, Equatable {
  /// Data set and slices.
  public var data: String
  /// Condition: dose, noise level, sampler.
  public var condition: String
  /// Figures by name, such as `psnr`, `psnrInput`, `ssim`.
  public var figures: [String: Double]

  /// A row from its parts.
  public init(data: String, condition: String, figures: [String: Double]) {
    self.data = data
    self.condition = condition
    self.figures = figures
  }
}
