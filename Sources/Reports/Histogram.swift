import Foundation
import TensorCore

/// How often values occur before and after, drawn as SVG.
struct Histogram {
  let low: Float
  let high: Float
  let before: [Int]
  let after: [Int]
  private static let bins = 128

  /// Counts the values of two images between `low` and `high`; what lies outside counts to the end bins.
  init(before: Tensor, after: Tensor, low: Float, high: Float) {
    self.low = low
    self.high = high
    func counts(_ voxels: Tensor) -> [Int] {
      var out = [Int](repeating: 0, count: Self.bins)
      let scale = Double(Self.bins) / max(Double(high) - Double(low), .leastNormalMagnitude)
      voxels.withUnsafeBuffer { source in
        for value in source where !value.isNaN {
          out[Int(min(max((Double(value) - Double(low)) * scale, 0), Double(Self.bins - 1)))] += 1
        }
      }
      return out
    }
    self.before = counts(before)
    self.after = counts(after)
  }

  /// The drawing: two step lines over a square-root axis, so that rare values still show.
  var svg: String {
    let (width, height) = (640.0, 180.0)
    let top = Double(max(before.max() ?? 1, after.max() ?? 1, 1)).squareRoot()
    func path(_ counts: [Int]) -> String {
      let step = width / Double(Self.bins)
      var out = "M0 \(Int(height))"
      for (i, count) in counts.enumerated() {
        let y = String(format: "%.1f", height - Double(count).squareRoot() / top * (height - 4))
        out += "V\(y)H\(String(format: "%.1f", Double(i + 1) * step))"
      }
      return out
    }
    let labels = String(format: "%.4g", low) + " to " + String(format: "%.4g", high)
    return """
      <svg viewBox="0 0 640 180" role="img" aria-label="Histogram of voxel values before and after, \(labels)">
      <path class="h0" d="\(path(before))"/><path class="h1" d="\(path(after))"/></svg>
      <p class="axis"><span>\(String(format: "%.4g", low))</span><span><i class="k0"></i>before <i class="k1"></i>after
      (square-root scale)</span><span>\(String(format: "%.4g", high))</span></p>
      """
  }
}
