import CKernels

/// A 2D convolution of NHWC images with a square kernel; what lies outside an image counts as zero.
public struct Convolution: Sendable, Equatable {
  /// Rows and columns of the kernel.
  public var kernel: Int
  /// Input pixels per output pixel.
  public var stride: Int
  /// Zero rows above and columns left of the image.
  public var leadingPadding: Int
  /// Zero rows below and columns right of the image.
  public var trailingPadding: Int

  /// A convolution from its parts.
  public init(kernel: Int, stride: Int = 1, leadingPadding: Int, trailingPadding: Int) {
    precondition(kernel > 0 && stride > 0 && leadingPadding >= 0 && trailingPadding >= 0)
    self.kernel = kernel
    self.stride = stride
    self.leadingPadding = leadingPadding
    self.trailingPadding = trailingPadding
  }

  /// 1 × 1, same size.
  public static let pointwise = Convolution(kernel: 1, leadingPadding: 0, trailingPadding: 0)
  /// 3 × 3, same size.
  public static let same3x3 = Convolution(kernel: 3, leadingPadding: 1, trailingPadding: 1)
  /// 3 × 3 with stride 2, padded right and below only (DDIM's downsampling).
  public static let halving3x3 = Convolution(kernel: 3, stride: 2, leadingPadding: 0, trailingPadding: 1)

  /// Output extent for an input extent.
  public func outputExtent(_ extent: Int) -> Int {
    (extent + leadingPadding + trailingPadding - kernel) / stride + 1
  }

  private func shape(input: [Int], outChannels: Int) -> ck_conv_shape {
    ck_conv_shape(
      height: Int32(input[1]), width: Int32(input[2]), in_channels: Int32(input[3]),
      out_height: Int32(outputExtent(input[1])), out_width: Int32(outputExtent(input[2])),
      out_channels: Int32(outChannels), kernel: Int32(kernel), stride: Int32(stride),
      pad_top: Int32(leadingPadding), pad_left: Int32(leadingPadding))
  }

  /// `conv(x) + bias + residual`.
  ///
  /// - Parameters:
  ///   - x: images `[n, h, w, in]`.
  ///   - weights: `[kernel, kernel, in, out]`.
  ///   - bias: `[out]`, or `[n, out]` for a bias per image.
  ///   - residual: shaped like the result.
  /// - Returns: images `[n, h', w', out]`.
  public func callAsFunction(_ x: Tensor, weights: Tensor, bias: Tensor? = nil, residual: Tensor? = nil) -> Tensor {
    precondition(x.shape.count == 4 && weights.shape.count == 4, "images are NHWC, weights are [k, k, in, out]")
    precondition(weights.shape[0] == kernel && weights.shape[1] == kernel && weights.shape[2] == x.shape[3])
    let images = x.shape[0]
    let outChannels = weights.shape[3]
    var shape = shape(input: x.shape, outChannels: outChannels)
    var out = Tensor(uninitialized: [images, Int(shape.out_height), Int(shape.out_width), outChannels])
    precondition(residual.map { $0.shape == out.shape } ?? true, "a residual is shaped like the result")
    precondition(bias.map { $0.count == outChannels || $0.shape == [images, outChannels] } ?? true)
    guard out.count > 0 else { return out }
    let biasStep = bias?.count == images * outChannels && bias?.shape.count == 2 ? outChannels : 0

    var packed = Tensor(uninitialized: [ck_conv_packed_count(&shape)])
    packed.withUnsafeMutableBuffer { target in
      weights.withUnsafeBuffer { ck_conv_pack(&shape, $0.baseAddress, target.baseAddress) }
    }
    let packedWeights = packed
    let rows = Int(ck_conv_strip_rows(&shape))
    let strips = (Int(shape.out_height) + rows - 1) / rows
    let inStep = x.count / images
    let outStep = out.count / images
    out.withUnsafeMutableBuffer { target in
      let target = SharedPointer(target.baseAddress!)
      let source = SharedPointer(reading: x.base)
      let bias = bias.map { SharedPointer(reading: $0.base) }
      let residual = residual.map { SharedPointer(reading: $0.base) }
      let fixed = shape
      Parallel.forEach(images * strips) { item in
        var shape = fixed
        let image = item / strips
        let first = item % strips * rows
        let count = min(rows, Int(shape.out_height) - first)
        let scratch = TensorStorage(count: ck_conv_scratch_count(&shape, Int32(count)))
        ck_conv_forward(
          &shape, source + image * inStep, packedWeights.base, bias.map { $0 + image * biasStep },
          residual.map { $0 + image * outStep }, Int32(first), Int32(count), scratch.pointer,
          target + image * outStep)
      }
    }
    return out
  }

