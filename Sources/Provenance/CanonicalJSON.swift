import DurableFiles
public import Foundation

/// JSON with one spelling per value, so that it can be hashed: keys sorted, no white space, slashes as they are.
public enum CanonicalJSON {
  /// The canonical bytes of a value.
  public static func data(of value: some Encodable) throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return try encoder.encode(value)
  }

  /// SHA-256 of the canonical bytes, in hex.
  public static func digest(of value: some Encodable) throws -> String { ContentDigest.sha256(of: try data(of: value)) }
}

/// Times as manifests write them.
public enum Timestamp {
  /// UTC with milliseconds, such as `2026-11-21T10:15:30.123Z`.
  public static func text(_ date: Date) -> String {
    date.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
  }
}
