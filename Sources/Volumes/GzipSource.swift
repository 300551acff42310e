import CZlib
import DurableFiles

/// The decompressed bytes of a gzip file (RFC 1952), with every check that the format allows.
///
/// zlib inflates; the frame around it is ours, because a volume must not be processed from a damaged file: each
/// member's header, CRC-32 and length are checked, a missing byte at the end is an error, and so is anything after the
/// last member. Bits that deflate leaves unused (before a stored block and after the last block) must be zero, as every
/// compressor writes them, so that a flipped bit there is seen too. What passes decompresses to the bytes that were
/// compressed: a flip that only makes a copy point to another place with the same bytes is a valid encoding of the same
/// data, and nothing in the file could tell.
final class GzipSource: ByteSource {
  /// Deflate cannot expand one byte to more than 1032.
  private static let greatestRatio = 1032

  let name: String
  let bound: Int
  var integrity: String { "gzip CRC32 and length checked" }

  private(set) var textFields: [String] = []

  private let file: RegularFile
  private var position = 0
  private static let inputSize = 1 << 16
  private let input = UnsafeMutablePointer<UInt8>.allocate(capacity: GzipSource.inputSize)
  /// zlib keeps the address of its stream, so it must not move.
  private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
  private enum State { case beforeMember, insideMember, over }
  private var state = State.beforeMember
  private var lastByte: UInt8 = 0
  private var crc: UInt = 0
  private var length: UInt32 = 0

