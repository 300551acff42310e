import Foundation

/// The bytes of a NIfTI-1 file, written here by hand so that tests can also say things that no writer would.
struct NIfTIBytes {
  /// Extents, the fastest first.
  var dimensions: [Int]
  /// Voxel size in mm.
  var spacing: [Float] = [0.7, 0.7, 2.5]
  /// NIfTI's code of the stored type: 4 = int16, 16 = float32, 128 = RGB.
  var dataType: Int16 = 4
  /// The voxels as stored.
  var voxels = Data()

  /// A volume of int16 voxels from a closed form.
  init(_ dimensions: [Int], spacing: [Float] = [0.7, 0.7, 2.5], value: (Int, Int, Int) -> Int) {
    self.dimensions = dimensions
    self.spacing = spacing
    for k in 0..<dimensions[2] {
      for j in 0..<dimensions[1] {
        for i in 0..<dimensions[0] { append(Int16(value(i, j, k))) }
      }
    }
  }

  /// A volume of float voxels from a closed form.
  init(_ dimensions: [Int], float value: (Int, Int, Int) -> Float) {
    self.dimensions = dimensions
    dataType = 16
    for k in 0..<dimensions[2] {
      for j in 0..<dimensions[1] {
        for i in 0..<dimensions[0] { append(value(i, j, k).bitPattern) }
      }
    }
  }

  /// A body-like test scan in HU: a disc of soft tissue with a lung and a rib, and a ripple that stands for noise.
  static func phantom(_ dimensions: [Int] = [40, 36, 3], spacing: [Float] = [0.7, 0.7, 2.5]) -> NIfTIBytes {
    NIfTIBytes(dimensions, spacing: spacing) { i, j, k in
      let x = Double(i) / Double(dimensions[0]) - 0.5
      let y = Double(j) / Double(dimensions[1]) - 0.5
      let ripple = (i &* 7919 &+ j &* 104_729 &+ k &* 1_299_709) % 101 - 50
      if x * x + y * y > 0.2 { return -1000 + ripple / 10 }
      if (x - 0.15) * (x - 0.15) + y * y < 0.02 { return -850 + ripple }
      return (abs(x + 0.3) < 0.04 ? 700 : 40) + ripple
    }
  }

  /// A volume of int16 voxels that is large and quick to make: one slice many times.
  static func repeating(_ dimensions: [Int]) -> Data {
    let slice = NIfTIBytes([dimensions[0], dimensions[1], 1]) { i, j, _ in (i ^ j) - 100 }
    var file = slice
    file.dimensions = dimensions
    file.voxels = Data()
    for _ in 0..<dimensions[2] { file.voxels.append(slice.voxels) }
    return file.data
  }

  private mutating func append(_ value: some FixedWidthInteger) {
    withUnsafeBytes(of: value.littleEndian) { voxels.append(contentsOf: $0) }
  }

  /// The whole `.nii` file: header, four bytes that say "no extensions", voxels.
  var data: Data {
    var header = Data(count: 348)
    func put(_ value: some FixedWidthInteger, at offset: Int) {
      withUnsafeBytes(of: value.littleEndian) { header.replaceSubrange(offset..<(offset + $0.count), with: $0) }
    }
    put(Int32(348), at: 0)
    put(Int16(dimensions.count), at: 40)
    for (axis, extent) in dimensions.enumerated() { put(Int16(truncatingIfNeeded: extent), at: 42 + 2 * axis) }
    for axis in dimensions.count..<7 { put(Int16(1), at: 42 + 2 * axis) }
    put(dataType, at: 70)
    put(Int16([4: 16, 16: 32, 128: 24][dataType] ?? 16), at: 72)
    put(Float(1).bitPattern, at: 76)
    for (axis, size) in spacing.enumerated() { put(size.bitPattern, at: 80 + 4 * axis) }
    put(Float(352).bitPattern, at: 108)
    put(Float(1).bitPattern, at: 112)
    header[123] = 2  // millimetres
    put(Int16(1), at: 254)  // sform code: scanner
    for axis in 0..<3 { put(spacing[axis].bitPattern, at: 280 + 16 * axis + 4 * axis) }
    header.replaceSubrange(344..<348, with: Data([0x6E, 0x2B, 0x31, 0]))
    return header + Data(count: 4) + voxels
  }
}

