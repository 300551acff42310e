import CKernels
import TensorCore
import Testing

@Suite("Convolution kernels")
struct ConvolutionTests {
  struct Case: Sendable, CustomStringConvertible {
    let height: Int, width: Int, inputs: Int, outputs: Int
    let convolution: Convolution
    var description: String {
      "\(height)x\(width) \(inputs)->\(outputs) k\(convolution.kernel) s\(convolution.stride)"
    }
  }

  static let cases: [Case] =
    [
      (1, 1, 1, 1), (1, 7, 2, 3), (5, 1, 3, 33), (13, 27, 2, 32), (17, 12, 32, 1), (8, 8, 32, 32), (33, 40, 5, 31),
      (9, 25, 40, 64), (16, 64, 64, 32), (2, 3, 7, 17),
    ].flatMap { (h, w, i, o) in
      [Convolution.same3x3, .pointwise, .halving3x3]
        .filter { $0.stride == 1 || (h > 1 && w > 1) }
        .map { Case(height: h, width: w, inputs: i, outputs: o, convolution: $0) }
    }

  private func shape(_ c: Case) -> ck_conv_shape {
    ck_conv_shape(
      height: Int32(c.height), width: Int32(c.width), in_channels: Int32(c.inputs),
      out_height: Int32(c.convolution.outputExtent(c.height)), out_width: Int32(c.convolution.outputExtent(c.width)),
      out_channels: Int32(c.outputs), kernel: Int32(c.convolution.kernel), stride: Int32(c.convolution.stride),
      pad_top: Int32(c.convolution.leadingPadding), pad_left: Int32(c.convolution.leadingPadding))
  }

  @Test("Forward, input gradient and weight gradient equal the reference", arguments: cases)
  func againstReference(_ c: Case) {
    var s = shape(c)
    let x = PhiloxRandomSource(seed: 1).normal(shape: [2, c.height, c.width, c.inputs])
    let kernel = c.convolution.kernel
    let w = PhiloxRandomSource(seed: 2).normal(shape: [kernel, kernel, c.inputs, c.outputs])
    let bias = PhiloxRandomSource(seed: 3).normal(shape: [2, c.outputs])
    let outShape = [2, Int(s.out_height), Int(s.out_width), c.outputs]
    let residual = PhiloxRandomSource(seed: 4).normal(shape: outShape)
    let dy = PhiloxRandomSource(seed: 5).normal(shape: outShape)

    var expected = [Float](repeating: 0, count: residual.count)
    var dx = [Float](repeating: 0, count: x.count)
    var dw = [Float](repeating: 0, count: w.count)
    var one = dw
    for image in 0..<2 {
      let (xi, oi) = (x.slice(image..<image + 1).values, residual.slice(image..<image + 1).values)
      let di = dy.slice(image..<image + 1).values
      expected.withUnsafeMutableBufferPointer {
        ck_reference_conv_forward(
          &s, xi, w.values, bias.slice(image..<image + 1).values, oi, $0.baseAddress! + image * oi.count)
      }
      dx.withUnsafeMutableBufferPointer {
        ck_reference_conv_input_gradient(&s, di, w.values, $0.baseAddress! + image * xi.count)
      }
      ck_reference_conv_weight_gradient(&s, xi, di, &one)
      for i in dw.indices { dw[i] += one[i] }
    }
    // Winograd's transforms cost a few bits.
    let isDirect =
      PackedConvolution.method(c.convolution, inputs: c.inputs, outputs: c.outputs, upsampled: false) == .direct
    let tolerance = isDirect ? 2e-6 : 1e-5
    for set in ComputeBackend.InstructionSet.allCases {
      ComputeBackend.using(set) {
        let y = c.convolution(x, weights: w, bias: bias, residual: residual)
        #expect(y.shape == outShape)
        #expect(relativeError(y.values, expected) < tolerance, "forward, \(set)")
        let inputGradient = c.convolution.inputGradient(dy, weights: w, inputShape: x.shape)
        #expect(inputGradient.shape == x.shape)
        #expect(relativeError(inputGradient.values, dx) < 1e-5, "input gradient, \(set)")
        let weightGradient = c.convolution.weightGradient(x, outGradient: dy)
        #expect(relativeError(weightGradient.values, dw) < 1e-5, "weight gradient, \(set)")
      }
    }
  }

  @Test("Downsampling pads right and below: an impulse at the top left meets the kernel's first tap")
  func impulse() {
    var x = Tensor(repeating: 0, shape: [1, 4, 4, 1])
    x[flat: 0] = 1
    let w = Tensor((1...9).map { Float($0) }, shape: [3, 3, 1, 1])
    #expect(Convolution.halving3x3(x, weights: w).values == [1, 0, 0, 0])
  }

  @Test("The same bits for 1, 2 and 3 threads, and for an image alone or in a batch")
  func sameBits() {
    let x = PhiloxRandomSource(seed: 1).normal(shape: [3, 37, 29, 33])
    let w = PhiloxRandomSource(seed: 2).normal(shape: [3, 3, 33, 40])
    let results = [1, 2, 3].map { threads in
      Parallel.using(threads: threads) {
        let y = Convolution.same3x3(x, weights: w)
        return [y, Convolution.same3x3.weightGradient(x, outGradient: y)]
      }
    }
    #expect(results[0] == results[1])
    #expect(results[0] == results[2])
    #expect(Convolution.same3x3(x.slice(1..<2), weights: w) == results[0][0].slice(1..<2))
  }
}

/// Largest difference over the largest expected magnitude.
func relativeError(_ a: [Float], _ b: [Float]) -> Double {
  guard a.count == b.count else { return .infinity }
  let scale = max(b.map { abs(Double($0)) }.max() ?? 0, 1e-30)
  let differences = zip(a, b).map { abs(Double($0) - Double($1)) }
  return differences.contains { $0.isNaN } ? .infinity : (differences.max() ?? 0) / scale
}
