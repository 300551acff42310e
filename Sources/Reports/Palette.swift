/// The colours of all pages: a dark room, as pictures of this kind are read in.
///
/// Before is amber and after is blue wherever they meet; the two differ for colour-blind eyes too.
enum Palette {
  static let background = "#0b0e12"
  static let panel = "#131920"
  static let line = "#2c3742"
  static let text = "#e9eef3"
  static let dim = "#a9b6c3"
  static let before = "#ffb454"
  static let after = "#6fd3ff"
  static let alert = "#ff9d80"
  static let good = "#86dcab"
  static let banner = "#6d1f0c"
  static let onBanner = "#fff4ec"

  /// What is written on what.
  static let pairs = [
    (text, background), (text, panel), (dim, background), (dim, panel), (before, panel), (after, panel),
    (before, background), (after, background), (alert, panel), (alert, background), (good, panel), (good, background),
    (onBanner, banner),
  ]

  /// The custom properties that style sheets use.
  static let properties = """
    :root{color-scheme:dark;--background:\(background);--panel:\(panel);--rule:\(line);--text:\(text);--dim:\(dim);\
    --before:\(before);--after:\(after);--alert:\(alert);--good:\(good);--banner:\(banner);--on-banner:\(onBanner)}
    """
}

/// How grey levels are shown in colour: an SVG filter over a grey picture, and the legend that goes with it.
struct ColourMap {
  let name: String
  /// Red, green, blue in 0...1 at equal distances from black to white.
  let stops: [[Double]]

  /// Blue below, orange above, dark in the middle: what differs from zero shines.
  static let diverging = ColourMap(
    name: "diverging",
    stops: [[0.55, 0.9, 1], [0.16, 0.5, 0.85], [0.05, 0.06, 0.075], [0.85, 0.38, 0.1], [1, 0.85, 0.5]])
  /// From dark to bright.
  static let ember = ColourMap(
    name: "ember",
    stops: [[0.02, 0.02, 0.04], [0.33, 0.07, 0.42], [0.78, 0.22, 0.3], [0.98, 0.58, 0.1], [1, 0.96, 0.65]])

  /// The filter, for the start of a page; pictures of class `map-NAME` go through it.
  var filter: String {
    let functions = zip(["R", "G", "B"], 0...2).map { letter, channel in
      let values = stops.map { String($0[channel]) }.joined(separator: " ")
      return "<feFunc\(letter) type=\"table\" tableValues=\"\(values)\"/>"
    }
    return """
      <filter id="\(name)" color-interpolation-filters="sRGB"><feComponentTransfer>\(functions.joined())\
      </feComponentTransfer></filter>
      """
  }

  var rule: String { ".map-\(name) img{filter:url(#\(name))}" }

  /// A bar of the colours with the values at its ends and middle.
  func legend(_ low: String, _ middle: String, _ high: String, title: String) -> String {
    let colours = stops.enumerated().map { index, stop in
      let rgb = stop.map { String(Int(($0 * 255).rounded())) }.joined(separator: ",")
      return "<stop offset=\"\(Double(index) / Double(stops.count - 1))\" stop-color=\"rgb(\(rgb))\"/>"
    }
    return """
      <p class="legend"><span>\(escaped(low))</span><svg viewBox="0 0 200 10" preserveAspectRatio="none" role="img" \
      aria-label="\(escaped(title))"><defs><linearGradient id="bar-\(name)">\(colours.joined())</linearGradient></defs>\
      <rect width="200" height="10" fill="url(#bar-\(name))"/></svg><span>\(escaped(high))</span>\
      <span class="middle">\(escaped(middle))</span></p>
      """
  }
}
