public import TensorCore
import Transforms
import Volumes

/// A restored volume, before it is stored.
public struct Restoration: Sendable {
  /// Voxel values in the input's unit, `[frames, slices, rows, columns]`; the mean where there were several samples.
  public private(set) var voxels: Tensor
  /// The sample standard deviation of each voxel, from two samples on.
  public let deviation: Tensor?
  /// The voxel value that the network saw as -1.
  public let low: Double
  /// The voxel value that the network saw as 1.
  public let high: Double
  /// The noise of the input that the network was told, in the input's unit; nil for a network that is told nothing.
  public let noiseLevel: Double?
  /// The gain that differences of neighbouring slices got; nil where they are as predicted.
  public private(set) var sliceDetailGain: Double?
  /// Network evaluations, each of one batch.
  public let evaluations: Int
}

extension Restoration {
  init(_ voxels: Tensor, _ deviation: Tensor?, _ scale: ValueScale, evaluations: Int) {
    self.init(
      voxels: voxels, deviation: deviation, low: scale.input.low, high: scale.input.high,
      noiseLevel: scale.noiseLevel, evaluations: evaluations)
  }

  /// Sets the differences of slices to what the input without its noise has.
  mutating func matchSliceDetail(to input: Volume, cut plane: SlicingPlane) {
    var slices = plane.arranged(voxels)
    // Held once, so that it is changed where it lies.
    voxels = Tensor(repeating: 0, shape: [0])
    let gain = SliceDetail.gain(
      for: slices, of: plane.arranged(input.voxels), noise: noiseLevel ?? NoiseLevel.estimate(input.voxels))
    slices.amplifySliceDetail(by: gain)
    voxels = plane.stored(slices)
    sliceDetailGain = gain
  }
}
