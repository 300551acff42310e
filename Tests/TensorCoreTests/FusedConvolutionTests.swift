import CKernels
import Foundation
import TensorCore
import Testing

/// Fused convolutions, by every method, against the readable oracle fed with images that were prepared in memory.
@Suite("Fused convolutions")
struct FusedConvolutionTests {
  struct Case: Sendable, CustomStringConvertible {
    var height: Int, width: Int
    var parts: [Int]
    var outputs: Int
    var upsampled = false
    var normalized = false
    var silu = false
    var convolution = Convolution.same3x3
    var method: PackedConvolution.Method
    var description: String {
      "\(height)x\(width) \(parts)->\(outputs)\(upsampled ? " up" : "")\(normalized ? " norm" : "")\(silu ? " silu" : "") \(method)"
    }
  }

  /// Shapes drawn at random: sizes 1 to 40, any channel counts.
  private static func random(_ count: Int) -> [Case] {
    let random = PhiloxRandomSource(seed: 7)
    func draw(_ case: Int, _ place: Int, _ below: Int) -> Int {
      random.integer(below: below, at: UInt64(`case` * 16 + place))
    }
    return (0..<count).map { i in
      let normalized = draw(i, 5, 2) == 1
      let method: PackedConvolution.Method = [.direct, .winograd(tile: 4), .winograd(tile: 2)][draw(i, 8, 3)]
      return Case(
        height: 1 + draw(i, 0, 40), width: 1 + draw(i, 1, 40),
        parts: draw(i, 2, 3) == 0 ? [1 + draw(i, 3, 40)] : [1 + draw(i, 3, 40), 1 + draw(i, 4, 70)],
        outputs: 1 + draw(i, 6, 80), upsampled: draw(i, 7, 3) == 0, normalized: normalized,
        silu: normalized && draw(i, 9, 2) == 1, method: method)
    }
  }

  static let cases: [Case] =
    [
      Case(height: 1, width: 1, parts: [1], outputs: 1, method: .winograd(tile: 4)),
      Case(height: 1, width: 1, parts: [8], outputs: 8, upsampled: true, method: .winograd(tile: 2)),
      Case(height: 4, width: 4, parts: [32], outputs: 32, normalized: true, silu: true, method: .winograd(tile: 4)),
      Case(
        height: 5, width: 33, parts: [32, 64], outputs: 31, normalized: true, silu: true, method: .winograd(tile: 4)),
      Case(height: 40, width: 3, parts: [7, 50], outputs: 33, upsampled: true, method: .winograd(tile: 4)),
      Case(
        height: 9, width: 12, parts: [20, 13], outputs: 40, normalized: true, silu: true, convolution: .pointwise,
        method: .direct),
      Case(
        height: 8, width: 14, parts: [6, 3], outputs: 17, normalized: true, convolution: .halving3x3, method: .direct),
    ] + random(40)

  @Test("Every method equals the oracle on every instruction set, moments included", arguments: cases)
  func againstOracle(_ c: Case) {
    let n = 2
    let parts = c.parts.enumerated().map {
      PhiloxRandomSource(seed: 1, stream: UInt64($0)).normal(shape: [n, c.height, c.width, $1])
    }
    let inputs = c.parts.reduce(0, +)
    func channels(_ seed: UInt64) -> Tensor { PhiloxRandomSource(seed: seed).normal(shape: [n, inputs]) }
    let affine = c.normalized ? ChannelAffine(shift: channels(2), scale: channels(3), offset: channels(4)) : nil
    let images = FusedImages(parts, affine: affine, silu: c.silu, upsampled: c.upsampled)
    let seen = prepared(parts, affine, c)
    let k = c.convolution.kernel
    let weights = PhiloxRandomSource(seed: 5).normal(shape: [k, k, inputs, c.outputs])
    let bias = PhiloxRandomSource(seed: 6).normal(shape: [n, c.outputs])
    let (height, width) = (c.convolution.outputExtent(images.shape[1]), c.convolution.outputExtent(images.shape[2]))
    let residual = PhiloxRandomSource(seed: 7).normal(shape: [n, height, width, c.outputs])
    let expected = oracle(seen, images.shape, weights, bias, residual, c)
    let scale = Double(expected.map { abs($0) }.max() ?? 1)
    for set in ComputeBackend.InstructionSet.allCases {
      ComputeBackend.using(set) {
        #expect(relativeError(images.materialized().values, seen) < 1e-6, "what is read, \(set)")
        let packed = PackedConvolution(c.convolution, weights: weights, upsampled: c.upsampled, method: c.method)
        let (y, moments) = packed(images, bias: bias, residual: residual, wantsMoments: true)
        #expect(relativeError(y.values, expected) < 1e-5, "result, \(set)")
        #expect(packed(images, bias: bias, residual: residual).images == y, "moments change nothing")
        // The moments are those of the result: normalising with them gives mean 0 and variance 1.
        let norm = GroupNorm(groups: 1, epsilon: 0, silu: false)
        let one = Tensor(repeating: 1, shape: [c.outputs]), zero = Tensor(repeating: 0, shape: [c.outputs])
        let affine = norm.application(to: [moments!], gamma: one, beta: zero).affine
        for image in 0..<n where height * width * c.outputs > 1 {
          let values = y.slice(image..<image + 1).values.map(Double.init)
          let mean = values.reduce(0, +) / Double(values.count)
          let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
          let found = Double(affine.scale[flat: image * c.outputs])
          #expect(abs(found * variance.squareRoot() - 1) < 1e-5, "variance, \(set)")
          let shift = Double(affine.shift[flat: image * c.outputs])
          let foundMean = shift - Double(affine.offset[flat: image * c.outputs]) / found
          #expect(abs(foundMean - mean) < 1e-5 * scale, "mean, \(set)")
        }
      }
    }
  }

