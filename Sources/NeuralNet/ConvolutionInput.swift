public import TensorCore

/// What a convolution in a graph reads: the channels of one or two values, normalised and activated, or upsampled, on the
/// way in.
public struct ConvolutionInput {
  /// A group normalisation with its parameters, `[c]` each.
  public struct Norm {
    let norm: GroupNorm
    let gamma: Variable
    let beta: Variable

    /// A normalisation of all parts together.
    public init(_ norm: GroupNorm, gamma: Variable, beta: Variable) {
      self.norm = norm
      self.gamma = gamma
      self.beta = beta
    }
  }

  let parts: [Variable]
  let norm: Norm?
  let upsampled: Bool

  /// An input of one or two values `[n, h, w, c]` with the same extents.
  public init(_ parts: [Variable], norm: Norm? = nil, upsampled: Bool = false) {
    self.parts = parts
    self.norm = norm
    self.upsampled = upsampled
  }

  var needsGradient: Bool { parts.contains { $0.needsGradient } || norm?.gamma.needsGradient ?? false }

  /// The images for the kernels, and how they are normalised.
  var fused: (FusedImages, GroupNorm.Application?) {
    let application = norm.map { norm in
      norm.norm.application(to: parts.map { $0.moments }, gamma: norm.gamma.value, beta: norm.beta.value)
    }
    let images = FusedImages(
      parts.map(\.value), affine: application?.affine, silu: norm?.norm.silu ?? false, upsampled: upsampled)
    return (images, application)
  }

  /// Passes on the gradient with respect to what the convolution saw.
  func accumulate(_ gradient: Tensor, _ application: GroupNorm.Application?) {
    let gradient = upsampled ? gradient.summedBlocks() : gradient
    if let norm, let application {
      let gradients = norm.norm.gradients(
        parts.map(\.value), gamma: norm.gamma.value, application, outGradient: gradient,
        adding: parts.map(\.gradient))
      for (part, whole) in zip(parts, gradients.parts) where part.needsGradient { part.gradient = whole }
      norm.gamma.accumulate(gradients.gamma)
      norm.beta.accumulate(gradients.beta)
    } else if parts.count == 1 {
      parts[0].accumulate(gradient)
    } else {
      var first = 0
      for part in parts {
        let channels = part.value.shape[3]
        if part.needsGradient { part.accumulate(gradient.channels(first..<first + channels)) }
        first += channels
      }
    }
  }
}
