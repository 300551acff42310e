public import TensorCore

extension Graph {
  /// Convolution with bias, an optional bias per image, and an optional residual to add.
  ///
  /// - Parameters:
  ///   - input: images `[n, h, w, in]` as the convolution sees them.
  ///   - name: of the parameters: `name.weight` `[k, k, in, out]` and `name.bias` `[out]`.
  ///   - given: a bias `[out]` in the place of the parameter, for evaluation alone.
  ///   - imageBias: `[n, out]`, added to every pixel of its image.
  ///   - residual: shaped like the result.
  ///   - normalizedLater: whether a normalisation will read the result; its moments are then summed on the way.
  public func convolution(
    _ convolution: Convolution, _ input: ConvolutionInput, _ name: String, bias given: Tensor? = nil,
    imageBias: Variable? = nil, residual: Variable? = nil, normalizedLater: Bool = true
  ) -> Variable {
    precondition(given == nil || !recording, "a given bias has no gradient")
    let (images, application) = input.fused
    let bias = parameter("\(name).bias")
    let packed = packedConvolution(convolution, "\(name).weight", upsampled: input.upsampled)
    let (value, moments) = observe(packed, images.shape) {
      packed(
        images, bias: given ?? bias.value.adding(perImage: imageBias?.value), residual: residual?.value,
        wantsMoments: normalizedLater)
    }
    guard recording else { return Variable(value, needsGradient: false, moments: moments) }
    let weights = parameter("\(name).weight")
    let inputs = input.parts + [input.norm?.gamma, input.norm?.beta, weights, bias, imageBias, residual]
    return record(value, from: inputs, moments: moments) { gradient in
      residual?.accumulate(gradient)
      if let imageBias {
        let sums = gradient.imageChannelSums()
        imageBias.accumulate(sums)
        bias.accumulate(sums.channelSums())
      } else {
        bias.accumulate(gradient.channelSums())
      }
      weights.accumulate(convolution.weightGradient(images, outGradient: gradient))
      if input.needsGradient {
        input.accumulate(
          convolution.inputGradient(gradient, weights: weights.value, inputShape: images.shape), application)
      }
    }
  }

  /// x W + b for rows `[n, in]`, `name.weight` `[in, out]`, `name.bias` `[out]`.
  ///
  /// Computed as a 1 × 1 convolution, so a row's result does not depend on how many rows there are.
  public func linear(_ x: Variable, _ name: String) -> Variable {
    let (n, inputs) = (x.value.shape[0], x.value.shape[1])
    let packed = packedConvolution(.pointwise, "\(name).weight", upsampled: false)
    let outputs = packed.outputChannels
    let bias = parameter("\(name).bias")
    let row = x.value.reshaped([1, 1, n, inputs])
    let value = packed(FusedImages([row]), bias: bias.value).images.reshaped([n, outputs])
    guard recording else { return Variable(value, needsGradient: false) }
    let weights = parameter("\(name).weight")
    return record(value, from: [x, weights, bias]) { gradient in
      let gradient4 = gradient.reshaped([1, 1, n, outputs])
      bias.accumulate(gradient.channelSums())
      weights.accumulate(
        Convolution.pointwise.weightGradient(row, outGradient: gradient4).reshaped([inputs, outputs]))
      if x.needsGradient {
        x.accumulate(
          Convolution.pointwise.inputGradient(
            gradient4, weights: weights.value.reshaped([1, 1, inputs, outputs]), inputShape: row.shape
          ).reshaped([n, inputs]))
      }
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

  /// Single-head attention over all pixels; q, k and v are images `[n, h, w, c]`.
  public func attention(q: Variable, k: Variable, v: Variable) -> Variable {
    let shape = q.value.shape
    let flat = [shape[0], shape[1] * shape[2], shape[3]]
    let products = 4 * flat[0] * flat[1] * flat[1] * flat[2]
    let value = observe("attention", rows: shape[1], operations: products) {
      Attention.forward(q: q.value.reshaped(flat), k: k.value.reshaped(flat), v: v.value.reshaped(flat))
    }
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
