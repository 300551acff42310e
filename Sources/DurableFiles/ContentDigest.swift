import Crypto
public import Foundation

/// SHA-256 (FIPS 180-4) of data, of a file or of a stream, as 64 lower-case hexadecimal digits.
public struct ContentDigest: Sendable {
  private var hash = SHA256()

  /// The digest of nothing yet.
  public init() {}

  /// Takes in the next bytes of a stream.
  public mutating func update(_ bytes: UnsafeRawBufferPointer) { hash.update(bufferPointer: bytes) }

  /// The digest of everything taken in so far.
  public var hex: String {
    let digits = Array("0123456789abcdef".utf8)
    let digest = hash.finalize()
    return String(decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }

  /// The digest of data in memory.
  public static func sha256(of data: Data) -> String {
    var digest = ContentDigest()
    data.withUnsafeBytes { digest.update($0) }
    return digest.hex
  }

  /// The digest of a file's content, read in pieces of 1 MiB; throws `FileError`.
  public static func sha256(of url: URL) throws -> String { try sha256(of: RegularFile(url)) }

  /// The digest of an open file's content; `progress` is called for every piece.
  public static func sha256(of file: RegularFile, progress: () -> Void = {}) throws -> String {
    var digest = ContentDigest()
    var piece = [UInt8](repeating: 0, count: 1 << 20)
    var offset = 0
    while true {
      let got = try piece.withUnsafeMutableBytes { buffer in
        let got = try file.read(into: buffer, at: offset)
        digest.update(UnsafeRawBufferPointer(rebasing: buffer[..<got]))
        return got
      }
      offset += got
      progress()
      if got < piece.count { return digest.hex }
    }
  }
}
