import TensorCore
import Testing
import Transforms

@Suite("Object extent") struct ObjectExtentTests {
  /// A block of 100 from `low` on, of `size` voxels, in 40 × 30 × 20 voxels of air; both receiver channels noisy.
  private func scan(low: [Int], size: [Int], sigma: Float) -> Tensor {
    let shape = [1, 20, 30, 40]
    let noise = (0..<2).map { PhiloxRandomSource(seed: 3, stream: UInt64($0)).normal(shape: shape).values }
    let values = noise[0].indices.map { i -> Float in
      let place = [i % 40, i / 40 % 30, i / 1200]
      let inside = (0..<3).allSatisfy { (low[$0]..<low[$0] + size[$0]).contains(place[$0]) }
      let (a, b) = ((inside ? 100 : 0) + sigma * noise[0][i], sigma * noise[1][i])
      return (a * a + b * b).squareRoot()
    }
    return Tensor(values, shape: shape)
  }

  @Test("the sides of a block are found, however much noise lies in the air", arguments: [0, 3, 15] as [Float])
  func block(sigma: Float) {
    let found = ObjectExtent.estimate(scan(low: [5, 4, 3], size: [28, 20, 12], sigma: sigma), noise: Double(sigma))
    #expect(found == [28, 20, 12])
  }

  @Test("what the field of view cuts off has no extent, and neither has what is no object")
  func cut() {
    #expect(ObjectExtent.estimate(scan(low: [0, 4, 8], size: [28, 20, 12], sigma: 1), noise: 1) == [nil, 20, nil])
    #expect(
      ObjectExtent.estimate(scan(low: [5, 4, 3], size: [0, 0, 0], sigma: 0), noise: 0) == [nil, nil, nil])
  }
}
