import Foundation

/// A picture of a training log: the loss on a logarithmic scale, and below it the validation PSNR.
struct LossCurve {
  let log: TrainingLog

  private static let left = 70.0
  private static let width = 700.0
  private static let height = 230.0

  private struct Series {
    var name: String
    var colour: String
    var dashed = false
    var points: [(step: Int, value: Double)]
  }

  /// The picture as SVG.
  var svg: String {
    let losses = log.lines.compactMap { line in line.loss.map { (step: line.step, value: log10(max($0, 1e-12))) } }
    let steps = max(1, log.lines.map(\.step).max() ?? 1)
    let quality = validationSeries
    var body = panel(
      "loss (logarithmic)", top: 40, steps: steps,
      series: [Series(name: "loss", colour: "#1f6fb4", points: losses)], decades: true)
    if !quality.isEmpty {
      body += panel("validation PSNR, dB", top: 330, steps: steps, series: quality, decades: false)
    }
    let total = quality.isEmpty ? 320.0 : 610.0
    return """
      <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 960 \(Int(total))" font-family="sans-serif" font-size="12">
      <rect width="960" height="\(Int(total))" fill="white"/>
      \(body)</svg>

      """
  }

  private var validationSeries: [Series] {
    let colours = ["#c0392b", "#1e8449", "#1f6fb4", "#8e44ad", "#b9770e", "#2c3e50"]
    var names: [String] = []
    var sampler: [String: [(step: Int, value: Double)]] = [:]
    var input: [String: [(step: Int, value: Double)]] = [:]
    for line in log.lines {
      for row in line.validation ?? [] {
        let name = "\(Self.shortName(row.data)) \(Self.number(row.level))"
        if sampler[name] == nil { names.append(name) }
        sampler[name, default: []].append((line.step, row.psnr))
        input[name, default: []].append((line.step, row.inputPSNR))
      }
    }
    return names.enumerated().flatMap { index, name -> [Series] in
      let colour = colours[index % colours.count]
      return [
        Series(name: name, colour: colour, points: sampler[name] ?? []),
        Series(name: "", colour: colour, dashed: true, points: input[name] ?? []),
      ]
    }
  }

  private func panel(_ title: String, top: Double, steps: Int, series: [Series], decades: Bool) -> String {
    let values = series.flatMap { $0.points.map(\.value) }
    guard let smallest = values.min(), let largest = values.max() else { return "" }
    let low = floor(smallest), high = max(ceil(largest), floor(smallest) + 1)
    func x(_ step: Int) -> Double { Self.left + Self.width * Double(step) / Double(steps) }
    func y(_ value: Double) -> Double { top + Self.height * (high - value) / (high - low) }
    let spacing = max(1, ((high - low) / 8).rounded(.up))
    var svg = "<text x=\"\(Self.left)\" y=\"\(top - 10)\" font-size=\"14\">\(title)</text>\n"
    for value in stride(from: low, through: high, by: spacing) {
      let label = decades ? "1e\(Int(value))" : "\(Int(value))"
      svg += line(Self.left, y(value), Self.left + Self.width, y(value), "#dddddd")
      svg += "<text x=\"\(Self.left - 8)\" y=\"\(y(value) + 4)\" text-anchor=\"end\">\(label)</text>\n"
    }
    for k in 0...4 {
      let step = steps * k / 4
      let place = "x=\"\(Self.number(x(step)))\" y=\"\(top + Self.height + 18)\""
      svg += "<text \(place) text-anchor=\"middle\">\(step)\(k == 4 ? " steps" : "")</text>\n"
    }
    var legend = 0.0
    for one in series {
      let points = one.points.map { "\(Self.number(x($0.step))),\(Self.number(y($0.value)))" }.joined(separator: " ")
      let dash = one.dashed ? " stroke-dasharray=\"4 4\"" : ""
      svg += "<polyline fill=\"none\" stroke=\"\(one.colour)\" stroke-width=\"1.5\"\(dash) points=\"\(points)\"/>\n"
      guard !one.name.isEmpty, series.count > 1 else { continue }
      let place = "x=\"\(Self.left + Self.width + 12)\" y=\"\(top + 12 + legend)\""
      svg += "<text \(place) fill=\"\(one.colour)\">\(Self.escaped(one.name))</text>\n"
      legend += 18
    }
    if series.contains(where: \.dashed) {
      svg += "<text x=\"\(Self.left + Self.width + 12)\" y=\"\(top + 12 + legend)\">dashed: input</text>\n"
    }
    return svg
  }

  private func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ colour: String) -> String {
    "<line x1=\"\(x1)\" y1=\"\(Self.number(y1))\" x2=\"\(x2)\" y2=\"\(Self.number(y2))\" stroke=\"\(colour)\"/>\n"
  }

  private static func number(_ value: Double) -> String {
    let rounded = (value * 100).rounded() / 100
    return rounded == rounded.rounded() && abs(rounded) < 1e9 ? "\(Int(rounded))" : "\(rounded)"
  }

  private static func shortName(_ path: String) -> String {
    String(path.split(separator: "/").last ?? "").replacingOccurrences(of: ".nii.gz", with: "")
  }

  private static func escaped(_ text: String) -> String {
    text.replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(of: "<", with: "&lt;")
  }
}
