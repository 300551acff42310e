import TensorCore
import Testing
import Transforms

private let stack = SliceStack(slices: 12, rows: 30, columns: 45, multiple: 8)

private func correlation(_ a: Tensor, _ b: Tensor) -> Double {
  let (x, y) = (a.values.map(Double.init), b.values.map(Double.init))
  func dot(_ u: [Double], _ v: [Double]) -> Double { zip(u, v).reduce(0) { $0 + $1.0 * $1.1 } }
  return dot(x, y) / (dot(x, x) * dot(y, y)).squareRoot()
}

@Suite("Noise field") struct NoiseFieldTests {
  @Test("slices share their noise by default; other samples, draws and seeds have other noise")
  func shared() {
    let field = NoiseField(seed: 7, stack: stack)
    let noise = field.images(0..<3, ofFrame: 0, draw: 0)
    #expect(noise.shape == [3, 32, 48, 1])
    #expect(noise.slice(0..<1) == noise.slice(2..<3))
    let plane = noise.slice(0..<1)
    for other in [
      field.images(0..<1, ofFrame: 0, draw: 1),
      NoiseField(seed: 8, stack: stack).images(0..<1, ofFrame: 0, draw: 0),
      NoiseField(seed: 7, sample: 1, stack: stack).images(0..<1, ofFrame: 0, draw: 0),
    ] { #expect(abs(correlation(plane, other)) < 0.12) }
  }

  @Test("what a slice gets does not depend on the batch", arguments: NoiseField.Sharing.allCases)
  func batches(sharing: NoiseField.Sharing) {
    let field = NoiseField(seed: 3, sharing: sharing, stack: stack)
    let whole = field.images(0..<12, ofFrame: 1, draw: 2)
    for slice in [0, 5, 11] {
      #expect(field.images(slice..<slice + 1, ofFrame: 1, draw: 2) == whole.slice(slice..<slice + 1))
    }
  }

  @Test("every kind is standard normal", arguments: NoiseField.Sharing.allCases)
  func moments(sharing: NoiseField.Sharing) {
    let wide = SliceStack(slices: 2, rows: 200, columns: 200, multiple: 8)
    let values = NoiseField(seed: 1, sharing: sharing, stack: wide).images(1..<2, ofFrame: 0, draw: 0).values
    let mean = values.reduce(0.0) { $0 + Double($1) } / Double(values.count)
    let square = values.reduce(0.0) { $0 + Double($1) * Double($1) } / Double(values.count)
    // Five standard errors of 40 000 draws.
    #expect(abs(mean) < 0.025 && abs(square - 1) < 0.036)
  }

  @Test("correlated slices correlate as documented, independent ones not at all")
  func correlations() {
    let slow = NoiseField(seed: 5, sharing: .correlated, stack: stack).images(0..<6, ofFrame: 0, draw: 0)
    #expect(abs(correlation(slow.slice(0..<1), slow.slice(1..<2)) - 0.94) < 0.02)
    #expect(abs(correlation(slow.slice(0..<1), slow.slice(5..<6)) - 0.21) < 0.1)
    let free = NoiseField(seed: 5, sharing: .independent, stack: stack).images(0..<2, ofFrame: 0, draw: 0)
    #expect(abs(correlation(free.slice(0..<1), free.slice(1..<2))) < 0.12)
  }

  @Test("given noise is taken as it is, and mirrored into the padding; later draws are still random")
  func given() {
    let small = SliceStack(slices: 2, rows: 1, columns: 3, multiple: 4)
    let noise = Tensor([1, 2, 3, 4, 5, 6], shape: [1, 2, 1, 3])
    let field = NoiseField(seed: 1, stack: small, given: noise)
    let row: [Float] = [4, 5, 6, 5]
    #expect(field.images(1..<2, ofFrame: 0, draw: 0).values == row + row + row + row)
    #expect(
      field.images(0..<1, ofFrame: 0, draw: 1) == NoiseField(seed: 1, stack: small).images(0..<1, ofFrame: 0, draw: 1))
  }
}
