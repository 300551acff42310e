import CKernels

/// Group normalisation, optionally followed by SiLU (x · sigmoid(x)).
///
/// Statistics are per image and group over all pixels (Wu & He 2018, equation 7), summed in double.
public struct GroupNorm: Sendable, Equatable {
  /// Groups of neighbouring channels.
  public var groups: Int
  /// Added to the variance.
  public var epsilon: Double
  /// Whether SiLU follows.
  public var silu: Bool

  /// A normalisation; the defaults are those of DDIM's network.
  public init(groups: Int = 32, epsilon: Double = 1e-6, silu: Bool) {
    self.groups = groups
    self.epsilon = epsilon
    self.silu = silu
  }

  /// Mean and reciprocal standard deviation per image and group.
  public struct Statistics: Sendable {
    var mean: [Double]
    var reciprocal: [Double]
    /// What is taken off before anything is summed or scaled: the first pixel of each image, `[n, c]`.
    var shift: Tensor
  }

  /// Pixels per work item; fixed, so that sums do not depend on the number of threads.
  private static let chunk = 2048

  /// The normalised images and what the gradient needs.
  ///
  /// - Parameters:
  ///   - x: `[n, h, w, c]`, c a multiple of 32.
  ///   - gamma: `[c]`.
  ///   - beta: `[c]`.
  public func callAsFunction(_ x: Tensor, gamma: Tensor, beta: Tensor) -> (Tensor, Statistics) {
    let statistics = statistics(x)
    let (scale, offset) = coefficients(x.shape, gamma: gamma, beta: beta, statistics)
    var out = Tensor(uninitialized: x.shape)
    let silu: Int32 = silu ? 1 : 0
    out.withUnsafeMutableBuffer { target in
      let target = SharedPointer(target.baseAddress!)
      forEachChunk(x) { image, source, offsetInTensor, pixels, channels in
        ck_norm_apply(
          source, pixels, Int32(channels), statistics.shift.base + image * channels, scale.base + image * channels,
          offset.base + image * channels, silu, target + offsetInTensor)
      }
    }
    return (out, statistics)
  }

  /// Gradients with respect to x, gamma and beta.
  public func gradients(
    _ x: Tensor, gamma: Tensor, beta: Tensor, statistics: Statistics, outGradient: Tensor
  ) -> (x: Tensor, gamma: Tensor, beta: Tensor) {
    let (n, pixels, c) = (x.shape[0], x.shape[1] * x.shape[2], x.shape[3])
    let (scale, offset) = coefficients(x.shape, gamma: gamma, beta: beta, statistics)
    let silu: Int32 = silu ? 1 : 0
    let shift = statistics.shift
    let gradient = SharedPointer(reading: outGradient.base)
    // sums: per image and channel, of dz and of dz (x - shift).
    let sums = chunkSums(x) { image, source, at, pixels, channels, sums in
      ck_norm_gradient_sums(
        source, gradient + at, pixels, Int32(channels), shift.base + image * channels, scale.base + image * channels,
        offset.base + image * channels, silu, sums)
    }
    var gammaGradient = [Double](repeating: 0, count: c)
    var betaGradient = [Double](repeating: 0, count: c)
    var byX = Tensor(uninitialized: [n, c])
    var constant = Tensor(uninitialized: [n, c])
    let width = c / groups
    for image in 0..<n {
      for group in 0..<groups {
        let (mean, reciprocal) = (
          statistics.mean[image * groups + group], statistics.reciprocal[image * groups + group]
        )
        var first = 0.0  // mean over the group of gamma dz
        var second = 0.0  // mean over the group of gamma dz xhat
        for channel in group * width..<(group + 1) * width {
          let dz = sums[(image * 2) * c + channel]
          let shifted = sums[(image * 2 + 1) * c + channel]
          let xhat = (shifted + (Double(shift[flat: image * c + channel]) - mean) * dz) * reciprocal
          gammaGradient[channel] += xhat
          betaGradient[channel] += dz
          first += Double(gamma[flat: channel]) * dz
          second += Double(gamma[flat: channel]) * xhat
        }
        let count = Double(pixels * width)
        first /= count
        second /= count
        // dx = r (gamma dz - first - xhat second), xhat = (x - mean) r; `scale` already is r gamma.
        for channel in group * width..<(group + 1) * width {
          let fromShift = mean - Double(shift[flat: image * c + channel])
          byX[flat: image * c + channel] = Float(-reciprocal * reciprocal * second)
          constant[flat: image * c + channel] = Float(reciprocal * (fromShift * reciprocal * second - first))
        }
      }
    }
    var out = Tensor(uninitialized: x.shape)
    let (byXFixed, constantFixed) = (byX, constant)
    out.withUnsafeMutableBuffer { target in
      let target = SharedPointer(target.baseAddress!)
      forEachChunk(x) { image, source, at, pixels, channels in
        ck_norm_gradient_apply(
          source, gradient + at, pixels, Int32(channels), shift.base + image * channels, scale.base + image * channels,
          offset.base + image * channels, silu, byXFixed.base + image * channels,
          constantFixed.base + image * channels, target + at)
      }
    }
    return (
      out, Tensor(gammaGradient.map { Float($0) }, shape: [c]), Tensor(betaGradient.map { Float($0) }, shape: [c])
    )
  }

