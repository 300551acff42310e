import CKernels

/// Sums over the pixels of every image and channel, from which mean and variance follow.
///
/// Convolutions make them while they write their results; those of concatenated images are those of the parts.
public struct ChannelMoments: Sendable {
  /// Pixels of one image.
  let pixels: Int
  /// Channels.
  let channels: Int
  /// Some value of each channel, `[n, c]`: what was taken off before summing, so that nothing cancels.
  let origin: Tensor
  /// Per image: the sums of x − origin over all pixels `[c]`, then those of (x − origin)² `[c]`.
  let sums: [Double]

  init(pixels: Int, channels: Int, origin: Tensor, sums: [Double]) {
    self.pixels = pixels
    self.channels = channels
    self.origin = origin
    self.sums = sums
  }

  /// Pixels per work item; fixed, so that sums do not depend on the number of threads.
  static let chunk = 2048

  /// The moments of images `[n, h, w, c]`.
  public init(of x: Tensor) {
    let (n, pixels, c) = (x.shape[0], x.shape[1] * x.shape[2], x.shape[3])
    let origin = Self.firstPixels(x)
    let sums = chunkSums(x) { image, source, _, pixels, channels, sums in
      ck_norm_sums(source, pixels, Int32(channels), origin.base + image * channels, sums)
    }
    self.init(pixels: pixels, channels: c, origin: origin.reshaped([n, c]), sums: sums)
  }

  /// The moments of images from those of their pieces, `[n, pieces, 3, c]` as the kernels leave them; `pixels` says how
  /// many pixels each piece has.
  init(pieces: Tensor, pixels: [Int]) {
    let (n, count, c) = (pieces.shape[0], pieces.shape[1], pieces.shape[3])
    var origin = Tensor(uninitialized: [n, c])
    var sums = [Double](repeating: 0, count: n * 2 * c)
    origin.withUnsafeMutableBuffer { origin in
      sums.withUnsafeMutableBufferPointer { sums in
        for image in 0..<n {
          let first = pieces.base + image * count * 3 * c
          let start = origin.baseAddress! + image * c
          start.update(from: first, count: c)
          for piece in 0..<count {
            ck_moments_add(
              first + piece * 3 * c, Double(pixels[piece]), Int32(c), start, sums.baseAddress! + image * 2 * c)
          }
        }
      }
    }
    self.init(pixels: pixels.reduce(0, +), channels: c, origin: origin, sums: sums)
  }

  private static func firstPixels(_ x: Tensor) -> Tensor {
    let (n, c) = (x.shape[0], x.shape[3])
    var out = Tensor(uninitialized: [n, c])
    out.withUnsafeMutableBuffer { target in
      for image in 0..<n { (target.baseAddress! + image * c).update(from: x.base + image * (x.count / n), count: c) }
    }
    return out
  }
}

/// Calls `body` for pieces of neighbouring pixels of images `[n, h, w, c]`, several at a time.
func forEachChunk(
  _ x: Tensor,
  _ body: @Sendable (_ image: Int, UnsafePointer<Float>, _ at: Int, _ pixels: Int, _ channels: Int) -> Void
) {
  let (n, pixels, c) = (x.shape[0], x.shape[1] * x.shape[2], x.shape[3])
  let chunks = (pixels + ChannelMoments.chunk - 1) / ChannelMoments.chunk
  let source = SharedPointer(reading: x.base)
  Parallel.forEach(n * chunks) { item in
    let first = item % chunks * ChannelMoments.chunk
    let at = (item / chunks * pixels + first) * c
    body(item / chunks, source + at, at, min(ChannelMoments.chunk, pixels - first), c)
  }
}

/// Two sums per image and channel, `[n, 2, c]`: chunk by chunk in parallel, then the chunks in order.
func chunkSums(
  _ x: Tensor,
  _ body:
    @Sendable (
      _ image: Int, UnsafePointer<Float>, _ at: Int, _ pixels: Int, _ channels: Int, UnsafeMutablePointer<Double>
    ) -> Void
) -> [Double] {
  let (n, pixels, c) = (x.shape[0], x.shape[1] * x.shape[2], x.shape[3])
  let chunks = (pixels + ChannelMoments.chunk - 1) / ChannelMoments.chunk
  var partial = [Double](repeating: 0, count: n * chunks * 2 * c)
  partial.withUnsafeMutableBufferPointer { buffer in
    let partial = SharedPointer(buffer.baseAddress!)
    forEachChunk(x) { image, source, at, pixels, channels in
      let chunk = (at / channels - image * (x.shape[1] * x.shape[2])) / ChannelMoments.chunk
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
