import Foundation
import TensorCore

/// How often values occur in one or two images, drawn as SVG.
struct Histogram {
  /// One image's counts, with its name and the class that colours it.
  struct Series {
    let name: String
    let style: String
    let counts: [Int]
  }
  let low: Double
  let high: Double
  let series: [Series]
  /// How many values a bin holds together.
  let width: Double
  private static let mostBins = 96
  private static let frame = (width: 480.0, height: 190.0, base: 160.0)

  /// Counts the values of images between `low` and `high`; what lies outside is left out.
  init(_ images: [(name: String, style: String, voxels: Tensor)], low: Double, high: Double) {
    self.low = low
    self.high = high
    let (width, bins) = Self.bins(images.map(\.voxels), range: max(high - low, .leastNormalMagnitude))
    series = images.map { image in
      var counts = [Int](repeating: 0, count: bins)
      image.voxels.withUnsafeBuffer { source in
        for value in source where Double(value) >= low && Double(value) <= high {
          counts[min(bins - 1, Int((Double(value) - low) / width))] += 1
        }
      }
      return Series(name: image.name, style: image.style, counts: counts)
    }
    self.width = width
  }

  /// Bins of whole width where an image holds whole numbers, if only the input: others would hold now one value more, now one
  /// less, and look like a comb.
  private static func bins(_ images: [Tensor], range: Double) -> (width: Double, count: Int) {
    let isWhole = images.contains { $0.withUnsafeBuffer { $0.allSatisfy { $0 == $0.rounded() } } }
    guard isWhole, range >= 8 else { return (range / Double(mostBins), mostBins) }
    // The values at both ends have a place.
    let width = ((range + 1) / Double(mostBins)).rounded(.up)
    return (width, Int(range / width) + 1)
  }

  /// The drawing: step lines over a square-root axis, so that rare values still show.
  func svg(title: String, unit: String) -> String {
    let top = Double(series.flatMap(\.counts).max() ?? 1).squareRoot()
    let lines = series.map { one in
      "<path class=\"\(one.style) area\" d=\"\(path(one.counts, top: max(top, 1)))\"/>"
    }
    let keys = series.map { "<span class=\"key \($0.style)\">\(escaped($0.name))</span>" }
    return """
      <figure class="chart"><svg viewBox="0 0 \(Int(Self.frame.width)) \(Int(Self.frame.height))" role="img" \
      aria-label="\(escaped(title)), from \(short(low)) to \(short(high)) \(escaped(unit))">\(ticks)\(lines.joined())</svg>
      <figcaption>\(escaped(title)), \(escaped(unit)); height: square root of the number of voxels. \(keys.joined(separator: " "))</figcaption>
      </figure>
      """
  }

  private func path(_ counts: [Int], top: Double) -> String {
    var out = "M\(one(position(low))) \(one(Self.frame.base))"
    for (i, count) in counts.enumerated() {
      out += "V\(one(Self.frame.base - Double(count).squareRoot() / top * (Self.frame.base - 8)))"
      out += "H\(one(position(min(high, low + Double(i + 1) * width))))"
    }
    return out + "V\(one(Self.frame.base))"
  }

  private var ticks: String {
    let step = NiceNumber.atLeast(max(high - low, .leastNormalMagnitude) / 6)
    var out = ""
    for index in Int((low / step).rounded(.up))...max(Int((low / step).rounded(.up)), Int((high / step).rounded(.down)))
    {
      let value = Double(index) * step
      let x = one(position(value))
      out += "<path class=\"grid\" d=\"M\(x) 8V\(one(Self.frame.base))\"/>"
      out += "<text x=\"\(x)\" y=\"178\" text-anchor=\"middle\">\(short(value))</text>"
    }
    return out + "<path class=\"axis\" d=\"M12 160H468\"/>"
  }

  private func position(_ value: Double) -> Double {
    16 + (value - low) / max(high - low, .leastNormalMagnitude) * (Self.frame.width - 32)
  }

  private func one(_ value: Double) -> String { String(format: "%.1f", value) }
}
