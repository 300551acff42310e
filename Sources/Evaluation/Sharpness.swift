public import TensorCore

/// How much fine structure an image has: what PSNR does not see, or even rewards the lack of.
///
/// Gradients are forward differences inside a slice.
public enum Sharpness {
  /// The mean gradient magnitude per slice, in the tensor's unit per pixel; needs no truth.
  ///
  /// Noise raises it as edges do: compare images of one noise level only.
  public static func gradientPerSlice(_ image: Tensor) -> [Double] {
    let stack = SliceStack(image)
    let (rows, columns) = (stack.rows, stack.columns)
    return stack.perSlice { x in
      var sum = 0.0
      forEachGradient(rows, columns) { here, right, down in
        let (gx, gy) = (Double(x[right] - x[here]), Double(x[down] - x[here]))
        sum += (gx * gx + gy * gy).squareRoot()
      }
      return sum / Double(max(1, (rows - 1) * (columns - 1)))
    }
  }

  /// The mean gradient magnitude over all slices.
  public static func gradient(_ image: Tensor) -> Double { gradientPerSlice(image).mean }

  /// The mean gradient magnitude as a multiple of the truth's.
  ///
  /// Below 1 the image is smoother than the truth, above 1 it is noisier or over-sharpened.
  public static func ratio(_ image: Tensor, against truth: Tensor) -> Double { gradient(image) / gradient(truth) }

  /// How much of the truth's gradients the image has: the slope of the regression of its gradients on the truth's.
  ///
  /// 1 for the truth itself and, on average, for the truth with independent noise added; below 1 where edges and texture
  /// are blurred away.
  public static func edgeRetention(_ image: Tensor, against truth: Tensor) -> Double {
    let stack = SliceStack(truth)
    let (rows, columns) = (stack.rows, stack.columns)
    let shared = stack.perSlice(with: image) { y, x in
      var sum = 0.0
      forEachGradient(rows, columns) { here, right, down in
        sum += Double(x[right] - x[here]) * Double(y[right] - y[here])
        sum += Double(x[down] - x[here]) * Double(y[down] - y[here])
      }
      return sum
    }
    let own = stack.perSlice { y in
      var sum = 0.0
      forEachGradient(rows, columns) { here, right, down in
        let (gx, gy) = (Double(y[right] - y[here]), Double(y[down] - y[here]))
        sum += gx * gx + gy * gy
      }
      return sum
    }
    return shared.reduce(0, +) / own.reduce(0, +)
  }

  @inline(__always)
  private static func forEachGradient(_ rows: Int, _ columns: Int, _ body: (Int, Int, Int) -> Void) {
    guard rows > 1, columns > 1 else { return }
    for row in 0..<rows - 1 {
      for column in 0..<columns - 1 {
        let here = row * columns + column
        body(here, here + 1, here + columns)
      }
    }
  }
}
