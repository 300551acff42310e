import TensorCore
import Testing
import Transforms
import Volumes

private func volume(_ values: [Float], type: VoxelDataType = .int16, slope: Double = 1, intercept: Double = 0) -> Volume
{
  Volume(
    voxels: Tensor(values, shape: [1, 1, 1, values.count]), affine: .scaling([1, 1, 1]),
    header: VolumeHeader(format: .nifti1, dataType: type, slope: slope, intercept: intercept))
}

@Suite("Intensity transform") struct IntensityTransformTests {
  @Test("a window maps its ends and middle to -1, 1 and 0, clips beyond, and comes back")
  func window() throws {
    let transform = try IntensityTransform(.window(low: -1000, high: 1000), fitting: volume([0, 1]))
    let normal = transform.normalized(Tensor([-2048, -1000, 0, 500, 1000, 3000], shape: [6]))
    #expect(normal.values == [-1, -1, 0, 0.5, 1, 1])
    #expect(transform.restored(normal).values == [-1000, -1000, 0, 500, 1000, 1000])
    #expect(transform.restoredDifference(Tensor([0.01], shape: [1])).values == [10])
  }

  @Test("what lies above the window comes back whole; below, only what is too far down to be noise")
  func outside() throws {
    let transform = try IntensityTransform(low: -1000, high: 1000)
    let input = Tensor([3000, 1001, 1000, 0, -1000, -1024, -1100, -1150, -1200, -2048], shape: [10])
    let output = transform.restored(transform.normalized(input), outsideFrom: input)
    #expect(output.values == [3000, 1001, 1000, 0, -1000, -1000, -1000, -1100, -1200, -2048])
    // The network's own correction is added on top.
    let changed = transform.restored(Tensor([0.9], shape: [1]), outsideFrom: Tensor([1500], shape: [1]))
    #expect(changed.values == [1400])
  }

  @Test("percentiles are NumPy's, over the whole volume")
  func percentiles() throws {
    // np.percentile([3, -1.5, 10, 0, 7, 2, -8], [0, 5, 50, 90, 100]) == [-8, -6.05, 2, 8.2, 10]
    let values = Tensor([3, -1.5, 10, 0, 7, 2, -8], shape: [7])
    let found = Percentiles.of(values, at: [0, 5, 50, 90, 100])
    for (value, expected) in zip(found, [-8, -6.05, 2, 8.2, 10]) { #expect(abs(value - expected) < 1e-9) }
    let transform = try IntensityTransform(.percentiles(low: 5, high: 90), fitting: volume([3, -1.5, 10, 0, 7, 2, -8]))
    #expect(abs(transform.low + 6.05) < 1e-9 && abs(transform.high - 8.2) < 1e-9)
  }

  @Test("percentiles of a ramp of 100001 values are exact")
  func ramp() {
    let ramp = Tensor((0...100_000).map { Float(($0 * 37) % 100_001) - 50_000 }, shape: [100_001])
    #expect(Percentiles.of(ramp, at: [1, 50, 99]) == [-49_000, 0, 49_000])
  }

  @Test("the full range is the container's, after slope and intercept")
  func fullRange() throws {
    let eight = try IntensityTransform(.fullRange, fitting: volume([0, 10], type: .uint8))
    #expect(eight.low == 0 && eight.high == 255)
    let sixteen = try IntensityTransform(.fullRange, fitting: volume([0, 9], type: .uint16, slope: 2, intercept: -10))
    #expect(sixteen.low == -10 && sixteen.high == 131060)
    #expect(throws: TransformError.self) { try IntensityTransform(.fullRange, fitting: volume([0, 1], type: .int16)) }
  }

  @Test("a constant volume, swapped ends and wild percentiles are refused")
  func refusals() {
    #expect(throws: TransformError.self) {
      try IntensityTransform(.percentiles(low: 1, high: 99), fitting: volume([5, 5]))
    }
    #expect(throws: TransformError.self) { try IntensityTransform(.window(low: 5, high: -5), fitting: volume([0, 1])) }
    #expect(throws: TransformError.self) {
      try IntensityTransform(.percentiles(low: 1, high: 101), fitting: volume([0, 1]))
    }
  }
}