/// Gzip by hand: stored blocks for ordinary files, and a bomb.
enum GzipBytes {
  /// `data` as one gzip member of stored blocks.
  static func stored(_ data: Data) -> Data {
    var file = prefix
    var rest = data[...]
    repeat {
      let part = rest.prefix(65535)
      rest = rest.dropFirst(part.count)
      let length = UInt16(part.count)
      file.append(rest.isEmpty ? 1 : 0)
      file.append(contentsOf: [UInt8(length & 255), UInt8(length >> 8), UInt8(~length & 255), UInt8(~length >> 8)])
      file.append(part)
    } while !rest.isEmpty
    file.append(littleEndian(checksum(data)))
    file.append(littleEndian(UInt32(truncatingIfNeeded: data.count)))
    return file
  }

  /// `data`, followed by zeros without end for a reader that does not count: a few kilobytes that unpack to gigabytes.
  ///
  /// A fixed-Huffman block of "repeat the last byte 258 times" takes 13 bits per repeat: literal/length code 285
  /// (11000101) and distance code 0 (00000). Eight repeats are 13 bytes, so the pattern can be laid down bytewise. The
  /// trailer is left out: a reader that gets so far has already lost.
  static func bomb(startingWith data: Data, repeats: Int) -> Data {
    var file = prefix
    let length = UInt16(data.count)
    file.append(0)
    file.append(contentsOf: [UInt8(length & 255), UInt8(length >> 8), UInt8(~length & 255), UInt8(~length >> 8)])
    file.append(data)
    // Block header: final = 1, type = fixed (01, least significant bit first), then the repeats from bit 3 on.
    var bits: [UInt8] = [1, 1, 0]
    let step: [UInt8] = [1, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0]
    for _ in 0..<(8 * 128) { bits += step }
    let first = packed(bits, count: bits.count / 8 * 8)
    // From here on the bit stream is periodic: every 13 bytes (8 steps) look the same.
    let period = first.suffix(13 * 8)
    file.append(first)
    for _ in 0..<repeats { file.append(period) }
    return file
  }

  private static let prefix = Data([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255])

  private static func packed(_ bits: [UInt8], count: Int) -> Data {
    var bytes = Data(count: count / 8)
    for bit in 0..<count / 8 * 8 { bytes[bit / 8] |= bits[bit] << UInt8(bit % 8) }
    return bytes
  }

  private static func littleEndian(_ value: UInt32) -> Data {
    Data((0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * UInt32($0))) })
  }

  /// CRC-32 of ISO 3309, as gzip and PNG have it.
  static func checksum(_ data: Data) -> UInt32 {
    var sum = ~UInt32(0)
    for byte in data {
      sum ^= UInt32(byte)
      for _ in 0..<8 {
        let carry = sum & 1 == 1
        sum >>= 1
        if carry { sum ^= 0xEDB8_8320 }
      }
    }
    return ~sum
  }
}

/// Text in PNG files.
enum PNGText {
  /// `png` with a chunk of each kind behind its header, each saying `text`.
  static func add(_ kinds: [String], saying text: String, to png: Data) -> Data {
    var file = png
    for kind in kinds.reversed() {
      // Keyword, NUL; for iTXt no compression, no language, no translated keyword.
      let body = Data(kind.utf8) + Data("Comment\0".utf8) + Data(kind == "iTXt" ? [0, 0, 0, 0] : []) + Data(text.utf8)
      let length = UInt32(body.count - 4)
      // Signature and IHDR are 33 bytes.
      file.insert(contentsOf: bigEndian(length) + body + bigEndian(GzipBytes.checksum(body)), at: 33)
    }
    return file
  }

  private static func bigEndian(_ value: UInt32) -> Data {
    Data((0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * UInt32($0))) })
  }
}
