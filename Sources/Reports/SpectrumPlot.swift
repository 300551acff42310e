import Foundation

/// The power spectra of an input and of what was removed from it, drawn as SVG over logarithmic power.
struct SpectrumPlot {
  let spectrum: PowerSpectrum
  let unit: String

  private static let frame = (left: 44.0, right: 468.0, top: 8.0, base: 160.0)

  /// The drawing; nil where nothing was removed.
  var svg: String? {
    let (input, rest) = (spectrum.power[0], spectrum.power[1])
    guard let greatest = (input + rest).filter({ $0 > 0 }).max(), rest.contains(where: { $0 > 0 }) else { return nil }
    // What is a hundred-thousandth of the strongest is not looked at.
    let floor = greatest * 1e-5
    let least = (input + rest).map { max($0, floor) }.min() ?? floor
    let (low, high) = (log10(least).rounded(.down), max(log10(greatest).rounded(.up), log10(least).rounded(.down) + 1))
    func height(_ power: Double) -> Double {
      let share = (log10(max(power, floor)) - low) / (high - low)
      return Self.frame.base - min(max(share, 0), 1) * (Self.frame.base - Self.frame.top)
    }
    func line(_ power: [Double], _ style: String) -> String {
      let points = power.enumerated().map { "\(one(across(spectrum.frequency($0)))) \(one(height($1)))" }
      return "<path class=\"line-\(style)\" d=\"M\(points.joined(separator: "L"))\"/>"
    }
    let white = rest.reduce(0, +) / Double(rest.count)
    return """
      <figure class="chart"><svg viewBox="0 0 480 190" role="img" aria-label="Power spectrum of input and residual, from \
      coarse to fine detail, in squared \(escaped(unit))">\(grid(low, high, height))\
      <path class="white" d="M\(one(Self.frame.left)) \(one(height(white)))H\(one(Self.frame.right))"/>\
      \(line(input, "input"))\(line(rest, "rest"))</svg>
      <figcaption>Power of detail from coarse (left) to fine (right), by the width of its waves in voxels; \(escaped(unit))², \
      logarithmic, inside the object; dashed: white noise is as strong everywhere. <span class="screen">A residual that rises \
      to the left took coarse structure; where it meets the input, all detail of that fineness went.</span> \
      <span class="key input">before</span> <span class="key rest">residual</span></figcaption></figure>
      """
  }

  private func grid(_ low: Double, _ high: Double, _ height: (Double) -> Double) -> String {
    var out = ""
    for waves in [16, 8, 4, 3, 2] {
      let x = one(across(1 / Double(waves)))
      out += "<path class=\"grid\" d=\"M\(x) 8V160\"/><text x=\"\(x)\" y=\"178\" text-anchor=\"middle\">\(waves)</text>"
    }
    let step = max(1, ((high - low) / 4).rounded(.up))
    for power in stride(from: low, through: high, by: step) {
      let y = height(pow(10, power))
      out += "<path class=\"grid\" d=\"M44 \(one(y))H468\"/>"
      out += "<text x=\"40\" y=\"\(one(y + 4))\" text-anchor=\"end\">\(Self.power(Int(power)))</text>"
    }
    return out + "<path class=\"axis\" d=\"M44 160H468\"/>"
  }

  /// 10 to a whole power, in figures where they are short.
  private static func power(_ exponent: Int) -> String {
    if (-2...3).contains(exponent) { return short(pow(10, Double(exponent))) }
    let digits = String(exponent).map {
      $0 == "-" ? "⁻" : String("⁰¹²³⁴⁵⁶⁷⁸⁹".dropFirst(Int(String($0)) ?? 0).prefix(1))
    }
    return "10" + digits.joined()
  }

  private func across(_ frequency: Double) -> Double {
    Self.frame.left + frequency / 0.5 * (Self.frame.right - Self.frame.left)
  }

  private func one(_ value: Double) -> String { String(format: "%.1f", value) }
}
