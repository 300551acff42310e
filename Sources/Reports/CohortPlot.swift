import Foundation

/// One figure of all cases as a swarm of dots along its axis.
struct CohortPlot {
  /// One case.
  struct Point {
    let value: Double
    let row: String
    let isOutlier: Bool
  }
  let figure: QualityFigure
  /// Unit of the values.
  let unit: String
  let points: [Point]

  private static let frame = (left: 16.0, right: 464.0, base: 112.0, height: 140.0)
  private static let diameter = 6.5

  /// The drawing; outliers link to their rows.
  var svg: String {
    let values = points.map(\.value)
    let (least, greatest) = (values.min() ?? 0, values.max() ?? 1)
    let margin = greatest > least ? (greatest - least) * 0.03 : max(abs(least), 1) * 0.5
    let (low, high) = (least - margin, greatest + margin)
    // Figures from elsewhere may be any; there is no axis from end to end of all numbers.
    guard (high - low).isFinite else { return "" }
    func position(_ value: Double) -> Double {
      Self.frame.left + (value - low) / (high - low) * (Self.frame.right - Self.frame.left)
    }
    return """
      <figure class="chart"><svg viewBox="0 0 480 140" role="img" aria-label="\(escaped(figure.title)) of \(points.count) \
      cases, from \(short(least)) to \(short(greatest)) (\(escaped(unit)))">\(ticks(low, high, position))\(dots(position))</svg>
      <figcaption>\(escaped(figure.title)), \(escaped(unit))</figcaption></figure>
      """
  }

  /// Dots that would cover each other are piled up; a pile that is too high is pressed together.
  private func dots(_ position: (Double) -> Double) -> String {
    let piles = Dictionary(grouping: points) { Int((position($0.value) / Self.diameter).rounded()) }
    let tallest = piles.values.map(\.count).max() ?? 1
    let step = min(Self.diameter, (Self.frame.base - 12) / Double(tallest))
    var plain = ""
    var ringed = ""
    for (pile, members) in piles.sorted(by: { $0.key < $1.key }) {
      for (index, point) in members.enumerated() {
        let (x, y) = (one(Double(pile) * Self.diameter), one(Self.frame.base - 4 - Double(index) * step))
        if point.isOutlier {
          ringed +=
            "<a href=\"#c\(escaped(point.row))\"><circle class=\"out\" cx=\"\(x)\" cy=\"\(y)\" r=\"4\"><title>"
            + "\(escaped(point.row)): \(brief(point.value))</title></circle></a>"
        } else {
          plain += "M\(x) \(y)h0"
        }
      }
    }
    return "<path class=\"dots\" d=\"\(plain)\"/>\(ringed)"
  }

  private func ticks(_ low: Double, _ high: Double, _ position: (Double) -> Double) -> String {
    var out = "<path class=\"axis\" d=\"M12 112H468\"/>"
    let step = NiceNumber.atLeast((high - low) / 5)
    // Figures from elsewhere may be any; an axis without an end has no ticks.
    guard (low / step).isFinite, (high / step).isFinite, abs(low / step) < 1e9, abs(high / step) < 1e9 else {
      return out
    }
    var index = Int((low / step).rounded(.up))
    while Double(index) * step <= high {
      let x = one(position(Double(index) * step))
      out +=
        "<path class=\"grid\" d=\"M\(x) 8V112\"/><text x=\"\(x)\" y=\"132\" text-anchor=\"middle\">"
        + "\(short(Double(index) * step))</text>"
      index += 1
    }
    return out
  }

  private func one(_ value: Double) -> String { String(format: "%.1f", value) }
}
