import CKernels

extension Tensor {
  /// Pieces that elementwise work is cut into; fixed, so that results do not depend on the number of threads.
  static let pieceCount = 1 << 16

  /// `self += other`, shapes equal.
  public mutating func add(_ other: Tensor) {
    precondition(shape == other.shape, "cannot add \(other.shape) to \(shape)")
    let count = count
    withUnsafeMutableBuffer { target in
      guard count > 0 else { return }
      let target = SharedPointer(target.baseAddress!)
      Parallel.forEach((count + Self.pieceCount - 1) / Self.pieceCount) { piece in
        let first = piece * Self.pieceCount
        ck_add(target + first, other.base + first, min(Self.pieceCount, count - first))
      }
    }
  }

  /// `self = a * self + b * other`, shapes equal.
  public mutating func scale(by a: Float, adding other: Tensor, times b: Float) {
    precondition(shape == other.shape, "cannot combine \(other.shape) with \(shape)")
    let count = count
    withUnsafeMutableBuffer { target in
      guard count > 0 else { return }
      let target = SharedPointer(target.baseAddress!)
      Parallel.forEach((count + Self.pieceCount - 1) / Self.pieceCount) { piece in
        let first = piece * Self.pieceCount
        ck_scale_add(target + first, a, other.base + first, b, min(Self.pieceCount, count - first))
      }
    }
  }

  /// The sum of squares, in double.
  public var sumOfSquares: Double { ck_sum_of_squares(base, count) }

  /// x · sigmoid(x), elementwise.
  public func silu() -> Tensor {
    var out = Tensor(uninitialized: shape)
    out.withUnsafeMutableBuffer { ck_silu(base, $0.count, $0.baseAddress) }
    return out
  }

  /// The gradient of `silu()` at `self`.
  public func siluGradient(_ outGradient: Tensor) -> Tensor {
    precondition(shape == outGradient.shape)
    var out = Tensor(uninitialized: shape)
    out.withUnsafeMutableBuffer { ck_silu_gradient(base, outGradient.base, $0.count, $0.baseAddress) }
    return out
  }

  /// Sums over all but the last dimension: `[c]`.
  public func channelSums() -> Tensor { Tensor(pixelSums(images: 1), shape: [shape[shape.count - 1]]) }

  /// Sums over the pixels of each image: `[n, c]`.
  public func imageChannelSums() -> Tensor {
    Tensor(pixelSums(images: shape[0]), shape: [shape[0], shape[shape.count - 1]])
  }

  /// Pixels that are summed apart; fixed, so that the order of every sum is.
  private static let sumPixels = 4096

  private func pixelSums(images: Int) -> [Float] {
    let channels = shape[shape.count - 1]
    let pixels = count / max(images * channels, 1)
    let pieces = max(1, (pixels + Self.sumPixels - 1) / Self.sumPixels)
    var sums = [Double](repeating: 0, count: images * pieces * channels)
    let source = SharedPointer(reading: base)
    sums.withUnsafeMutableBufferPointer { sums in
      guard let sums = sums.baseAddress.map({ SharedPointer($0) }) else { return }
      Parallel.forEach(images * pieces) { item in
        let first = item % pieces * Self.sumPixels
        ck_channel_sums(
          source + (item / pieces * pixels + first) * channels, min(Self.sumPixels, pixels - first), Int32(channels),
          sums + item * channels)
      }
    }
    return (0..<images * channels).map { at in
      let first = at / channels * pieces * channels + at % channels
      return Float((0..<pieces).reduce(0) { $0 + sums[first + $1 * channels] })
    }
  }
}

extension Tensor {
  /// Images with the channels of both, those of `self` first.
  public func concatenatingChannels(_ other: Tensor) -> Tensor {
    precondition(shape.dropLast() == other.shape.dropLast(), "extents differ: \(shape), \(other.shape)")
    let (a, b) = (shape[shape.count - 1], other.shape[other.shape.count - 1])
    let pixels = a > 0 ? count / a : other.count / max(b, 1)
    var out = Tensor(uninitialized: shape.dropLast() + [a + b])
    out.withUnsafeMutableBuffer { target in
      guard let start = target.baseAddress else { return }
      for p in 0..<pixels {
        (start + p * (a + b)).update(from: base + p * a, count: a)
        (start + p * (a + b) + a).update(from: other.base + p * b, count: b)
      }
    }
    return out
  }

  /// Images with the channels `range` only.
  public func channels(_ range: Range<Int>) -> Tensor {
    let c = shape[shape.count - 1]
    precondition(range.lowerBound >= 0 && range.upperBound <= c)
    var out = Tensor(uninitialized: shape.dropLast() + [range.count])
    out.withUnsafeMutableBuffer { target in
      guard let start = target.baseAddress, target.count > 0 else { return }
      let (source, target, pixels) = (SharedPointer(reading: base), SharedPointer(start), count / c)
      let some = max(1, Self.pieceCount / c)
      Parallel.forEach((pixels + some - 1) / some) { piece in
        for p in piece * some..<min((piece + 1) * some, pixels) {
          (target + p * range.count).update(from: source + (p * c + range.lowerBound), count: range.count)
        }
      }
    }
    return out
  }

  /// Images of half the height and width, every 2 × 2 block summed: the gradient of nearest-neighbour upsampling.
  public func summedBlocks() -> Tensor {
    let (n, h, w, c) = (shape[0], shape[1] / 2, shape[2] / 2, shape[3])
    var out = Tensor(uninitialized: [n, h, w, c])
    out.withUnsafeMutableBuffer { target in
      guard let start = target.baseAddress, target.count > 0 else { return }
      let target = SharedPointer(start)
      Parallel.forEach(n * h) { row in
        for x in 0..<w {
          let sum = target + (row * w + x) * c
          let first = base + (row * 4 * w + 2 * x) * c
          sum.update(from: first, count: c)
          ck_add(sum, first + c, c)
          ck_add(sum, first + 2 * w * c, c)
          ck_add(sum, first + 2 * w * c + c, c)
        }
      }
    }
    return out
  }
}

extension Tensor {
  /// `self` `[c]` as it is, or plus `perImage` `[n, c]`: a bias for every image.
  public func adding(perImage: Tensor?) -> Tensor {
    guard var sum = perImage else { return self }
    let channels = count
    precondition(sum.shape.count == 2 && sum.shape[1] == channels)
    let images = sum.shape[0]
    sum.withUnsafeMutableBuffer { target in
      for image in 0..<images { ck_add(target.baseAddress! + image * channels, base, channels) }
    }
    return sum
  }
}
