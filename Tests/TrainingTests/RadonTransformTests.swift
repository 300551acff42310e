import TensorCore
import Testing

@Suite struct RadonTransformTests {
  static let size = 96
  static let radius = 30.0

  static func disc() -> Tensor {
    Phantoms.disc(size: size, radius: radius, inside: 1, outside: 0).reshaped([size, size])
  }

  @Test func `line integrals of a disc are its chords, from every side`() {
    let radon = RadonTransform(size: Self.size, views: 24)
    let sinogram = radon.project(Self.disc()).values
    let middle = Double(radon.bins - 1) / 2
    for view in 0..<radon.views {
      for bin in 0..<radon.bins {
        let distance = abs(Double(bin) - middle)
        // Near the rim the chord changes faster than a pixel can show.
        guard distance < Self.radius - 4 || distance > Self.radius + 2 else { continue }
        let chord = 2 * max(0, Self.radius * Self.radius - distance * distance).squareRoot()
        #expect(abs(Double(sinogram[view * radon.bins + bin]) - chord) < 0.6, "view \(view), bin \(bin)")
      }
    }
  }

  @Test(arguments: [0.0, 0.5, 1.0]) func `filtered back-projection of a disc recovers its value`(apodisation: Double) {
    let radon = RadonTransform(size: Self.size, views: 180, apodisation: apodisation)
    let image = radon.filteredBackProjection(radon.project(Self.disc())).values
    let centre = Double(Self.size - 1) / 2
    var inside: [Float] = []
    var outside: [Float] = []
    for y in 0..<Self.size {
      for x in 0..<Self.size {
        let dx = Double(x) - centre, dy = Double(y) - centre
        let r = (dx * dx + dy * dy).squareRoot()
        if r < Self.radius - 5 { inside.append(image[y * Self.size + x]) }
        if r > Self.radius + 5, r < centre { outside.append(image[y * Self.size + x]) }
      }
    }
    #expect(abs(Phantoms.mean(inside) - 1) < 0.003)
    #expect(abs(Phantoms.mean(outside)) < 0.003)
    #expect(inside.allSatisfy { abs($0 - 1) < 0.05 })
  }

  @Test func `an off-centre point comes back where it was`() {
    var image = Tensor(shape: [33, 33])
    image[flat: 7 * 33 + 21] = 1
    let radon = RadonTransform(size: 33, views: 90)
    let back = radon.filteredBackProjection(radon.project(image)).values
    #expect(back.indices.max { back[$0] < back[$1] } == 7 * 33 + 21)
  }

  @Test(arguments: [0.5, 4, 40, 99, 101, 2000, 1e5] as [Float])
  func `Poisson numbers have their mean, variance and skewness`(mean: Float) {
    let count = 40_000
    let values = PhiloxRandomSource(seed: 11, stream: 3).poisson(means: Tensor(repeating: mean, shape: [count])).values
    let expected = Double(mean)
    let error = (expected / Double(count)).squareRoot()
    #expect(abs(Phantoms.mean(values) - expected) < 4 * error)
    // Var of the sample variance of a Poisson number is (μ + 2μ²) / n.
    let spread = ((expected + 2 * expected * expected) / Double(count)).squareRoot()
    #expect(abs(Phantoms.variance(values) - expected) < 4 * spread + 0.1)
    let m = Phantoms.mean(values)
    let third = values.reduce(0.0) { $0 + (Double($1) - m) * (Double($1) - m) * (Double($1) - m) } / Double(count)
    let skewness = third / (expected * expected.squareRoot())
    #expect(abs(skewness - 1 / expected.squareRoot()) < 4 * (6 / Double(count)).squareRoot() + 0.2 / expected)
    #expect(values.allSatisfy { $0 >= 0 && $0 == $0.rounded() })
  }

  @Test func `a mean of zero gives zero`() {
    #expect(PhiloxRandomSource(seed: 1).poisson(means: Tensor(repeating: 0, shape: [64])) == Tensor(shape: [64]))
  }
}
