import CZlib
import DurableFiles
import Foundation

/// The stored (uncompressed) entries of a zip file, as PyTorch writes them; zip64 included.
///
/// Only the central directory is trusted to say what there is, and only after it was checked: one disk, nothing
/// encrypted, no name twice, every entry inside the file and before the directory. Bytes are read on demand, so a
/// checkpoint of gigabytes costs no more memory than the tensors that are wanted.
struct ZipArchive {
  struct Entry {
    var name: String
    var method: UInt16
    var crc: UInt32
    var storedBytes: UInt64
    var byteCount: UInt64
    var headerOffset: UInt64
  }

  let file: RegularFile
  /// Entries by name.
  let entries: [String: Entry]
  private let directoryStart: UInt64

  /// Reads the central directory; throws `ModelError` or `FileError`.
  init(_ file: RegularFile) throws {
    self.file = file
    let (start, length, count) = try Self.locateDirectory(file)
    directoryStart = start
    guard length <= 256 << 20, count <= length / 46 else {
      throw Self.corrupt(file, "its list of contents is impossible")
    }
    let bytes = ByteReader(try file.read(at: Int(start), count: Int(length)))
    var entries: [String: Entry] = [:]
    var position = 0
    for _ in 0..<count {
      guard let (entry, size) = Self.entry(bytes, at: position), entry.headerOffset < start else {
        throw Self.corrupt(file, "its list of contents is broken")
      }
      guard entries.updateValue(entry, forKey: entry.name) == nil else {
        throw Self.corrupt(file, "it holds \(ModelError.printable(entry.name)) twice")
      }
      position += size
    }
    self.entries = entries
  }

  static func corrupt(_ file: RegularFile, _ what: String) -> ModelError {
    ModelError(.corrupt, "\(file.name) is not a whole PyTorch checkpoint: \(what); get the file again")
  }

  /// The content of an entry, its length and CRC-32 checked.
  func read(_ entry: Entry) throws -> [UInt8] {
    let name = ModelError.printable(entry.name)
    guard entry.method == 0, entry.storedBytes == entry.byteCount else {
      throw ModelError(
        .refused, "\(file.name) holds \(name) compressed, which torch.save does not do; save it again with torch.save")
    }
    let local = ByteReader(try file.read(at: Int(entry.headerOffset), count: 30))
    guard local.u32(0) == 0x0403_4b50, let nameBytes = local.u16(26), let extraBytes = local.u16(28) else {
      throw Self.corrupt(file, "the header of \(name) is broken")
    }
    let start = entry.headerOffset + 30 + UInt64(nameBytes) + UInt64(extraBytes)
    guard start <= directoryStart, entry.byteCount <= directoryStart - start else {
      throw Self.corrupt(file, "\(name) reaches past its end")
    }
    let localName = try file.read(at: Int(entry.headerOffset) + 30, count: Int(nameBytes))
    guard localName == Array(entry.name.utf8) else {
      throw Self.corrupt(file, "the header of \(name) is another entry's")
    }
    let bytes = try file.read(at: Int(start), count: Int(entry.byteCount))
    guard bytes.count == Int(entry.byteCount), Self.checksum(bytes) == entry.crc else {
      throw Self.corrupt(file, "\(name) is damaged (wrong CRC-32)")
    }
    return bytes
  }

  private static func checksum(_ bytes: [UInt8]) -> UInt32 {
    UInt32(truncatingIfNeeded: crc32_z(0, bytes, bytes.count))
  }

