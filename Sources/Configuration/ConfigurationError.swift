import DurableFiles

/// A configuration that cannot be followed: where it is, what is wrong and what to do, in one line (exit code 78).
public struct ConfigurationError: Error, Equatable, CustomStringConvertible {
  /// What a program needs to tell apart.
  public enum Kind: String, Sendable, CaseIterable {
    /// The file is no YAML text that is read here.
    case syntax
    /// A key that is not known, or has no place there.
    case unknownKey
    /// A key that must be given.
    case missingKey
    /// A value of the wrong type or out of range.
    case value
    /// No workflow of that name, or none that fits.
    case notFound
    /// More than one workflow that fits.
    case ambiguous
  }

  /// What went wrong.
  public let kind: Kind
  /// Base name of the file, or what else the value is from; nil for a text without a name.
  public let file: String?
  /// The line, from 1.
  public let line: Int?
  /// What is wrong and what to do, without the place.
  public let reason: String

  /// An error with its place and its words.
  public init(_ kind: Kind, file: String? = nil, line: Int? = nil, _ reason: String) {
    self.kind = kind
    self.file = file
    self.line = line
    // Keys and values of the file stand in reasons, whatever is in them.
    self.reason = FileError.printable(reason, limit: 500)
  }

  /// One line: the place, what is wrong, and what to do.
  public var description: String {
    (file.map { "\($0): " } ?? "") + (line.map { "line \($0): " } ?? "") + reason
  }
}