  init(_ file: RegularFile) {
    self.file = file
    name = file.name
    let (product, overflow) = file.byteCount.multipliedReportingOverflow(by: GzipSource.greatestRatio)
    bound = overflow ? .max : product
    stream.initialize(to: z_stream())
    let code = inflateInit2_(stream, -15, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    precondition(code == Z_OK, "zlib could not start")
  }

  deinit {
    inflateEnd(stream)
    stream.deallocate()
    input.deallocate()
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    var done = 0
    while done < buffer.count {
      switch state {
      case .over: return done
      case .beforeMember: try beginMember()
      case .insideMember:
        done += try inflateSome(into: UnsafeMutableRawBufferPointer(rebasing: buffer[done...]))
      }
    }
    return done
  }

  func finish(limit: Int) throws -> Int {
    var extra = 0
    var scratch = [UInt8](repeating: 0, count: 1 << 14)
    while true {
      let got = try scratch.withUnsafeMutableBytes { try read(into: $0) }
      extra += got
      if got == 0 { return extra }
      guard extra <= limit else {
        throw VolumeError(
          .corrupt, "\(name): the compressed data is longer than its header declares; copy it again from its source")
      }
    }
  }

  /// One call of zlib; returns the number of bytes that came out (0 is possible).
  private func inflateSome(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    guard try refill() else { throw truncated }
    let target = buffer.baseAddress!.assumingMemoryBound(to: UInt8.self)
    let room = min(buffer.count, 1 << 30)
    stream.pointee.next_out = target
    stream.pointee.avail_out = UInt32(room)
    let before = stream.pointee.avail_in
    // Z_BLOCK stops at the end of each deflate block, where the unused bits can be looked at.
    let code = inflate(stream, Z_BLOCK)
    if stream.pointee.avail_in < before { lastByte = stream.pointee.next_in[-1] }
    let produced = room - Int(stream.pointee.avail_out)
    crc = crc32(crc, target, UInt32(produced))
    length &+= UInt32(truncatingIfNeeded: produced)
    switch code {
    case Z_OK:
      if stream.pointee.data_type & 128 != 0 { try checkBlockBorder() }
    case Z_STREAM_END: try endMember()
    case Z_BUF_ERROR: break
    case Z_MEM_ERROR: throw FileError(.exhausted, "cannot read \(name): out of memory; free some and try again")
    default: throw corrupt("damaged compressed data")
    }
    return produced
  }

  /// At the border between two blocks, or after the last: bits that nothing else covers must be zero.
  private func checkBlockBorder() throws {
    let unused = Int(stream.pointee.data_type & 63)
    guard unused < 8 else { return }
    let rest = unused == 0 ? 0 : lastByte >> UInt8(8 - unused)
    if stream.pointee.data_type & 64 != 0 {
      guard rest == 0 else { throw corrupt("damaged compressed data") }
    } else {
      try checkBlockStart(rest: rest, bits: unused)
    }
  }

  /// A stored block (two type bits 00 after the final-block bit) is preceded by unused bits up to a whole byte.
  private func checkBlockStart(rest: UInt8, bits: Int) throws {
    guard try refill() else { throw truncated }
    let next = stream.pointee.next_in[0]
    let header = UInt16(rest) | UInt16(next) << UInt16(bits)
    guard header >> 1 & 3 == 0 else { return }
    let padding = bits >= 3 ? rest >> 3 : next >> UInt8(3 - bits)
    guard padding == 0 else { throw corrupt("damaged compressed data") }
  }

  private func beginMember() throws {
    var headerCRC: UInt = 0
    func next() throws -> UInt8 {
      var byte = try nextByte()
      headerCRC = crc32(headerCRC, &byte, 1)
      return byte
    }
    guard try next() == 0x1F, try next() == 0x8B else { throw corrupt("bytes after the end of the compressed data") }
    guard try next() == 8 else { throw corrupt("unknown gzip method") }
    let flags = try next()
    guard flags & 0xE0 == 0 else { throw corrupt("unknown gzip flags") }
    for _ in 0..<6 { _ = try next() }  // Time, level, operating system: of no use here.
    for (flag, name) in [(UInt8(4), "gzip extra field"), (8, "gzip file name"), (16, "gzip comment")]
    where flags & flag != 0 && !textFields.contains(name) { textFields.append(name) }
    if flags & 4 != 0 {
      let count = Int(try next()) | Int(try next()) << 8
      for _ in 0..<count { _ = try next() }
    }
    for flag in [UInt8(8), 16] where flags & flag != 0 {  // Original name, comment: may identify a person, not kept.
      while try next() != 0 {}
    }
    if flags & 2 != 0 {
      let computed = UInt16(truncatingIfNeeded: headerCRC)
      let stored = UInt16(try nextByte()) | UInt16(try nextByte()) << 8
      guard stored == computed else { throw corrupt("wrong gzip header checksum") }
    }
    inflateReset(stream)
    crc = 0
    length = 0
    state = .insideMember
    try checkBlockStart(rest: 0, bits: 0)
  }

  private func endMember() throws {
    var trailer = [UInt32](repeating: 0, count: 2)
    for index in 0..<8 { trailer[index / 4] |= UInt32(try nextByte()) << UInt32(index % 4 * 8) }
    guard trailer[0] == UInt32(truncatingIfNeeded: crc) else { throw corrupt("wrong checksum (CRC-32)") }
    guard trailer[1] == length else { throw corrupt("wrong length in the gzip trailer") }
    state = try refill() ? .beforeMember : .over
  }

  private func nextByte() throws -> UInt8 {
    guard try refill() else { throw truncated }
    let byte = stream.pointee.next_in.pointee
    stream.pointee.next_in += 1
    stream.pointee.avail_in -= 1
    return byte
  }

  /// Makes sure that there is input; false at the end of the file.
  private func refill() throws -> Bool {
    guard stream.pointee.avail_in == 0 else { return true }
    let got = try file.read(
      into: UnsafeMutableRawBufferPointer(start: input, count: GzipSource.inputSize), at: position)
    position += got
    stream.pointee.next_in = input
    stream.pointee.avail_in = UInt32(got)
    return got > 0
  }

  private var truncated: VolumeError {
    VolumeError(.truncated, "\(name): the compressed data ends too early; copy it again from its source")
  }

  private func corrupt(_ what: String) -> VolumeError {
    VolumeError(.corrupt, "\(name): \(what); copy it again from its source")
  }
}
