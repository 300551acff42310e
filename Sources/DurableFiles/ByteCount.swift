/// Sizes in bytes as people write them.
public enum ByteCount {
  /// The bytes that a text such as `8G`, `512M`, `1.5GiB` or `100` means; nil for anything else or for nothing.
  ///
  /// Units are powers of 1024.
  public static func parse(_ text: String) -> Int? {
    var number = text.uppercased()
    for ending in ["IB", "B"] where number.hasSuffix(ending) {
      number.removeLast(ending.count)
      break
    }
    let units: [Character: Double] = ["K": 0x1p10, "M": 0x1p20, "G": 0x1p30, "T": 0x1p40]
    var scale = 1.0
    if let last = number.last, let unit = units[last] {
      scale = unit
      number.removeLast()
    }
    guard let value = Double(number), value > 0, value * scale < 0x1p60 else { return nil }
    return Int(value * scale)
  }

  /// A size with a unit and at most one decimal.
  public static func text(_ bytes: Int) -> String {
    var value = Double(bytes)
    for unit in ["bytes", "KiB", "MiB", "GiB"] {
      if value < 1024 || unit == "GiB" {
        let tenths = (value * 10).rounded() / 10
        return (tenths == tenths.rounded() ? String(Int(tenths)) : String(tenths)) + " " + unit
      }
      value /= 1024
    }
    return "\(bytes) bytes"
  }
}
