import CKernels
import Foundation

/// Classical denoisers of slices, the mark that a model has to beat. Tensors are [slices, rows, columns].
extension Tensor {
  /// Each slice convolved with a Gaussian of `sigma` pixels, cut off at four sigma and continued by reflection.
  public func gaussianBlurred(sigma: Double) -> Tensor {
    precondition(shape.count == 3 && sigma >= 0)
    let (rows, columns) = (shape[1], shape[2])
    let radius = Swift.min(Int((4 * sigma).rounded(.up)), rows - 1, columns - 1)
    guard radius > 0 else { return self }
    let raw = (-radius...radius).map { exp(-Double($0 * $0) / (2 * sigma * sigma)) }
    let weights = raw.map { Float($0 / raw.reduce(0, +)) }
    return perSlice(scratch: rows * columns) { slice, scratch, out in
      ck_separable_filter(slice, rows, columns, weights, Int32(radius), scratch, out)
    }
  }

  /// Non-local means of each slice (Buades, Coll & Morel 2005) with uniform patches.
  ///
  /// A pixel becomes the mean of those within `searchRadius` rows and columns, weighted by
  /// exp(−max(0, d² − 2·sigma²)/h²) where d² is the mean squared difference of the patches of `patchRadius` around the
  /// two. Slices are continued by reflection and must be larger than both radii together.
  public func nonLocalMeans(h: Double, sigma: Double = 0, patchRadius: Int = 2, searchRadius: Int = 5) -> Tensor {
    precondition(shape.count == 3 && h > 0 && patchRadius >= 0 && searchRadius >= 0)
    let (rows, columns) = (shape[1], shape[2])
    precondition(patchRadius + searchRadius < Swift.min(rows, columns), "slices too small for the radii")
    let (patch, search) = (Int32(patchRadius), Int32(searchRadius))
    return perSlice(scratch: ck_non_local_means_scratch(rows, columns, patch, search)) { slice, scratch, out in
      ck_non_local_means(slice, rows, columns, patch, search, Float(h), Float(sigma), scratch, out)
    }
  }

  /// A stack made slice by slice, several at a time.
  private func perSlice(
    scratch: Int,
    _ body: @Sendable (UnsafePointer<Float>, UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>) -> Void
  ) -> Tensor {
    let pixels = shape[1] * shape[2]
    var out = Tensor(uninitialized: shape)
    out.withUnsafeMutableBuffer { target in
      guard let start = target.baseAddress else { return }
      let target = SharedPointer(start)
      Parallel.forEach(shape[0]) { index in
        var room = Tensor(uninitialized: [scratch])
        room.withUnsafeMutableBuffer { body(base + index * pixels, $0.baseAddress!, target + index * pixels) }
      }
    }
    return out
  }
}