  /// The gradient with respect to the input.
  ///
  /// - Parameters:
  ///   - outGradient: `[n, h', w', out]`.
  ///   - weights: `[kernel, kernel, in, out]`.
  ///   - inputShape: `[n, h, w, in]`.
  public func inputGradient(_ outGradient: Tensor, weights: Tensor, inputShape: [Int]) -> Tensor {
    let (inChannels, outChannels) = (weights.shape[2], weights.shape[3])
    var flipped = Tensor(uninitialized: [kernel, kernel, outChannels, inChannels])
    flipped.withUnsafeMutableBuffer { target in
      ck_conv_flip(Int32(kernel), Int32(inChannels), Int32(outChannels), weights.base, target.baseAddress)
    }
    let leading = kernel - 1 - leadingPadding
    precondition(leading >= 0 && trailingPadding < kernel)
    if stride == 1 {
      let transposed = Convolution(
        kernel: kernel, leadingPadding: leading, trailingPadding: kernel - 1 - trailingPadding)
      return transposed(outGradient, weights: flipped)
    }
    // With a stride, zeros between the output pixels, and after the last, make this a convolution with stride 1.
    let spread = outGradient.spread(
      by: stride, height: inputShape[1] + kernel - 1 - leading, width: inputShape[2] + kernel - 1 - leading)
    let transposed = Convolution(kernel: kernel, leadingPadding: leading, trailingPadding: 0)
    return transposed(spread, weights: flipped)
  }

  /// The gradient with respect to the weights, `[kernel, kernel, in, out]`.
  ///
  /// Each image is summed on its own, then the images in order: the same bits for any thread count.
  public func weightGradient(_ x: Tensor, outGradient: Tensor) -> Tensor {
    let images = x.shape[0]
    let (inChannels, outChannels) = (x.shape[3], outGradient.shape[3])
    var shape = shape(input: x.shape, outChannels: outChannels)
    let stride = Int(ck_conv_gradient_stride(&shape))
    let taps = kernel * kernel * inChannels
    var partial = Tensor(repeating: 0, shape: [images, taps * stride])
    partial.withUnsafeMutableBuffer { target in
      let target = SharedPointer(target.baseAddress!)
      let source = SharedPointer(reading: x.base)
      let gradient = SharedPointer(reading: outGradient.base)
      let (inStep, outStep) = (x.count / images, outGradient.count / images)
      let fixed = shape
      Parallel.forEach(images) { image in
        var shape = fixed
        let rows = Int(ck_conv_strip_rows(&shape))
        let scratch = TensorStorage(count: ck_conv_scratch_count(&shape, Int32(rows)))
        for first in Swift.stride(from: 0, to: Int(shape.out_height), by: rows) {
          ck_conv_weight_gradient(
            &shape, source + image * inStep, gradient + image * outStep, Int32(first),
            Int32(min(rows, Int(shape.out_height) - first)), scratch.pointer, target + image * taps * stride)
        }
      }
    }
    var out = Tensor(repeating: 0, shape: [kernel, kernel, inChannels, outChannels])
    partial.withUnsafeBuffer { partial in
      out.withUnsafeMutableBuffer { target in
        for item in 0..<images * taps {
          ck_add(
            target.baseAddress! + item % taps * outChannels, partial.baseAddress! + item * stride, outChannels)
        }
      }
    }
    return out
  }
}

extension Tensor {
  /// Images `height` by `width` with a pixel of `self` at every `step`-th place and zeros elsewhere.
  func spread(by step: Int, height: Int, width: Int) -> Tensor {
    let (n, h, w, c) = (shape[0], shape[1], shape[2], shape[3])
    precondition((h - 1) * step < height && (w - 1) * step < width)
    var out = Tensor(repeating: 0, shape: [n, height, width, c])
    out.withUnsafeMutableBuffer { target in
      for image in 0..<n {
        for y in 0..<h {
          for x in 0..<w {
            (target.baseAddress! + ((image * height + y * step) * width + x * step) * c)
              .update(from: base + ((image * h + y) * w + x) * c, count: c)
          }
        }
      }
    }
    return out
  }
}
