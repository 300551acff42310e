import DurableFiles

/// The bytes of a file from its start to its end, decompressed if need be, with memory that does not depend on the
/// file.
protocol ByteSource: AnyObject {
  /// For messages.
  var name: String { get }
  /// No more bytes than this can come; for a plain file the exact number.
  var bound: Int { get }
  /// What is known of the bytes' integrity after `finish`, for the manifest.
  var integrity: String { get }
  /// Names of what holds free text around the bytes, as far as they were read.
  var textFields: [String] { get }
  /// Fills the buffer, or as much of it as there are bytes left.
  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int
  /// Checks what follows the bytes wanted; returns how many there were. Throws if there are more than `limit`.
  func finish(limit: Int) throws -> Int
}

extension ByteSource {
  var textFields: [String] { [] }

  /// The next `count` bytes; throws `VolumeError.truncated` if there are fewer.
  func read(_ count: Int) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    try bytes.withUnsafeMutableBytes { try fill($0) }
    return bytes
  }

  /// Fills the buffer; throws `VolumeError.truncated` if there are fewer bytes.
  func fill(_ buffer: UnsafeMutableRawBufferPointer) throws {
    guard try read(into: buffer) == buffer.count else {
      throw VolumeError(.truncated, "\(name): the file ends too early; copy it again from its source")
    }
  }

  /// Passes over bytes.
  func skip(_ count: Int) throws {
    var left = count
    var scratch = [UInt8](repeating: 0, count: min(count, 1 << 16))
    while left > 0 {
      let part = min(left, scratch.count)
      try scratch.withUnsafeMutableBytes { try fill(UnsafeMutableRawBufferPointer(rebasing: $0[..<part])) }
      left -= part
    }
  }
}

/// A file's own bytes.
final class PlainSource: ByteSource {
  private let file: RegularFile
  private var position = 0

  init(_ file: RegularFile) { self.file = file }

  var name: String { file.name }
  var bound: Int { file.byteCount }
  var integrity: String { "length checked" }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    let got = try file.read(into: buffer, at: position)
    position += got
    return got
  }

  func finish(limit: Int) -> Int { file.byteCount - position }
}

/// Opens a file's bytes: decompressed if they start like gzip.
func byteSource(_ file: RegularFile) throws -> any ByteSource {
  guard file.byteCount > 0 else {
    throw VolumeError(.empty, "\(file.name): the file is empty; copy it again from its source")
  }
  return try file.read(at: 0, count: 2) == [0x1F, 0x8B] ? GzipSource(file) : PlainSource(file)
}
