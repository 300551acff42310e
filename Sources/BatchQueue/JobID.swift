/// The name of a job, and of its case in the results: the first 16 digits of its key.
///
/// The key is a digest of everything that the result depends on, so equal work has equal names, whoever names it.
public struct JobID: Hashable, Sendable, Comparable, CustomStringConvertible, Codable {
  /// 16 lower-case hexadecimal digits.
  public let description: String

  /// An id from its text; nil for anything but 16 lower-case hexadecimal digits.
  public init?(_ text: some StringProtocol) {
    guard text.utf8.count == 16, text.utf8.allSatisfy({ (48...57).contains($0) || (97...102).contains($0) }) else {
      return nil
    }
    description = String(text)
  }

  /// The id of the job with a key, which has at least 16 hexadecimal digits.
  public init(key: String) {
    guard let id = JobID(key.prefix(16)) else { preconditionFailure("a job key is a digest in hexadecimal digits") }
    self = id
  }

  /// Whether a key is one: a SHA-256 in lower-case hexadecimal digits.
  static func isKey(_ text: String) -> Bool {
    text.utf8.count == 64 && text.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
  }

  /// The folder that holds it among many: the first two digits.
  var shard: String { String(description.prefix(2)) }

  /// Reads the text.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    guard let id = JobID(try container.decode(String.self)) else {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a job id")
    }
    self = id
  }

  /// Writes the text.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }

  /// In the order of the text.
  public static func < (a: JobID, b: JobID) -> Bool { a.description < b.description }
}
