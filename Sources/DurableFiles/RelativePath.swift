import Foundation

/// A path below some folder, as the bytes that the file system has.
///
/// File names need not be text: what a person or a scanner drops may hold line breaks or bytes of any encoding. The bytes
/// are kept for the file system, `description` is for people.
public struct RelativePath: Hashable, Sendable, CustomStringConvertible {
  /// Names from the outermost folder to the file.
  public private(set) var names: [[UInt8]]

  /// The folder itself.
  public init() { names = [] }

  /// A path from text such as `new/scan.nii.gz`.
  public init(_ text: String) { names = text.utf8.split(separator: UInt8(ascii: "/")).map(Array.init) }

  /// The path of something in this folder.
  public func appending(_ name: [UInt8]) -> RelativePath {
    var path = self
    path.names.append(name)
    return path
  }

  /// The path of something in this folder.
  public func appending(_ name: String) -> RelativePath { appending(Array(name.utf8)) }

  /// The folder that holds it; the folder itself holds itself.
  public var folder: RelativePath {
    var path = self
    if !path.names.isEmpty { path.names.removeLast() }
    return path
  }

  /// The last name, as text; bytes that are no UTF-8 are replaced.
  public var lastName: String { String(decoding: names.last ?? [], as: UTF8.self) }

  /// The bytes that the system calls take, `.` for the folder itself.
  public var bytes: [UInt8] {
    names.isEmpty ? [UInt8(ascii: ".")] : Array(names.joined(separator: [UInt8(ascii: "/")]))
  }

  /// The path in a form that fits a one-line message.
  public var description: String { FileError.printable(String(decoding: bytes, as: UTF8.self)) }

  /// Whether every name is text.
  public var isText: Bool { names.allSatisfy { String(validating: $0, as: UTF8.self) != nil } }

  func withCString<R>(_ body: (UnsafePointer<CChar>) throws -> R) rethrows -> R {
    try (bytes + [0]).withUnsafeBytes { try body($0.assumingMemoryBound(to: CChar.self).baseAddress!) }
  }
}

extension RelativePath: Codable {
  /// Reads the bytes, in base 64, name by name.
  public init(from decoder: any Decoder) throws {
    let names = try decoder.singleValueContainer().decode([Data].self)
    self = names.reduce(RelativePath()) { $0.appending(Array($1)) }
  }

  /// Writes the bytes, in base 64, name by name.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(names.map { Data($0) })
  }
}
