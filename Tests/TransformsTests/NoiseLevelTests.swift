import TensorCore
import Testing
import Transforms

@Suite("Noise level") struct NoiseLevelTests {
  /// A head of a kind: an ellipsoid of 100 with a smooth wave in it, air around it; both receiver channels noisy.
  static func head(sigma: Float, frames: Int = 1, slices: Int = 24, air: Float = 0) -> Tensor {
    let (rows, columns) = (64, 60)
    let noise = (0..<2).map {
      PhiloxRandomSource(seed: 5, stream: UInt64($0)).normal(shape: [frames, slices, rows, columns])
    }
    var out = noise[0]
    out.withUnsafeMutableBuffer { values in
      noise[1].withUnsafeBuffer { imaginary in
        for i in values.indices {
          let x = Float(i % columns) / 30 - 1, y = Float(i / columns % rows) / 32 - 1
          let signal: Float = x * x + y * y < 0.6 ? 100 + 20 * x * y : air
          let (a, b) = (signal + sigma * values[i], sigma * imaginary[i])
          values[i] = (a * a + b * b).squareRoot()
        }
      }
    }
    return out
  }

  @Test("the noise of the bright part is found, whatever the air around it", arguments: [1, 4, 12] as [Float])
  func estimate(sigma: Float) {
    #expect(abs(NoiseLevel.estimate(Self.head(sigma: sigma)) / Double(sigma) - 1) < 0.04)
    #expect(abs(NoiseLevel.estimate(Self.head(sigma: sigma, frames: 2, slices: 5)) / Double(sigma) - 1) < 0.06)
    // One slice has differences within it alone, so its edges count for noise.
    #expect(abs(NoiseLevel.estimate(Self.head(sigma: sigma, slices: 1)) / Double(sigma) - 1.1) < 0.12)
    var masked = Self.head(sigma: sigma)
    masked.withUnsafeMutableBuffer { for i in $0.indices where $0[i] < 50 { $0[i] = 0 } }
    #expect(abs(NoiseLevel.estimate(masked) / Double(sigma) - 1) < 0.04)
  }

  @Test("scale and offset of the values pass through") func units() {
    var other = Self.head(sigma: 3)
    let own = NoiseLevel.estimate(other)
    other.withUnsafeMutableBuffer { for i in $0.indices { $0[i] = $0[i] / 50 - 1 } }
    #expect(abs(NoiseLevel.estimate(other) * 50 - own) < 1e-3)
  }

  @Test("what has no noise has none: smooth anatomy, a constant, a single line")
  func nothing() {
    #expect(NoiseLevel.estimate(Self.head(sigma: 0)) < 0.05)
    #expect(NoiseLevel.estimate(Tensor(repeating: 7, shape: [1, 4, 8, 8])) == 0)
    #expect(NoiseLevel.estimate(Tensor([1, 5, 2], shape: [1, 1, 1, 3])) == 0)
  }
}
