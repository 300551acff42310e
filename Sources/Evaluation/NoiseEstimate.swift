public import TensorCore

/// The noise level of an image without a truth to compare with, for reports.
public enum NoiseEstimate {
  /// The standard deviation of white noise, per slice, in the tensor's unit.
  ///
  /// The median of |a − b − c + d|/2 over 2 × 2 blocks (the diagonal Haar details) divided by 0.6745 (Donoho & Johnstone
  /// 1994). Blocks of four equal pixels are left out: they are padding or clipped air. Noise that is correlated between
  /// pixels, as reconstructed CT has it, comes out too low.
  public static func perSlice(_ image: Tensor) -> [Double] {
    let stack = SliceStack(image)
    let (rows, columns) = (stack.rows, stack.columns)
    return stack.perSlice { x in
      var details: [Float] = []
      for row in stride(from: 0, to: rows - 1, by: 2) {
        for column in stride(from: 0, to: columns - 1, by: 2) {
          let first = row * columns + column
          let (a, b, c, d) = (x[first], x[first + 1], x[first + columns], x[first + columns + 1])
          if a != b || a != c || a != d { details.append(abs(a - b - c + d) / 2) }
        }
      }
      guard !details.isEmpty else { return 0 }
      details.sort()
      let middle = details.count / 2
      let median = details.count % 2 == 1 ? details[middle] : (details[middle - 1] + details[middle]) / 2
      return Double(median) / 0.674_489_75
    }
  }

  /// The mean of the estimates per slice.
  public static func mean(_ image: Tensor) -> Double { perSlice(image).mean }
}
