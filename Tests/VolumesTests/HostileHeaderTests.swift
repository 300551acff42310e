import Foundation
import TensorCore
import TestSupport
import Testing
import Volumes

/// One change of a sound NIfTI-1 or NIfTI-2 header that must be refused.
private struct Attack: Sendable {
  let name: String
  let kind: VolumeError.Kind
  let one: @Sendable (inout [UInt8]) -> Void
  let two: @Sendable (inout [UInt8]) -> Void
}

private func put<T: FixedWidthInteger>(_ value: T, _ offset: Int, _ bytes: inout [UInt8]) {
  withUnsafeBytes(of: value.littleEndian) { bytes.replaceSubrange(offset..<(offset + $0.count), with: $0) }
}
private func dim(_ index: Int, _ value: Int) -> Attack {
  Attack(
    name: "dim[\(index)] = \(value)", kind: .badHeader, one: { put(Int16(clamping: value), 40 + 2 * index, &$0) },
    two: { put(Int64(value), 16 + 8 * index, &$0) })
}
private func real(_ name: String, _ offset1: Int, _ offset2: Int, _ value: Double) -> Attack {
  Attack(
    name: "\(name) = \(value)", kind: .badHeader, one: { put(Float(value).bitPattern, offset1, &$0) },
    two: { put(value.bitPattern, offset2, &$0) })
}
private func code(_ name: String, _ offset1: Int, _ offset2: Int, _ value: Int, _ kind: VolumeError.Kind = .badHeader)
  -> Attack
{
  Attack(
    name: "\(name) = \(value)", kind: kind, one: { put(Int16(value), offset1, &$0) },
    two: { name.contains("form") ? put(Int32(value), offset2, &$0) : put(Int16(value), offset2, &$0) })
}
private func offset(_ value: Double, _ kind: VolumeError.Kind) -> Attack {
  Attack(
    name: "vox_offset = \(value)", kind: kind, one: { put(Float(value).bitPattern, 108, &$0) },
    two: { put(Int64(value), 168, &$0) })
}

private let attacks: [Attack] =
  [dim(0, 0), dim(0, 8), dim(0, -1), dim(0, 200), dim(1, 0), dim(2, -3), dim(3, 0)]
  + [real("pixdim[1]", 80, 112, .nan), real("pixdim[0]", 76, 104, .infinity), real("slope", 112, 176, .infinity)]
  + [real("slope", 112, 176, .nan), real("intercept", 116, 184, .nan), real("srow", 280, 400, .nan)]
  + [real("quatern_b", 256, 352, 7), real("quatern_c", 260, 360, .nan), real("qoffset", 268, 376, .infinity)]
  + [code("datatype", 70, 12, 0), code("datatype", 70, 12, 3), code("datatype", 70, 12, 9999)]
  + [code("bitpix", 72, 14, 8), code("bitpix", 72, 14, 0), code("bitpix", 72, 14, -16)]
  + [code("qform code", 252, 344, 6), code("sform code", 254, 348, -1), code("datatype", 70, 12, 1, .unsupported)]
  + [offset(0, .badHeader), offset(351, .badHeader), offset(-352, .badHeader), offset(100_000, .truncated)]
  + [
    Attack(name: "magic", kind: .badHeader, one: { $0[344] = 0x6D }, two: { $0[5] = 0x2D }),
    Attack(name: "line ends turned", kind: .badHeader, one: { $0[347] = 1 }, two: { $0[8] = 0x0A }),
    Attack(
      name: "affine of rank 2", kind: .badHeader, one: { for i in 312..<324 { $0[i] = 0 } },
      two: { for i in 464..<488 { $0[i] = 0 } }),
    Attack(
      name: "more voxels than the file can hold", kind: .truncated,
      one: { for i in 1...3 { put(Int16.max, 40 + 2 * i, &$0) } },
      two: { put(Int64(1) << 40, 24, &$0) }),
    Attack(
      name: "a product of 2^63 and more", kind: .badHeader,
      one: { for i in 0...7 { put(i == 0 ? 7 : Int16.max, 40 + 2 * i, &$0) } },
      two: { for i in 1...3 { put(Int64(1) << 31, 16 + 8 * i, &$0) } }),
  ]

@Test("A header that contradicts itself is refused", arguments: attacks.indices)
func hostileHeaders(index: Int) throws {
  let attack = attacks[index]
  try withTemporaryFolder { folder in
    var one = try ReferenceFixtures.bytes("v1_int16_le.nii")
    attack.one(&one)
    // Seven extents of 32767 are refused as five-dimensional or as absurd, whichever shows first.
    let kindOne = try readingKind(one, as: "one.nii", in: folder)
    let isAlsoFiveDimensional = attack.name.contains("2^63") && kindOne == .unsupported
    #expect(kindOne == attack.kind || isAlsoFiveDimensional, "NIfTI-1, \(attack.name)")
    var two = try ReferenceFixtures.bytes("v2_int16_le.nii")
    attack.two(&two)
    let kindTwo = try readingKind(two, as: "two.nii", in: folder)
    #expect(kindTwo == attack.kind, "NIfTI-2, \(attack.name)")
  }
}

@Test("A voxel offset that no integer holds is refused", arguments: [-1e30, 1e30, -0x1p63, 0x1p63] as [Float])
func absurdVoxelOffsets(offset: Float) throws {
  try withTemporaryFolder { folder in
    var bytes = try ReferenceFixtures.bytes("v1_int16_le.nii")
    put(offset.bitPattern, 108, &bytes)
    #expect(try readingKind(bytes, as: "a.nii", in: folder) == .badHeader)
  }
}

@Test("Extension chains that lead astray are refused", arguments: [1, 8, -16, 24, 48, Int32.max, Int32.min])
func hostileExtensions(size: Int32) throws {
  try withTemporaryFolder { folder in
    for (name, start) in [("v1_extension.nii", 352), ("v2_extension.nii", 544)] {
      var bytes = try ReferenceFixtures.bytes(name)
      put(size, start, &bytes)
      #expect(try readingKind(bytes, as: "a.nii", in: folder) == .badHeader)
    }
  }
}

@Test("An ANALYZE header is named and refused")
func analyze() throws {
  try withTemporaryFolder { folder in
    var bytes = try ReferenceFixtures.bytes("v1_int16_le_pair.hdr")
    for index in 344..<348 { bytes[index] = 0 }
    #expect(try readingKind(bytes, as: "a.hdr", in: folder) == .unsupported)
  }
}

@Test(
  "Any single flipped header bit is refused with a reason or harmless",
  arguments: ["v1_int16_le.nii", "v2_int16_be.nii"])
func flippedHeaderBits(name: String) throws {
  try withTemporaryFolder { folder in
    let url = folder.appendingPathComponent("a.nii")
    var bytes = try ReferenceFixtures.bytes(name)
    var refusedCount = 0
    for bit in 0..<(8 * (bytes.count - 48)) {
      bytes[bit / 8] ^= 1 << UInt8(bit % 8)
      try Data(bytes).write(to: url)
      do {
        let volume = try VolumeFile.read(url)
        #expect(volume.voxels.count <= 48 && volume.affine.isInvertible)
      } catch is VolumeError { refusedCount += 1 }
      bytes[bit / 8] ^= 1 << UInt8(bit % 8)
    }
    #expect(refusedCount > 200)
  }
}