  @Test("Weight gradients by Winograd equal the oracle on every instruction set", arguments: cases.prefix(24))
  func weightGradient(_ c: Case) {
    guard c.convolution == .same3x3 else { return }
    let n = 5
    let parts = c.parts.enumerated().map {
      PhiloxRandomSource(seed: 1, stream: UInt64($0)).normal(shape: [n, c.height, c.width, $1 + 7])
    }
    var c = c
    c.parts = c.parts.map { $0 + 7 }
    c.outputs += 7
    let inputs = c.parts.reduce(0, +)
    func channels(_ seed: UInt64) -> Tensor { PhiloxRandomSource(seed: seed).normal(shape: [n, inputs]) }
    let affine = c.normalized ? ChannelAffine(shift: channels(2), scale: channels(3), offset: channels(4)) : nil
    let images = FusedImages(parts, affine: affine, silu: c.silu, upsampled: c.upsampled)
    let gradient = PhiloxRandomSource(seed: 7).normal(shape: images.shape.dropLast() + [c.outputs])
    let seen = prepared(parts, affine, c)
    var shape = kernelShape(images.shape, c)
    let count = 9 * inputs * c.outputs
    var expected = [Float](repeating: 0, count: count)
    var one = expected
    let (inStep, outStep) = (seen.count / n, gradient.count / n)
    for image in 0..<n {
      let dy = gradient.slice(image..<image + 1).values
      #expect(dy.count == outStep)
      ck_reference_conv_weight_gradient(&shape, Array(seen[image * inStep..<(image + 1) * inStep]), dy, &one)
      for i in 0..<count { expected[i] += one[i] }
    }
    for set in ComputeBackend.InstructionSet.allCases {
      ComputeBackend.using(set) {
        let found = Convolution.same3x3.weightGradient(images, outGradient: gradient)
        #expect(relativeError(found.values, expected) < 2e-5, "\(set)")
      }
    }
  }

  @Test("The same bits for any number of threads, batch and order of work", arguments: [2, 4], [false, true])
  func sameBits(_ tile: Int, _ upsampled: Bool) {
    // Few images go panel by panel, many block by block.
    let x = PhiloxRandomSource(seed: 1).normal(shape: [12, 24, 20, 40])
    let weights = PhiloxRandomSource(seed: 2).normal(shape: [3, 3, 40, 48])
    let packed = PackedConvolution(.same3x3, weights: weights, upsampled: upsampled, method: .winograd(tile: tile))
    let whole = packed(FusedImages([x], upsampled: upsampled), wantsMoments: true)
    for threads in [1, 2, 3, 50] {
      Parallel.using(threads: threads) {
        for range in [0..<12, 3..<5, 7..<8] {
          let part = packed(FusedImages([x.slice(range)], upsampled: upsampled), wantsMoments: true)
          #expect(part.images == whole.images.slice(range), "\(threads) threads, images \(range)")
        }
        let y = whole.images
        #expect(
          Convolution.same3x3.weightGradient(FusedImages([x], upsampled: upsampled), outGradient: y)
            == Parallel.using(threads: 1) {
              Convolution.same3x3.weightGradient(FusedImages([x], upsampled: upsampled), outGradient: y)
            })
      }
    }
  }

  /// What the convolution sees, computed the plain way.
  private func prepared(_ parts: [Tensor], _ affine: ChannelAffine?, _ c: Case) -> [Float] {
    let n = parts[0].shape[0], inputs = c.parts.reduce(0, +), factor = c.upsampled ? 2 : 1
    let values = parts.map(\.values)
    var out: [Float] = []
    for image in 0..<n {
      for y in 0..<c.height * factor {
        for x in 0..<c.width * factor {
          let pixel = (image * c.height + y / factor) * c.width + x / factor
          var channel = image * inputs
          for (part, count) in zip(values, c.parts) {
            for k in 0..<count {
              var value = Double(part[pixel * count + k])
              if let affine {
                value = (value - Double(affine.shift[flat: channel])) * Double(affine.scale[flat: channel])
                value += Double(affine.offset[flat: channel])
              }
              out.append(Float(c.silu ? value / (1 + exp(-value)) : value))
              channel += 1
            }
          }
        }
      }
    }
    return out
  }

  private func kernelShape(_ shape: [Int], _ c: Case) -> ck_conv_shape {
    ck_conv_shape(
      height: Int32(shape[1]), width: Int32(shape[2]), in_channels: Int32(shape[3]),
      out_height: Int32(c.convolution.outputExtent(shape[1])), out_width: Int32(c.convolution.outputExtent(shape[2])),
      out_channels: Int32(c.outputs), kernel: Int32(c.convolution.kernel), stride: Int32(c.convolution.stride),
      pad_top: Int32(c.convolution.leadingPadding), pad_left: Int32(c.convolution.leadingPadding))
  }

  private func oracle(
    _ seen: [Float], _ shape: [Int], _ weights: Tensor, _ bias: Tensor, _ residual: Tensor, _ c: Case
  ) -> [Float] {
    var kernelShape = kernelShape(shape, c)
    let n = shape[0], (inStep, outStep) = (seen.count / n, residual.count / n)
    var out = [Float](repeating: 0, count: residual.count)
    for image in 0..<n {
      out.withUnsafeMutableBufferPointer {
        ck_reference_conv_forward(
          &kernelShape, Array(seen[image * inStep..<(image + 1) * inStep]), weights.values,
          bias.slice(image..<image + 1).values, residual.slice(image..<image + 1).values,
          $0.baseAddress! + image * outStep)
      }
    }
    return out
  }
}
