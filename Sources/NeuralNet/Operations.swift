public import TensorCore

extension Graph {
  /// Convolution with bias, an optional bias per image, and an optional residual to add.
  ///
  /// - Parameters:
  ///   - x: `[n, h, w, in]`.
  ///   - weights: `[k, k, in, out]`.
  ///   - bias: `[out]`.
  ///   - imageBias: `[n, out]`, added to every pixel of its image.
  ///   - residual: shaped like the result.
  public func convolution(
    _ convolution: Convolution, _ x: Variable, weights: Variable, bias: Variable, imageBias: Variable? = nil,
    residual: Variable? = nil
  ) -> Variable {
    var combined = bias.value
    if let imageBias {
      combined = imageBias.value
      for image in 0..<combined.shape[0] {
        for c in 0..<combined.shape[1] { combined[flat: image * combined.shape[1] + c] += bias.value[flat: c] }
      }
    }
    let value = convolution(x.value, weights: weights.value, bias: combined, residual: residual?.value)
    return record(value, from: [x, weights, bias, imageBias, residual]) { gradient in
      residual?.accumulate(gradient)
      if let imageBias {
        let sums = gradient.imageChannelSums()
        imageBias.accumulate(sums)
        bias.accumulate(sums.channelSums())
      } else {
        bias.accumulate(gradient.channelSums())
      }
      weights.accumulate(convolution.weightGradient(x.value, outGradient: gradient))
      if x.needsGradient {
        x.accumulate(convolution.inputGradient(gradient, weights: weights.value, inputShape: x.value.shape))
      }
    }
  }

  /// x W + b for rows `[n, in]`, weights `[in, out]`, bias `[out]`.
  ///
  /// Computed as a 1 × 1 convolution, so a row's result does not depend on how many rows there are.
  public func linear(_ x: Variable, weights: Variable, bias: Variable) -> Variable {
    let (n, inputs, outputs) = (x.value.shape[0], x.value.shape[1], weights.value.shape[1])
    let kernel = weights.value.reshaped([1, 1, inputs, outputs])
    let row = x.value.reshaped([1, 1, n, inputs])
    let value = Convolution.pointwise(row, weights: kernel, bias: bias.value).reshaped([n, outputs])
    return record(value, from: [x, weights, bias]) { gradient in
      let gradient4 = gradient.reshaped([1, 1, n, outputs])
      bias.accumulate(gradient.channelSums())
      weights.accumulate(
        Convolution.pointwise.weightGradient(row, outGradient: gradient4).reshaped([inputs, outputs]))
      if x.needsGradient {
        x.accumulate(
          Convolution.pointwise.inputGradient(gradient4, weights: kernel, inputShape: row.shape).reshaped([n, inputs]))
      }
    }
  }

  /// Group normalisation, followed by SiLU if `norm.silu`.
  public func groupNorm(_ norm: GroupNorm, _ x: Variable, gamma: Variable, beta: Variable) -> Variable {
    let (value, statistics) = norm(x.value, gamma: gamma.value, beta: beta.value)
    return record(value, from: [x, gamma, beta]) { gradient in
      let gradients = norm.gradients(
        x.value, gamma: gamma.value, beta: beta.value, statistics: statistics, outGradient: gradient)
      x.accumulate(gradients.x)
      gamma.accumulate(gradients.gamma)
      beta.accumulate(gradients.beta)
    }
  }

  /// x · sigmoid(x), elementwise.
  public func silu(_ x: Variable) -> Variable {
    record(x.value.silu(), from: [x]) { x.accumulate(x.value.siluGradient($0)) }
  }

  /// The sum of two values of one shape.
  public func add(_ a: Variable, _ b: Variable) -> Variable {
    var sum = a.value
    sum.add(b.value)
    return record(sum, from: [a, b]) {
      a.accumulate($0)
      b.accumulate($0)
    }
  }

  /// Channels of `a`, then those of `b`.
  public func concatenateChannels(_ a: Variable, _ b: Variable) -> Variable {
    let (first, second) = (a.value.shape[3], b.value.shape[3])
    return record(a.value.concatenatingChannels(b.value), from: [a, b]) { gradient in
      if a.needsGradient { a.accumulate(gradient.channels(0..<first)) }
      if b.needsGradient { b.accumulate(gradient.channels(first..<first + second)) }
    }
  }

  /// Nearest-neighbour upsampling by two.
  public func upsample(_ x: Variable) -> Variable {
    record(x.value.upsampledNearest(), from: [x]) { x.accumulate($0.summedBlocks()) }
  }

  /// Single-head attention over all pixels; q, k and v are images `[n, h, w, c]`.
  public func attention(q: Variable, k: Variable, v: Variable) -> Variable {
    let shape = q.value.shape
    let flat = [shape[0], shape[1] * shape[2], shape[3]]
    let value = Attention.forward(
      q: q.value.reshaped(flat), k: k.value.reshaped(flat), v: v.value.reshaped(flat))
    return record(value.reshaped(shape), from: [q, k, v]) { gradient in
      let gradients = Attention.gradients(
        q: q.value.reshaped(flat), k: k.value.reshaped(flat), v: v.value.reshaped(flat),
        outGradient: gradient.reshaped(flat))
      q.accumulate(gradients.q.reshaped(shape))
      k.accumulate(gradients.k.reshaped(shape))
      v.accumulate(gradients.v.reshaped(shape))
    }
  }
}
