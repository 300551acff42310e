import Models
import TensorCore
import Transforms
import Volumes

/// What voxel values of one volume mean to a network, and its values to people.
struct ValueScale {
  let input: IntensityTransform
  /// The input's own, or that of the contrast which a translation makes.
  let output: IntensityTransform
  /// In the input's unit.
  let noiseLevel: Double?
  private let told: Float?

  init(_ card: ModelCard, _ options: SamplingOptions, _ volume: Volume) throws {
    input = try IntensityTransform(IntensityRule(card.intensity), fitting: volume)
    output = try card.outputRange.map { try IntensityTransform(low: $0[0], high: $0[1]) } ?? input
    guard let record = card.noiseLevel else {
      (noiseLevel, told) = (nil, nil)
      return
    }
    let level = options.noiseLevel ?? NoiseLevel.estimate(volume.voxels)
    noiseLevel = level
    // Beyond what it was trained on a network is better told the nearest that it knows.
    let inUnits = min(max(level * 2 / (input.high - input.low), record.range[0]), record.range[1])
    told = Float(record.scale * inUnits)
  }

  /// Voxel values `[n, h, w, slices]` as conditions `[n, h, w, channels]`.
  func conditions(_ voxels: Tensor) -> Tensor {
    let slices = input.normalized(voxels)
    guard let told else { return slices }
    return slices.concatenatingChannels(Tensor(repeating: told, shape: Array(slices.shape.dropLast()) + [1]))
  }
}
