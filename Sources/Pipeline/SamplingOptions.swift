public import Diffusion
public import Models
public import TensorCore
public import Transforms

/// How a model is sampled: everything that the voxels of a result depend on besides input and model.
public struct SamplingOptions: Sendable {
  /// The sampler.
  public var sampler: Sampler
  /// The K of the label set (`uniform-K`); nil takes the labels that the model was trained on.
  public var steps: Int?
  /// The seed of all noise.
  public var seed: UInt64
  /// Samples per slice; their mean is the result, and from two on there is a standard deviation.
  public var samples: Int
  /// How the noise of neighbouring slices is related.
  public var noiseField: NoiseField.Sharing
  /// Which way volumes are cut into slices.
  public var plane: SlicingPlane.Choice
  /// Largest side of an image that the network sees: what is larger goes through it in overlapping tiles; nil for none.
  public var tile: Int?
  /// Whether differences of neighbouring slices are as predicted, or matched to the input's without its noise.
  public var sliceDetail: SliceDetail.Choice
  /// For super-resolution: steps between slices for one before; 2, 4, 8 or 16.
  public var sliceFactor: Int
  /// Standard deviation of the input's noise, in its unit, for models that are told it; nil for an estimate.
  public var noiseLevel: Double?
  /// Starting noise from outside, `[1, slices, rows, columns]`.
  public var givenNoise: Tensor?
  /// Whether predicted clean images are clamped to [-1, 1]; nil leaves it to the model's card.
  public var clampData: Bool?

  /// Options from their parts; the defaults are what `pellucid run` does.
  public init(
    sampler: Sampler = .ddim, steps: Int? = nil, seed: UInt64 = 0, samples: Int = 1,
    noiseField: NoiseField.Sharing = .shared, plane: SlicingPlane.Choice = .auto, tile: Int? = nil,
    sliceDetail: SliceDetail.Choice = .predicted, sliceFactor: Int = 2, noiseLevel: Double? = nil,
    givenNoise: Tensor? = nil, clampData: Bool? = nil
  ) {
    self.sampler = sampler
    self.steps = steps
    self.seed = seed
    self.samples = samples
    self.noiseField = noiseField
    self.plane = plane
    self.tile = tile
    self.sliceDetail = sliceDetail
    self.sliceFactor = sliceFactor
    self.noiseLevel = noiseLevel
    self.givenNoise = givenNoise
    self.clampData = clampData
  }

  /// The labels to be visited with a model.
  public func labels(for card: ModelCard) throws -> LabelSet {
    let trained = try LabelSet(name: card.labelSet.name, labels: card.labelSet.labels)
    guard let steps else { return trained }
    return try LabelSet.subset(of: trained, steps: steps)
  }

  /// Whether predictions are clamped with a model.
  public func clamps(for card: ModelCard) -> Bool {
    clampData ?? (card.prediction.clampData || sampler.clampsByDefault)
  }

  /// The program that samples a model.
  public func plan(for card: ModelCard) throws -> SamplerPlan {
    let record = card.noiseSchedule
    let schedule = try NoiseSchedule(
      named: record.name, betaStart: record.betaStart, betaEnd: record.betaEnd, timesteps: record.timesteps)
    return try SamplerPlan(
      sampler: sampler, labels: try labels(for: card), schedule: schedule, clampData: clamps(for: card),
      trainedLabels: card.labelSet.labels)
  }
}

extension IntensityRule {
  /// The rule that a model's contract states.
  public init(_ contract: IntensityContract) {
    switch contract {
    case .window(let low, let high): self = .window(low: low, high: high)
    case .percentiles(let low, let high): self = .percentiles(low: low, high: high)
    case .fullRange: self = .fullRange
    }
  }
}
