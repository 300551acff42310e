import CKernels

/// Group normalisation, optionally followed by SiLU (x · sigmoid(x)).
///
/// Statistics are per image and group over all pixels (Wu & He 2018, equation 7), in double. Nothing is normalised
/// here: a convolution does it while it reads (`FusedImages`).
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

  /// What the normalisation of some images comes to, and what its gradient needs.
  public struct Application: Sendable {
    /// The normalisation as a factor and an offset per image and channel.
    public let affine: ChannelAffine
    /// Mean per image and group.
    let mean: [Double]
    /// Reciprocal standard deviation per image and group.
    let reciprocal: [Double]
  }

  /// The normalisation of images with these moments, one for each part of their channels.
  ///
  /// - Parameters:
  ///   - moments: of parts with c channels together, a multiple of `groups`.
  ///   - gamma: `[c]`.
  ///   - beta: `[c]`.
  public func application(to moments: [ChannelMoments], gamma: Tensor, beta: Tensor) -> Application {
    let c = moments.reduce(0) { $0 + $1.channels }
    let n = moments[0].origin.shape[0]
    let pixels = Double(moments[0].pixels)
    precondition(c % groups == 0 && gamma.count == c && beta.count == c)
    let width = c / groups
    var shift = Tensor(uninitialized: [n, c])
    var scale = Tensor(uninitialized: [n, c])
    var offset = Tensor(uninitialized: [n, c])
    var means = [Double](repeating: 0, count: n * groups)
    var reciprocals = means
    var (origins, sums, squares) = ([Double](repeating: 0, count: c), [Double](), [Double]())
    sums = origins
    squares = origins
    shift.withUnsafeMutableBuffer { shift in
      scale.withUnsafeMutableBuffer { scale in
        offset.withUnsafeMutableBuffer { offset in
          for image in 0..<n {
            var first = 0
            for part in moments {
              let k = part.channels
              for i in 0..<k {
                origins[first + i] = Double(part.origin.base[image * k + i])
                sums[first + i] = part.sums[image * 2 * k + i]
                squares[first + i] = part.sums[(image * 2 + 1) * k + i]
              }
              first += k
            }
            for group in 0..<groups {
              let channels = group * width..<(group + 1) * width
              // Each channel's sums are around its origin; bring them to a common one.
              var sum = 0.0
              for i in channels { sum += sums[i] + pixels * origins[i] }
              let mean = sum / (pixels * Double(width))
              var square = 0.0
              for i in channels {
                let d = origins[i] - mean
                square += squares[i] + 2 * d * sums[i] + pixels * d * d
              }
              let reciprocal = 1 / (max(square / (pixels * Double(width)), 0) + epsilon).squareRoot()
              means[image * groups + group] = mean
              reciprocals[image * groups + group] = reciprocal
              for i in channels {
                let a = Double(gamma.base[i]) * reciprocal
                shift[image * c + i] = Float(origins[i])
                scale[image * c + i] = Float(a)
                offset[image * c + i] = Float(Double(beta.base[i]) - (mean - origins[i]) * a)
              }
            }
          }
        }
      }
    }
    return Application(
      affine: ChannelAffine(shift: shift, scale: scale, offset: offset), mean: means, reciprocal: reciprocals)
  }

  /// The normalised images, `[n, h, w, c]`, and how they came about.
  public func callAsFunction(_ x: Tensor, gamma: Tensor, beta: Tensor) -> (Tensor, Application) {
    let application = application(to: [ChannelMoments(of: x)], gamma: gamma, beta: beta)
    return (FusedImages([x], affine: application.affine, silu: silu).materialized(), application)
  }

  /// Gradients with respect to the parts, gamma and beta, given that with respect to the normalised images.
  ///
  /// To those of the parts `earlier` is added, where there is any: what reached them by other ways.
  public func gradients(
    _ parts: [Tensor], gamma: Tensor, _ application: Application, outGradient: Tensor, adding earlier: [Tensor?] = []
  ) -> (parts: [Tensor], gamma: Tensor, beta: Tensor) {
    let (n, pixels, c) = (outGradient.shape[0], outGradient.shape[1] * outGradient.shape[2], outGradient.shape[3])
    let silu: Int32 = silu ? 1 : 0
    let affine = application.affine
    let slices = Self.slices(parts)
    // Per part: dz, the gradient before the activation. Per image and channel: the sums of dz and of dz (x - shift).
    var gradients: [Tensor] = []
    var sums = [Double](repeating: 0, count: n * 2 * c)
    for (part, channels) in zip(parts, slices) {
      let local = affine.channels(channels)
      let dy = SharedPointer(reading: outGradient.base)
      var dz = Tensor(uninitialized: part.shape)
      let partial = dz.withUnsafeMutableBuffer { dz in
        let dz = SharedPointer(dz.baseAddress!)
        return chunkSums(part) { image, source, at, count, k, sums in
          ck_norm_gradient_sums(
            source, dy + (at / k * c + channels.lowerBound), c, count, Int32(k), local.shift.base + image * k,
            local.scale.base + image * k, local.offset.base + image * k, silu, dz + at, sums)
        }
      }
      gradients.append(dz)
      for image in 0..<n {
        for row in 0..<2 {
          for i in 0..<channels.count {
            sums[(image * 2 + row) * c + channels.lowerBound + i] = partial[(image * 2 + row) * channels.count + i]
          }
        }
      }
    }
    var gammaGradient = [Double](repeating: 0, count: c)
    var betaGradient = [Double](repeating: 0, count: c)
    var byX = Tensor(uninitialized: [n, c])
    var constant = Tensor(uninitialized: [n, c])
    let width = c / groups
    for image in 0..<n {
      for group in 0..<groups {
        let (mean, reciprocal) = (
          application.mean[image * groups + group], application.reciprocal[image * groups + group]
        )
        var first = 0.0  // mean over the group of gamma dz
        var second = 0.0  // mean over the group of gamma dz xhat
        for channel in group * width..<(group + 1) * width {
          let dz = sums[image * 2 * c + channel]
          let shifted = sums[(image * 2 + 1) * c + channel]
          let xhat = (shifted + (Double(affine.shift[flat: image * c + channel]) - mean) * dz) * reciprocal
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
          let fromShift = mean - Double(affine.shift[flat: image * c + channel])
          byX[flat: image * c + channel] = Float(-reciprocal * reciprocal * second)
          constant[flat: image * c + channel] = Float(reciprocal * (fromShift * reciprocal * second - first))
        }
      }
    }
    for (index, (part, channels)) in zip(parts, slices).enumerated() {
      let local = affine.channels(channels)
      let (byX, constant) = (byX.channels(channels), constant.channels(channels))
      let addend = index < earlier.count ? earlier[index].map { SharedPointer(reading: $0.base) } : nil
      gradients[index].withUnsafeMutableBuffer { dz in
        let dz = SharedPointer(dz.baseAddress!)
        forEachChunk(part) { image, source, at, count, k in
          ck_norm_gradient_apply(
            source, count, Int32(k), local.shift.base + image * k, local.scale.base + image * k,
            byX.base + image * k, constant.base + image * k, addend.map { $0 + at }, dz + at)
        }
      }
    }
    return (
      gradients, Tensor(gammaGradient.map { Float($0) }, shape: [c]), Tensor(betaGradient.map { Float($0) }, shape: [c])
    )
  }

  /// Which of all channels each part has.
  private static func slices(_ parts: [Tensor]) -> [Range<Int>] {
    var first = 0
    return parts.map { part in
      defer { first += part.shape[3] }
      return first..<first + part.shape[3]
    }
  }
}

extension ChannelAffine {
  /// That of some channels only.
  fileprivate func channels(_ range: Range<Int>) -> ChannelAffine {
    ChannelAffine(shift: shift.channels(range), scale: scale.channels(range), offset: offset.channels(range))
  }
}