  private func statistics(_ x: Tensor) -> Statistics {
    precondition(x.shape.count == 4 && x.shape[3] % 32 == 0 && x.shape[3] % groups == 0)
    let (n, pixels, c) = (x.shape[0], x.shape[1] * x.shape[2], x.shape[3])
    var shift = Tensor(uninitialized: [n, c])
    shift.withUnsafeMutableBuffer { target in
      for image in 0..<n {
        (target.baseAddress! + image * c).update(from: x.base + image * pixels * c, count: c)
      }
    }
    let fixed = shift
    let sums = chunkSums(x) { image, source, _, pixels, channels, sums in
      ck_norm_sums(source, pixels, Int32(channels), fixed.base + image * channels, sums)
    }
    let width = c / groups
    var mean = [Double](repeating: 0, count: n * groups)
    var reciprocal = mean
    for image in 0..<n {
      for group in 0..<groups {
        var (sum, square) = (0.0, 0.0)
        // Per channel sums are around that channel's shift; bring them to a common origin, zero.
        for channel in group * width..<(group + 1) * width {
          let origin = Double(fixed[flat: image * c + channel])
          let s = sums[image * 2 * c + channel]
          sum += s + Double(pixels) * origin
        }
        let m = sum / Double(pixels * width)
        for channel in group * width..<(group + 1) * width {
          let d = Double(fixed[flat: image * c + channel]) - m
          let s = sums[image * 2 * c + channel]
          square += sums[(image * 2 + 1) * c + channel] + 2 * d * s + Double(pixels) * d * d
        }
        mean[image * groups + group] = m
        reciprocal[image * groups + group] = 1 / (max(square / Double(pixels * width), 0) + epsilon).squareRoot()
      }
    }
    return Statistics(mean: mean, reciprocal: reciprocal, shift: fixed)
  }

  /// z = (x - shift) * scale + offset, per image and channel.
  private func coefficients(_ shape: [Int], gamma: Tensor, beta: Tensor, _ s: Statistics) -> (Tensor, Tensor) {
    let (n, c) = (shape[0], shape[3])
    let width = c / groups
    var scale = Tensor(uninitialized: [n, c])
    var offset = Tensor(uninitialized: [n, c])
    scale.withUnsafeMutableBuffer { scale in
      offset.withUnsafeMutableBuffer { offset in
        for image in 0..<n {
          for channel in 0..<c {
            let at = image * groups + channel / width
            let a = Double(gamma.base[channel]) * s.reciprocal[at]
            scale[image * c + channel] = Float(a)
            offset[image * c + channel] = Float(
              Double(beta.base[channel]) - (s.mean[at] - Double(s.shift.base[image * c + channel])) * a)
          }
        }
      }
    }
    return (scale, offset)
  }

  private func forEachChunk(
    _ x: Tensor,
    _ body: @Sendable (_ image: Int, UnsafePointer<Float>, _ at: Int, _ pixels: Int, _ channels: Int) -> Void
  ) {
    let (n, pixels, c) = (x.shape[0], x.shape[1] * x.shape[2], x.shape[3])
    let chunks = (pixels + Self.chunk - 1) / Self.chunk
    let source = SharedPointer(reading: x.base)
    Parallel.forEach(n * chunks) { item in
      let first = item % chunks * Self.chunk
      let at = (item / chunks * pixels + first) * c
      body(item / chunks, source + at, at, min(Self.chunk, pixels - first), c)
    }
  }

  /// Two sums per image and channel, `[n, 2, c]`: chunk by chunk in parallel, then the chunks in order.
  private func chunkSums(
    _ x: Tensor,
    _ body:
      @Sendable (
        _ image: Int, UnsafePointer<Float>, _ at: Int, _ pixels: Int, _ channels: Int, UnsafeMutablePointer<Double>
      ) -> Void
  ) -> [Double] {
    let (n, pixels, c) = (x.shape[0], x.shape[1] * x.shape[2], x.shape[3])
    let chunks = (pixels + Self.chunk - 1) / Self.chunk
    var partial = [Double](repeating: 0, count: n * chunks * 2 * c)
    partial.withUnsafeMutableBufferPointer { buffer in
      let partial = SharedPointer(buffer.baseAddress!)
      forEachChunk(x) { image, source, at, pixels, channels in
        let chunk = (at / channels - image * (x.shape[1] * x.shape[2])) / Self.chunk
        body(image, source, at, pixels, channels, partial + (image * chunks + chunk) * 2 * channels)
      }
    }
    var sums = [Double](repeating: 0, count: n * 2 * c)
    for image in 0..<n {
      for chunk in 0..<chunks {
        for i in 0..<2 * c { sums[image * 2 * c + i] += partial[(image * chunks + chunk) * 2 * c + i] }
      }
    }
    return sums
  }
}
