import DurableFiles
import Foundation
import TensorCore
import TestSupport
import Testing
import Volumes

private let packed = ["v1_int16_le_packed.nii.gz", "v2_float32_be_packed.nii.gz"]

/// Where the deflate stream starts: Python's gzip writes ten bytes of header and no name.
private let headerSize = 10

/// Flips every bit of stream and trailer in turn.
///
/// A flip may pass only if it encodes the very same bytes (a copy from
/// another place that holds the same); returns how many did.
private func harmlessFlips(_ sound: [UInt8], in folder: URL) throws -> Int {
  let url = folder.appendingPathComponent("a.nii.gz")
  try Data(sound).write(to: url)
  let original = try VolumeFile.read(url)
  var bytes = sound
  var harmless = 0
  for bit in (8 * headerSize)..<(8 * bytes.count) {
    bytes[bit / 8] ^= 1 << UInt8(bit % 8)
    try Data(bytes).write(to: url)
    do {
      let volume = try VolumeFile.read(url)
      #expect(volume.voxels == original.voxels, "bit \(bit)")
      #expect(volume.header.niftiHeader == original.header.niftiHeader, "bit \(bit)")
      harmless += 1
    } catch is VolumeError {}
    bytes[bit / 8] ^= 1 << UInt8(bit % 8)
  }
  return harmless
}

@Test("A flipped bit in a gzip stream or its trailer is refused, or changes nothing at all", arguments: packed)
func flippedBits(name: String) throws {
  try withTemporaryFolder { folder in
    let bytes = try ReferenceFixtures.bytes(name)
    #expect(try harmlessFlips(bytes, in: folder) * 100 < 8 * bytes.count)
  }
}

@Test("Every flipped bit is refused where nothing is copied: stored blocks, with unused bits before them")
func flippedBitsInStoredBlocks() throws {
  try withTemporaryFolder { folder in
    let volume = try VolumeFile.read(ReferenceFixtures.url("v1_int16_le.nii"))
    let url = folder.appendingPathComponent("b.nii.gz")
    try VolumeFile.write(volume, to: url, options: .init(compressionLevel: 0))
    #expect(try harmlessFlips(Array(Data(contentsOf: url)), in: folder) == 0)
  }
}

@Test("Every truncation of a gzip file is refused", arguments: packed)
func truncations(name: String) throws {
  try withTemporaryFolder { folder in
    let bytes = try ReferenceFixtures.bytes(name)
    for count in 1..<bytes.count {
      let kind = try readingKind(Array(bytes[..<count]), as: "a.nii.gz", in: folder)
      #expect(kind == .truncated || (count == 1 && kind == .wrongExtension), "\(count) bytes")
    }
  }
}

@Test("Bytes after the last member are refused")
func trailingGarbage() throws {
  try withTemporaryFolder { folder in
    let bytes = try ReferenceFixtures.bytes(packed[0])
    for garbage: [UInt8] in [[0], [0x1F], [0x1F, 0x8B], Array(repeating: 0, count: 512), Array("tail".utf8)] {
      #expect(try readingKind(bytes + garbage, as: "a.nii.gz", in: folder) != nil)
    }
  }
}

/// A gzip member of one stored block.
private func member(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
  var crc: UInt32 = 0xFFFF_FFFF
  for byte in bytes {
    crc ^= UInt32(byte)
    for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
  }
  func little(_ value: UInt32, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt32(8 * $0)) }
  }
  let length = UInt32(bytes.count)
  return [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255, 1] + little(length, 2) + little(~length, 2) + bytes + little(~crc, 4)
    + little(length, 4)
}

@Test("Several whole members are one file; a damaged or cut member is refused wherever it is")
func members() throws {
  try withTemporaryFolder { folder in
    let plain = try ReferenceFixtures.bytes("v1_int16_le.nii")
    let parts = [member(plain[..<100]), member(plain[100..<100]), member(plain[100..<390]), member(plain[390...])]
    let url = folder.appendingPathComponent("m.nii.gz")
    try Data(parts.flatMap { $0 }).write(to: url)
    #expect(try VolumeFile.read(url).voxels.values == ReferenceFixtures.all.files["v1_int16_le.nii"]?.values)
    for index in parts.indices {
      var damaged = parts
      damaged[index][damaged[index].count - 5] ^= 1
      #expect(try readingKind(damaged.flatMap { $0 }, as: "a.nii.gz", in: folder) == .corrupt)
      damaged = parts
      damaged[index].removeLast()
      #expect(try readingKind(damaged.flatMap { $0 }, as: "a.nii.gz", in: folder) != nil)
    }
  }
}

@Test("Unused bits before a stored block must be zero")
func paddingBits() throws {
  try withTemporaryFolder { folder in
    var bytes = member(try ReferenceFixtures.bytes("v1_int16_le.nii")[...])
    #expect(try readingKind(bytes, as: "a.nii.gz", in: folder) == nil)
    for bit in 3..<8 {
      bytes[10] ^= 1 << UInt8(bit)
      #expect(try readingKind(bytes, as: "a.nii.gz", in: folder) == .corrupt)
      bytes[10] ^= 1 << UInt8(bit)
    }
  }
}

@Test("A gzip bomb is refused before it inflates: more data than declared, or more declared than can be there")
func bomb() throws {
  try withTemporaryFolder { folder in
    // A sound volume of 64 MiB of zeros in some 64 KB, whose header is then made to declare less or more.
    let bytes = try Array(packedZeros(in: folder, rows: 4096))
    #expect(bytes.count < 100_000)
    #expect(try readingKind(bytes, as: "sound.nii.gz", in: folder) == nil)
    let few = try Array(packedZeros(in: folder, rows: 4096, declaredRows: 1))
    #expect(try readingKind(few, as: "few.nii.gz", in: folder) == .corrupt)
    let many = try Array(packedZeros(in: folder, rows: 16, declaredRows: 32767))
    #expect(try readingKind(many, as: "many.nii.gz", in: folder) == .truncated)
  }
}

/// Zeros compressed by the writer of this project, as a stored member with the header followed by a member of zeros.
private func packedZeros(in folder: URL, rows: Int, declaredRows: Int? = nil) throws -> Data {
  let template = try VolumeFile.read(ReferenceFixtures.url("v1_uint8_le.nii"))
  let zeros = Volume(
    voxels: .init(repeating: 0, shape: [1, 1, rows, 16384]), affine: template.affine,
    header: VolumeHeader(format: .nifti1, dataType: .uint8))
  let url = folder.appendingPathComponent("zeros.hdr.gz")
  try VolumeFile.write(zeros, to: url, options: .init(ifExists: .replace))
  let plainURL = folder.appendingPathComponent("zeros.hdr")
  try VolumeFile.write(
    Volume(voxels: .init(shape: [1, 1, 1, 1]), affine: template.affine, header: zeros.header), to: plainURL,
    options: .init(ifExists: .replace))
  var header = try Array(Data(contentsOf: plainURL))
  let extents = [3, 16384, declaredRows ?? rows, 1]
  for (index, extent) in extents.enumerated() {
    header[40 + 2 * index] = UInt8(extent & 255)
    header[41 + 2 * index] = UInt8(extent >> 8)
  }
  header.replaceSubrange(108..<112, with: [0, 0, 0xB0, 0x43])  // vox_offset 352
  header.replaceSubrange(344..<348, with: Array("n+1\0".utf8))
  return try Data(member(header[...])) + Data(contentsOf: folder.appendingPathComponent("zeros.img.gz"))
}
