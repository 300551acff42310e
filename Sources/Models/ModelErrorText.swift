extension ModelError {
  /// Up to `limit` names in a message, and how many more there are. Names come from outside, so anything that could
  /// upset a terminal is shown as `?`.
  static func list(_ names: [String], limit: Int = 5) -> String {
    let shown = names.prefix(limit).map(printable).joined(separator: ", ")
    return names.count > limit ? "\(shown) and \(names.count - limit) more" : shown
  }

  /// Text from outside, cut to a length that fits a message.
  static func printable(_ text: String) -> String {
    let clean = text.unicodeScalars.prefix(80).map { scalar -> Character in
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: "?"
      default: Character(scalar)
      }
    }
    return String(clean) + (text.unicodeScalars.count > 80 ? "…" : "")
  }
}
