public import TensorCore

/// Structural similarity as scikit-image computes it by default and published tables have it (ALGORITHMS 2.9).
///
/// Wang et al., "Image quality assessment: from error visibility to structural similarity", 2004: a uniform window of 7 × 7 pixels, sample covariance (factor 49/48), K1 = 0.01, K2 = 0.03; the mean over the windows
/// that lie wholly inside the slice. All sums in double.
///
/// It compares means as ratios, so it depends on where zero is: values are counted from the window's lower end, as if
/// the window were 0…255.
public enum SSIM {
  /// Rows and columns that a slice must have at least.
  public static let minimumExtent = window

  private static let window = 7

  /// One value per slice of tensors [slices, rows, columns], clipped to the intensity window, in the tensors' unit.
  public static func perSlice(_ image: Tensor, against truth: Tensor, window intensities: ClosedRange<Double>)
    -> [Double]
  {
    let stack = SliceStack(image)
    precondition(stack.rows >= window && stack.columns >= window, "SSIM needs \(window) × \(window) pixels")
    let (rows, columns) = (stack.rows, stack.columns)
    return stack.perSlice(with: truth) { x, y in
      meanSimilarity(x, y, rows: rows, columns: columns, intensities)
    }
  }

  /// The mean of the values per slice.
  public static func mean(_ image: Tensor, against truth: Tensor, window: ClosedRange<Double>) -> Double {
    perSlice(image, against: truth, window: window).mean
  }

  private static func meanSimilarity(
    _ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>, rows: Int, columns: Int, _ intensities: ClosedRange<Double>
  ) -> Double {
    let (low, high) = (intensities.lowerBound, intensities.upperBound)
    func value(_ voxel: Float) -> Double { min(max(Double(voxel), low), high) - low }
    // Sums over the window's rows, one per column, moved down one row at a time.
    var below = [Moments](repeating: Moments(), count: columns)
    func include(row: Int, sign: Double) {
      for j in 0..<columns { below[j].add(value(x[row * columns + j]), value(y[row * columns + j]), sign) }
    }
    for row in 0..<window - 1 { include(row: row, sign: 1) }
    var total = 0.0
    for row in window - 1..<rows {
      include(row: row, sign: 1)
      var inside = Moments()
      for j in 0..<columns {
        inside.add(below[j], 1)
        guard j >= window - 1 else { continue }
        total += inside.similarity(pixels: Double(window * window), dataRange: high - low)
        inside.add(below[j - window + 1], -1)
      }
      include(row: row - window + 1, sign: -1)
    }
    return total / Double((rows - window + 1) * (columns - window + 1))
  }

  /// Running sums over a window.
  private struct Moments {
    var x = 0.0
    var y = 0.0
    var xx = 0.0
    var yy = 0.0
    var xy = 0.0

    mutating func add(_ a: Double, _ b: Double, _ sign: Double) {
      x += sign * a
      y += sign * b
      xx += sign * a * a
      yy += sign * b * b
      xy += sign * a * b
    }

    mutating func add(_ other: Moments, _ sign: Double) {
      x += sign * other.x
      y += sign * other.y
      xx += sign * other.xx
      yy += sign * other.yy
      xy += sign * other.xy
    }

    func similarity(pixels n: Double, dataRange: Double) -> Double {
      let (mx, my) = (x / n, y / n)
      let sample = n / (n - 1)
      let (vx, vy) = (sample * (xx / n - mx * mx), sample * (yy / n - my * my))
      let vxy = sample * (xy / n - mx * my)
      let (c1, c2) = (0.01 * dataRange * 0.01 * dataRange, 0.03 * dataRange * 0.03 * dataRange)
      return (2 * mx * my + c1) * (2 * vxy + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2))
    }
  }
}
