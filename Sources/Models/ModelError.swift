/// A model or checkpoint that cannot be used: what is wrong and what to do, in one line.
public struct ModelError: Error, Equatable, CustomStringConvertible {
  /// What a program needs to tell apart.
  public enum Kind: String, Sendable, CaseIterable {
    /// No model of that name, or no file there.
    case notFound
    /// The file is damaged, cut short, or not what its name says.
    case corrupt
    /// A checkpoint asks for something that a reader of numbers does not do, or is of a kind that is not read.
    case refused
    /// The model card is missing, of another format, or says something impossible.
    case card
    /// The tensors are not those of the network that the card (or the checkpoint itself) describes.
    case mismatch
  }

  /// What went wrong.
  public let kind: Kind
  /// One line: what is wrong and what to do.
  public let description: String

  /// An error with its own words.
  public init(_ kind: Kind, _ description: String) {
    self.kind = kind
    self.description = description
  }
}

extension ModelError {
  /// Up to `limit` names in a message, and how many more there are.
  ///
  /// Names come from outside, so anything that could upset a terminal is shown as `?`.
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
