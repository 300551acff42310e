/// Durations as people write them.
public enum DurationText {
  private static let units: [(name: String, milliseconds: Int64)] = [
    ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
  ]

  /// The duration that a text such as `20s`, `5m`, `1h30m` or `500ms` means; nil for anything else.
  ///
  /// Units are d, h, m, s, ms, each at most once, the larger one first; a number without a unit means nothing. Numbers
  /// may have decimals; the whole is a whole number of milliseconds, at most about 30 years.
  public static func parse(_ text: String) -> Duration? {
    var rest = text[...]
    var total = 0.0
    var next = 0
    while !rest.isEmpty {
      guard let match = rest.prefixMatch(of: /([0-9]{1,12}(?:\.[0-9]{1,6})?)(ms|d|h|m|s)/),
        let number = Double(match.1),
        let unit = units.firstIndex(where: { $0.name == match.2 }), unit >= next
      else { return nil }
      total += number * Double(units[unit].milliseconds)
      next = unit + 1
      rest = rest[match.range.upperBound...]
    }
    // 1.1 h is a little more than 3960000 ms in binary.
    guard next > 0, total <= 1e12, abs(total - total.rounded()) < 1e-3 else { return nil }
    return .milliseconds(Int64(total.rounded()))
  }

  /// The shortest text that `parse` reads as this duration, to the millisecond.
  public static func text(_ duration: Duration) -> String {
    let (seconds, attoseconds) = duration.components
    var rest = seconds * 1000 + attoseconds / 1_000_000_000_000_000
    guard rest > 0 else { return "0s" }
    var text = ""
    for unit in units where rest >= unit.milliseconds {
      text += "\(rest / unit.milliseconds)\(unit.name)"
      rest %= unit.milliseconds
    }
    return text
  }
}
