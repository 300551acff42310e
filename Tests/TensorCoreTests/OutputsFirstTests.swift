import Testing

@testable import TensorCore

/// Weights in the order in which files keep them.
struct OutputsFirstTests {
  /// Weights in both orders, the second made element by element.
  private func weights(_ outputs: Int, _ inputs: Int, _ kernel: Int) -> (file: Tensor, engine: Tensor) {
    let file = PhiloxRandomSource(seed: 5).normal(shape: [outputs, inputs, kernel, kernel])
    let taps = kernel * kernel
    var engine = [Float](repeating: 0, count: file.count)
    for output in 0..<outputs {
      for input in 0..<inputs {
        for tap in 0..<taps {
          engine[(tap * inputs + input) * outputs + output] = file[flat: (output * inputs + input) * taps + tap]
        }
      }
    }
    return (file, Tensor(engine, shape: [kernel, kernel, inputs, outputs]))
  }

  static let shapes = [(1, 1), (3, 5), (16, 16), (17, 9), (33, 40), (70, 31), (100, 64)]

  @Test("A parameter is turned as the definition says", arguments: shapes, [1, 3])
  func turned(shape: (Int, Int), kernel: Int) {
    let (file, engine) = weights(shape.0, shape.1, kernel)
    #expect(file.withUnsafeBuffer { Tensor(outputsFirst: $0, shape: file.shape) } == engine)
  }

  @Test("Maps are turned, vectors are not")
  func otherShapes() {
    let values = Tensor([1, 2, 3, 4, 5, 6], shape: [2, 3])
    let turned = values.withUnsafeBuffer { Tensor(outputsFirst: $0, shape: [2, 3]) }
    #expect(turned == Tensor([1, 4, 2, 5, 3, 6], shape: [3, 2]))
    #expect(values.withUnsafeBuffer { Tensor(outputsFirst: $0, shape: [6]) } == values.reshaped([6]))
  }

  @Test(
    "Packing from either order gives the same convolution",
    arguments: ComputeBackend.InstructionSet.allCases, shapes)
  func packed(set: ComputeBackend.InstructionSet, shape: (Int, Int)) {
    let cases: [(Convolution, upsampled: Bool)] = [
      (.same3x3, false), (.same3x3, true), (.halving3x3, false), (.pointwise, false),
    ]
    ComputeBackend.using(set) {
      for (convolution, upsampled) in cases {
        let (file, engine) = weights(shape.0, shape.1, convolution.kernel)
        let a = PackedConvolution(convolution, weights: engine, upsampled: upsampled)
        let b = file.withUnsafeBuffer {
          PackedConvolution(convolution, outputsFirst: $0, shape: file.shape, upsampled: upsampled)
        }
        #expect(a.shape == b.shape)
        let images = FusedImages([PhiloxRandomSource(seed: 6).normal(shape: [1, 6, 6, shape.1])], upsampled: upsampled)
        #expect(a(images).images == b(images).images)
      }
    }
  }
}
