import CZlib

extension FuzzTarget {
  /// Makes the checksums and lengths inside an input right for the bytes around them, as far as that can be done.
  func seal(_ bytes: UnsafeMutableBufferPointer<UInt8>) {
    switch self {
    case .png: sealPNG(bytes)
    case .gzip: sealGzip(bytes)
    case .checkpoint: Checkpoint.seal(bytes)
    case .safetensors:
      guard let end = bytes.lastIndex(of: UInt8(ascii: "}")), end >= 8 else { return }
      put(UInt64(end - 7), 8, bytes, 0)
    case .nifti, .card, .pickle, .yaml, .manifest: break
    }
  }

  /// The CRC-32 of every chunk, and the Adler-32 of pixels that lie in one chunk.
  private func sealPNG(_ bytes: UnsafeMutableBufferPointer<UInt8>) {
    var at = 8
    while at + 12 <= bytes.count {
      let length = bytes[at..<at + 4].reduce(0) { $0 << 8 | Int($1) }
      guard length <= bytes.count - at - 12 else { return }
      let end = at + 8 + length
      if length > 6, bytes[at + 4..<at + 8].elementsEqual("IDAT".utf8),
        let (plain, after) = inflatedRaw(bytes, at + 10..<end), after + 4 <= end
      {
        put(UInt64(UInt32(adler32(1, plain, UInt32(plain.count))).byteSwapped), 4, bytes, after)
      }
      put(UInt64(UInt32(checksum(bytes, at + 4..<end)).byteSwapped), 4, bytes, end)
      at = end + 4
    }
  }

  /// CRC-32 and length of the first member, if its header has no optional parts.
  private func sealGzip(_ bytes: UnsafeMutableBufferPointer<UInt8>) {
    guard bytes.count > 18, bytes[3] == 0, let (plain, after) = inflatedRaw(bytes, 10..<bytes.count),
      after + 8 <= bytes.count
    else { return }
    put(UInt64(crc32(0, plain, UInt32(plain.count))), 4, bytes, after)
    put(UInt64(plain.count), 4, bytes, after + 4)
  }
}

/// What a raw deflate stream holds (up to 1 MiB), and where it ends; nil if it is none.
private func inflatedRaw(_ bytes: UnsafeMutableBufferPointer<UInt8>, _ range: Range<Int>) -> ([UInt8], end: Int)? {
  var stream = z_stream()
  guard inflateInit2_(&stream, -15, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else { return nil }
  defer { inflateEnd(&stream) }
  var plain = [UInt8](repeating: 0, count: 1 << 20)
  stream.next_in = bytes.baseAddress! + range.lowerBound
  stream.avail_in = UInt32(range.count)
  let code = plain.withUnsafeMutableBufferPointer { target in
    stream.next_out = target.baseAddress
    stream.avail_out = UInt32(target.count)
    return inflate(&stream, Z_FINISH)
  }
  guard code == Z_STREAM_END else { return nil }
  return (Array(plain[..<Int(stream.total_out)]), range.upperBound - Int(stream.avail_in))
}

/// What zlib's own gzip reader makes of some bytes, all members; nil if it refuses them.
func inflated(_ bytes: [UInt8]) -> [UInt8]? {
  var stream = z_stream()
  guard inflateInit2_(&stream, 31, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else { return nil }
  defer { inflateEnd(&stream) }
  var out: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 1 << 16)
  return bytes.withUnsafeBufferPointer { source -> [UInt8]? in
    stream.next_in = UnsafeMutablePointer(mutating: source.baseAddress)
    stream.avail_in = UInt32(source.count)
    while true {
      let code = buffer.withUnsafeMutableBufferPointer { target in
        stream.next_out = target.baseAddress
        stream.avail_out = UInt32(target.count)
        return inflate(&stream, Z_NO_FLUSH)
      }
      out += buffer[..<(buffer.count - Int(stream.avail_out))]
      if code == Z_STREAM_END {
        if stream.avail_in == 0 { return out }
        inflateReset(&stream)
      } else if code != Z_OK {
        return nil
      }
    }
  }
}

/// Checkpoints as torch.save writes them: a zip archive of stored entries.
enum Checkpoint {
  /// An archive around a pickle, with the one number of storage 0.
  static func archive(pickle: [UInt8]) -> [UInt8] {
    var out: [UInt8] = []
    var directory: [UInt8] = []
    for (name, bytes) in [("x/data.pkl", pickle), ("x/data/0", [0, 0, 0x80, 0x3e])] {
      let middle =
        [0, 0, 0, 0, 0, 0] + little(crc32(0, bytes, UInt32(bytes.count)), 4) + little(UInt(bytes.count), 4)
        + little(UInt(bytes.count), 4) + little(UInt(name.utf8.count), 2) + [0, 0]
      directory += [0x50, 0x4B, 1, 2, 0, 0, 0, 0, 0, 0] + middle + [UInt8](repeating: 0, count: 10)
      directory += little(UInt(out.count), 4) + Array(name.utf8)
      out += [0x50, 0x4B, 3, 4, 0, 0, 0, 0] + middle + Array(name.utf8) + bytes
    }
    let start = out.count
    out += directory + [0x50, 0x4B, 5, 6, 0, 0, 0, 0, 2, 0, 2, 0]
    return out + little(UInt(directory.count), 4) + little(UInt(start), 4) + [0, 0]
  }

  /// The CRC-32 of every entry in the central directory.
  static func seal(_ bytes: UnsafeMutableBufferPointer<UInt8>) {
    var at = 0
    while at + 46 <= bytes.count {
      defer { at += 1 }
      guard bytes[at] == 0x50, bytes[at + 1] == 0x4B, bytes[at + 2] == 1, bytes[at + 3] == 2 else { continue }
      let (size, local) = (number(bytes, at + 20, 4), number(bytes, at + 42, 4))
      guard local + 30 <= bytes.count else { continue }
      let start = local + 30 + number(bytes, local + 26, 2) + number(bytes, local + 28, 2)
      guard start + size <= bytes.count else { continue }
      put(UInt64(checksum(bytes, start..<start + size)), 4, bytes, at + 16)
    }
  }

  private static func little(_ value: UInt, _ width: Int) -> [UInt8] {
    (0..<width).map { UInt8(truncatingIfNeeded: value >> UInt(8 * $0)) }
  }
}

private func checksum(_ bytes: UnsafeMutableBufferPointer<UInt8>, _ range: Range<Int>) -> UInt {
  crc32(0, bytes.baseAddress! + range.lowerBound, UInt32(range.count))
}

private func number(_ bytes: UnsafeMutableBufferPointer<UInt8>, _ at: Int, _ width: Int) -> Int {
  (0..<width).reversed().reduce(0) { $0 << 8 | Int(bytes[at + $1]) }
}

private func put(_ value: UInt64, _ width: Int, _ bytes: UnsafeMutableBufferPointer<UInt8>, _ at: Int) {
  for i in 0..<width { bytes[at + i] = UInt8(truncatingIfNeeded: value >> UInt64(8 * i)) }
}
