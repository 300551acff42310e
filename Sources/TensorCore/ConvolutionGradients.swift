import CKernels

extension Convolution {
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
    if stride == 1 {
      let leading = kernel - 1 - leadingPadding
      precondition(leading >= 0 && trailingPadding < kernel)
      let transposed = Convolution(
        kernel: kernel, leadingPadding: leading, trailingPadding: kernel - 1 - trailingPadding)
      return transposed(outGradient, weights: flipped)
    }
    // Zeros between the output pixels make this a convolution with stride 1 whose window is centred.
    precondition(kernel == 3 && leadingPadding <= 1, "strides are for 3 x 3 kernels")
    let spread = outGradient.spread(
      by: stride, offset: 1 - leadingPadding, height: inputShape[1], width: inputShape[2])
    return Convolution.same3x3(spread, weights: flipped)
  }

  /// The gradient with respect to the weights, `[kernel, kernel, in, out]`.
  ///
  /// Groups of pixels are summed on their own, then added in order: the same bits for any thread count.
  public func weightGradient(_ images: FusedImages, outGradient: Tensor) -> Tensor {
    let (inChannels, outChannels) = (images.shape[3], outGradient.shape[3])
    guard PackedConvolution.method(self, inputs: inChannels, outputs: outChannels, upsampled: false) != .direct else {
      return directWeightGradient(images, outGradient)
    }
    return winogradWeightGradient(images, outGradient)
  }

  /// The gradient with respect to the weights for images in memory.
  public func weightGradient(_ x: Tensor, outGradient: Tensor) -> Tensor {
    weightGradient(FusedImages([x]), outGradient: outGradient)
  }

  /// Parts of a batch that are summed apart; fixed, so that the order of every sum is.
  private static let groups = 4

  private func directWeightGradient(_ images: FusedImages, _ outGradient: Tensor) -> Tensor {
    let (n, inChannels, outChannels) = (images.shape[0], images.shape[3], outGradient.shape[3])
    var shape = kernelShape(input: images.shape, outChannels: outChannels)
    let stride = Int(ck_conv_gradient_stride(&shape))
    let taps = kernel * kernel * inChannels
    let (strips, scratchCount) = (Int(ck_conv_strips(&shape)), ck_conv_scratch_count(&shape))
    let outStep = outGradient.count / n
    let fixed = shape
    let sums = Self.groupSums(n * strips, count: taps * stride, scratch: scratchCount) { unit, scratch, sums in
      var shape = fixed
      let image = unit / strips
      var input = images.input(image)
      ck_conv_weight_gradient(
        &shape, &input, outGradient.base + image * outStep, Int32(unit % strips), scratch, sums)
    }
    var out = Tensor(uninitialized: [kernel, kernel, inChannels, outChannels])
    out.withUnsafeMutableBuffer { target in
      for tap in 0..<taps {
        (target.baseAddress! + tap * outChannels).update(from: sums.base + tap * stride, count: outChannels)
      }
    }
    return out
  }

  private func winogradWeightGradient(_ images: FusedImages, _ outGradient: Tensor) -> Tensor {
    let (shape, outChannels) = (images.shape, outGradient.shape[3])
    var plan = ck_winograd_make_gradient_plan(
      Int32(shape[1]), Int32(shape[2]), Int32(shape[3]), Int32(outChannels), images.upsampled ? 1 : 0)
    let (blocks, scratchCount) = (Int(plan.blocks_high * plan.blocks_wide), ck_winograd_gradient_scratch_count(&plan))
    let outStep = outGradient.count / shape[0]
    let fixed = plan
    let count = ck_winograd_gradient_count(&plan)
    let sums = Self.groupSums(shape[0] * blocks, count: count, scratch: scratchCount) { unit, scratch, sums in
      var plan = fixed
      let image = unit / blocks
      var input = images.input(image)
      ck_winograd_gradient_add(
        &plan, &input, outGradient.base + image * outStep, Int32(unit % blocks), scratch, sums)
    }
    var out = Tensor(uninitialized: [3, 3, shape[3], outChannels])
    out.withUnsafeMutableBuffer { target in
      let target = SharedPointer(target.baseAddress!)
      let rows = 16
      Parallel.forEach((shape[3] + rows - 1) / rows) { item in
        var plan = fixed
        ck_winograd_gradient_finish(
          &plan, sums.base, Int32(item * rows), Int32(min(rows, shape[3] - item * rows)), target.pointer)
      }
    }
    return out
  }

  /// Sums over all units of work what `add` adds for each, `count` floats.
  private static func groupSums(
    _ units: Int, count: Int, scratch: Int,
    _ add: @Sendable (_ unit: Int, _ scratch: UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>) -> Void
  ) -> Tensor {
    let groups = min(groups, units)
    var partial = Tensor(uninitialized: [groups, count])
    partial.withUnsafeMutableBuffer { target in
      let target = SharedPointer(target.baseAddress!)
      Parallel.forEach(groups, scratch: scratch) { group, scratch in
        let sums = target + group * count
        sums.update(repeating: 0, count: count)
        for unit in group * units / groups..<(group + 1) * units / groups { add(unit, scratch, sums) }
      }
      let piece = 1 << 14
      Parallel.forEach((count + piece - 1) / piece) { item in
        let first = item * piece
        for group in 1..<groups {
          ck_add(target + first, target + (group * count + first), min(piece, count - first))
        }
      }
    }
    return partial
  }
}

extension Tensor {
  /// Images `height` by `width` with a pixel of `self` at every `step`-th place from `offset` on and zeros elsewhere.
  func spread(by step: Int, offset: Int, height: Int, width: Int) -> Tensor {
    let (n, h, w, c) = (shape[0], shape[1], shape[2], shape[3])
    precondition((h - 1) * step + offset < height && (w - 1) * step + offset < width)
    var out = Tensor(uninitialized: [n, height, width, c])
    out.withUnsafeMutableBuffer { target in
      guard let start = target.baseAddress, target.count > 0 else { return }
      let (source, target) = (SharedPointer(reading: base), SharedPointer(start))
      Parallel.forEach(n * height) { item in
        let (image, row) = (item / height, item % height - offset)
        let line = target + item * width * c
        line.update(repeating: 0, count: width * c)
        guard row >= 0, row % step == 0, row / step < h else { return }
        for x in 0..<w {
          (line + (x * step + offset) * c).update(from: source + ((image * h + row / step) * w + x) * c, count: c)
        }
      }
    }
    return out
  }
}
