import CKernels
import Foundation
import TensorCore
import Testing

@Suite("Group norm, activations, softmax")
struct NormalizationTests {
  @Test(
    "Group norm equals the reference on every instruction set", arguments: [(32, 1, 1), (64, 7, 9), (96, 50, 61)])
  func reference(_ c: (channels: Int, height: Int, width: Int)) {
    let shape = [2, c.height, c.width, c.channels]
    var x = PhiloxRandomSource(seed: 1).normal(shape: shape)
    // A large mean, so that a careless variance would cancel.
    x.withUnsafeMutableBuffer { for i in $0.indices { $0[i] = $0[i] * 3 + 100 } }
    let gamma = PhiloxRandomSource(seed: 2).normal(shape: [c.channels])
    let beta = PhiloxRandomSource(seed: 3).normal(shape: [c.channels])
    for silu in [false, true] {
      var expected = [Float](repeating: 0, count: x.count)
      let size = x.count / 2
      for image in 0..<2 {
        expected.withUnsafeMutableBufferPointer {
          ck_reference_group_norm(
            x.slice(image..<image + 1).values, c.height * c.width, Int32(c.channels), 32, 1e-6, gamma.values,
            beta.values, silu ? 1 : 0, $0.baseAddress! + image * size)
        }
      }
      for set in ComputeBackend.InstructionSet.allCases {
        ComputeBackend.using(set) {
          let (y, _) = GroupNorm(silu: silu)(x, gamma: gamma, beta: beta)
          #expect(relativeError(y.values, expected) < 2e-5, "\(set), silu \(silu)")
        }
      }
    }
  }

  @Test("Group norm of a constant image is beta")
  func constant() {
    let beta = PhiloxRandomSource(seed: 3).normal(shape: [32])
    let (y, _) = GroupNorm(silu: false)(
      Tensor(repeating: 5, shape: [1, 4, 4, 32]), gamma: Tensor(repeating: 2, shape: [32]), beta: beta)
    for pixel in 0..<16 {
      #expect(relativeError(Array(y.values[pixel * 32..<pixel * 32 + 32]), beta.values) < 1e-6)
    }
  }

  @Test("SiLU equals x / (1 + e^-x) from -100 to 100 on every instruction set")
  func silu() {
    let x = Tensor((-1000...1000).map { Float($0) / 10 }, shape: [2001])
    for set in ComputeBackend.InstructionSet.allCases {
      ComputeBackend.using(set) {
        for (a, b) in zip(x.silu().values, x.values) {
          let expected = Double(b) / (1 + exp(-Double(b)))
          #expect(abs(Double(a) - expected) <= 1e-6 * max(abs(expected), 1e-6), "\(set) at \(b)")
        }
      }
    }
  }

  @Test("Softmax rows sum to one and equal the definition", arguments: [1, 3, 16, 37, 256])
  func softmax(_ columns: Int) {
    let x = PhiloxRandomSource(seed: 9).normal(shape: [4, columns]).values.map { $0 * 20 }
    for set in ComputeBackend.InstructionSet.allCases {
      ComputeBackend.using(set) {
        var y = x
        ck_softmax_rows(&y, 4, columns, 0.25)
        for row in 0..<4 {
          let e = x[row * columns..<(row + 1) * columns].map { exp(Double($0) * 0.25) }
          let expected = e.map { Float($0 / e.reduce(0, +)) }
          #expect(relativeError(Array(y[row * columns..<(row + 1) * columns]), expected) < 2e-6, "\(set)")
        }
      }
    }
  }

  @Test("The same bits for 1, 2 and 3 threads")
  func sameBits() {
    let x = PhiloxRandomSource(seed: 1).normal(shape: [2, 60, 70, 64])
    let gamma = PhiloxRandomSource(seed: 2).normal(shape: [64])
    let results = [1, 2, 3].map { threads in
      Parallel.using(threads: threads) {
        let norm = GroupNorm(silu: true)
        let (y, application) = norm(x, gamma: gamma, beta: gamma)
        let g = norm.gradients([x], gamma: gamma, application, outGradient: y)
        return [y, g.parts[0], g.gamma, g.beta]
      }
    }
    #expect(results[0] == results[1])
    #expect(results[0] == results[2])
  }
}