  /// Start, length and number of entries of the central directory.
  private static func locateDirectory(_ file: RegularFile) throws -> (start: UInt64, length: UInt64, count: UInt64) {
    let tailStart = max(0, file.byteCount - 65_557)
    let tail = ByteReader(try file.read(at: tailStart, count: 65_557))
    // The end record is followed by a comment that must reach the end of the file exactly.
    let end = stride(from: tail.count - 22, through: 0, by: -1).first { at in
      tail.u32(at) == 0x0605_4b50 && tail.u16(at + 20).map { at + 22 + Int($0) == tail.count } == true
    }
    guard let end, var count = tail.u16(end + 10).map(UInt64.init), var length = tail.u32(end + 12).map(UInt64.init),
      var start = tail.u32(end + 16).map(UInt64.init), var disk = tail.u16(end + 4).map(UInt64.init)
    else { throw corrupt(file, "it is no zip archive or ends early") }
    var limit = UInt64(tailStart + end)
    if tail.u32(end - 20) == 0x0706_4b50, let at = tail.u64(end - 12), at <= limit {
      let record = ByteReader(try file.read(at: Int(at), count: 56))
      guard record.u32(0) == 0x0606_4b50, let disk64 = record.u32(16), let count64 = record.u64(32),
        let length64 = record.u64(40), let start64 = record.u64(48)
      else { throw corrupt(file, "its zip64 record is broken") }
      (disk, count, length, start, limit) = (UInt64(disk64), count64, length64, start64, at)
    }
    guard disk == 0, start <= limit, length <= limit - start else {
      throw corrupt(file, "its list of contents lies outside of it")
    }
    return (start, length, count)
  }

  /// One entry of the central directory and its length there.
  private static func entry(_ bytes: ByteReader, at: Int) -> (Entry, Int)? {
    guard bytes.u32(at) == 0x0201_4b50, let flags = bytes.u16(at + 8), flags & 1 == 0, let method = bytes.u16(at + 10),
      let crc = bytes.u32(at + 16), let stored = bytes.u32(at + 20), let full = bytes.u32(at + 24),
      let nameBytes = bytes.u16(at + 28), let extraBytes = bytes.u16(at + 30), let commentBytes = bytes.u16(at + 32),
      let header = bytes.u32(at + 42),
      let nameSlice = bytes.slice(at + 46, Int(nameBytes)), let name = String(validating: nameSlice, as: UTF8.self)
    else { return nil }
    var entry = Entry(
      name: name, method: method, crc: crc, storedBytes: UInt64(stored), byteCount: UInt64(full),
      headerOffset: UInt64(header))
    guard widen(&entry, bytes, extra: at + 46 + Int(nameBytes), count: Int(extraBytes)) else { return nil }
    return (entry, 46 + Int(nameBytes) + Int(extraBytes) + Int(commentBytes))
  }

  /// Takes the 64-bit numbers of the zip64 field for those that are all ones in the record itself, in its fixed order.
  private static func widen(_ entry: inout Entry, _ bytes: ByteReader, extra: Int, count: Int) -> Bool {
    let all = UInt64(UInt32.max)
    guard entry.byteCount == all || entry.storedBytes == all || entry.headerOffset == all else { return true }
    var at = extra
    while at + 4 <= extra + count, let tag = bytes.u16(at), let size = bytes.u16(at + 2) {
      if tag == 1 {
        var field = at + 4
        let end = field + Int(size)
        func next() -> UInt64? {
          guard field + 8 <= end, end <= extra + count else { return nil }
          defer { field += 8 }
          return bytes.u64(field)
        }
        if entry.byteCount == all { guard let value = next() else { return false }; entry.byteCount = value }
        if entry.storedBytes == all { guard let value = next() else { return false }; entry.storedBytes = value }
        if entry.headerOffset == all { guard let value = next() else { return false }; entry.headerOffset = value }
        return true
      }
      at += 4 + Int(size)
    }
    return false
  }
}

/// Little-endian numbers at any position of an array; nil outside of it.
struct ByteReader {
  private let bytes: [UInt8]

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var count: Int { bytes.count }

  func slice(_ at: Int, _ length: Int) -> ArraySlice<UInt8>? {
    guard at >= 0, length >= 0, at <= bytes.count, length <= bytes.count - at else { return nil }
    return bytes[at..<at + length]
  }
  func u16(_ at: Int) -> UInt16? { slice(at, 2)?.reversed().reduce(0) { $0 << 8 | UInt16($1) } }
  func u32(_ at: Int) -> UInt32? { slice(at, 4)?.reversed().reduce(0) { $0 << 8 | UInt32($1) } }
  func u64(_ at: Int) -> UInt64? { slice(at, 8)?.reversed().reduce(0) { $0 << 8 | UInt64($1) } }
}
