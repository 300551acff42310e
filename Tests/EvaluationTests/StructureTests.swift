import Evaluation
import TensorCore
import Testing

struct StructureTests {
  /// A step edge between columns, `slices` times.
  static func edges(slices: Int = 1) -> Tensor {
    Tensor((0..<slices * 32 * 32).map { $0 % 32 < 16 ? 0 : 100 }, shape: [slices, 32, 32])
  }

  static func noise(_ deviation: Double, _ shape: [Int], seed: UInt64 = 1) -> Tensor {
    Tensor.linearCombination([(deviation, PhiloxRandomSource(seed: seed).normal(shape: shape))])
  }

  /// Averages over three columns inside the slice.
  static func blurred(_ image: Tensor) -> Tensor {
    let (values, columns) = (image.values, image.shape[2])
    return Tensor(
      values.indices.map { i in
        let column = i % columns
        return column == 0 || column == columns - 1 ? values[i] : (values[i - 1] + values[i] + values[i + 1]) / 3
      }, shape: image.shape)
  }

  static func sum(_ a: Tensor, _ b: Tensor) -> Tensor { Tensor.linearCombination([(1, a), (1, b)]) }

  @Test func `the gradient of a step edge is its height over the columns`() {
    #expect(abs(Sharpness.gradient(Self.edges()) - 100.0 / 31) < 1e-9)
  }

  @Test func `blur loses edges, noise does not`() {
    let truth = Self.edges(slices: 4)
    #expect(Sharpness.ratio(truth, against: truth) == 1 && Sharpness.edgeRetention(truth, against: truth) == 1)
    #expect(abs(Sharpness.edgeRetention(Self.blurred(truth), against: truth) - 1.0 / 3) < 1e-6)
    let noisy = Self.sum(truth, Self.noise(5, truth.shape))
    #expect(abs(Sharpness.edgeRetention(noisy, against: truth) - 1) < 0.03)
    #expect(Sharpness.ratio(noisy, against: truth) > 2)
    let texture = Self.noise(5, truth.shape)
    #expect(Sharpness.ratio(Self.blurred(texture), against: texture) < 0.8)
  }

  @Test func `independent noise in every slice is flicker, one field is not`() throws {
    let truth = Self.edges(slices: 8)
    let fresh = Self.sum(truth, Self.noise(5, truth.shape))
    let field = Self.noise(5, [1, 32, 32])
    let shared = Self.sum(truth, Tensor.concatenate(Array(repeating: field, count: 8)))
    #expect(abs(try #require(InterSliceConsistency.errorFlicker(fresh, against: truth)) - 1) < 0.05)
    #expect(try #require(InterSliceConsistency.errorFlicker(shared, against: truth)) < 1e-12)
    // Two independent values of variance 25 differ by 50 in the mean square.
    #expect(abs(try #require(InterSliceConsistency.meanSquaredDifference(fresh)) - 50) < 3)
  }

  @Test func `the ratio compares with the reference's own differences`() throws {
    let ramp = Tensor((0..<5 * 4).map { Float($0 / 4) }, shape: [5, 2, 2])
    let steep = Tensor.linearCombination([(3, ramp)])
    #expect(InterSliceConsistency.ratio(steep, against: ramp) == 9)
    #expect(InterSliceConsistency.ratio(steep.slice(0..<1), against: ramp.slice(0..<1)) == nil)
    #expect(InterSliceConsistency.ratio(ramp, against: Tensor(repeating: 1, shape: [5, 2, 2])) == nil)
  }

  @Test func `spread over seeds is the mean sample deviation`() throws {
    let outputs = [1, 3].map { Tensor(repeating: $0, shape: [1, 2, 2]) }
    #expect(abs(try #require(SeedSpread.mean(outputs)) - 2.0.squareRoot()) < 1e-6)
    #expect(SeedSpread.mean([outputs[0]]) == nil)
    let many = (0..<20).map { Self.noise(4, [1, 64, 64], seed: UInt64($0)) }
    // The mean sample deviation of 20 normal values is 4 · 0.9869.
    #expect(abs(try #require(SeedSpread.mean(many)) - 3.948) < 0.05)
  }

  @Test func `the noise estimate sees noise and neither edges nor padding`() {
    let truth = Tensor((0..<256 * 256).map { $0 % 256 < 101 ? 0 : 100 }, shape: [1, 256, 256])
    let noisy = Self.sum(truth, Self.noise(6, truth.shape))
    #expect(abs(NoiseEstimate.mean(noisy) - 6) < 0.2)
    let padded = Tensor(noisy.values.enumerated().map { $0 / 256 < 180 ? -1024 : $1 }, shape: truth.shape)
    #expect(abs(NoiseEstimate.mean(padded) - 6) < 0.4)
    #expect(NoiseEstimate.mean(Tensor(repeating: 7, shape: [1, 8, 8])) == 0)
  }
}
