import DurableFiles
import Foundation
import TensorCore
import TestSupport
import Testing
import Volumes

/// Where an output may differ from its input: type, slope, intercept, offset and free text.
///
/// All other header bytes are geometry or describe it.
private func mayChange(_ byte: Int, headerSize: Int) -> Bool {
  let ranges =
    headerSize == 348
    ? [4..<32, 70..<74, 108..<120, 148..<252, 328..<348]
    : [4..<16, 168..<192, 240..<344, 508..<524, 525..<540]
  return ranges.contains { $0.contains(byte) }
}

@Test("Every format, type and byte order reads as nibabel and Pillow read it", arguments: ReferenceFixtures.names)
func readsLikeTheReference(name: String) throws {
  let expected = try #require(ReferenceFixtures.all.files[name])
  let volume = try VolumeFile.read(ReferenceFixtures.url(name), options: .init(convertColour: name.contains("colour")))
  #expect(volume.voxels.shape == expected.shape.reversed())
  #expect(volume.voxels.values == expected.values)
  for (row, expectedRow) in zip(volume.affine.rows, expected.affine) {
    for (a, b) in zip(row, expectedRow) { #expect(abs(a - b) < 1e-5 * (1 + abs(b))) }
  }
  let isPacked = name.hasSuffix(".gz")
  let plain = name.hasSuffix(".png") ? "PNG chunk CRC32 checked" : "length checked"
  #expect(volume.integrity == (isPacked ? "gzip CRC32 and length checked" : plain))
}

@Test("The header says how voxels are stored", arguments: VoxelDataType.allCases)
func headerSaysTheType(type: VoxelDataType) throws {
  for version in [1, 2] {
    let volume = try VolumeFile.read(ReferenceFixtures.url("v\(version)_\(type.rawValue)_be.nii"))
    #expect(volume.header.dataType == type)
    #expect(volume.header.slope == 0.5)
    #expect(volume.header.intercept == -3)
    #expect(volume.header.format == (version == 1 ? .nifti1 : .nifti2))
    #expect(volume.header.niftiHeader?.count == (version == 1 ? 348 : 540))
  }
}

@Test(
  "Writing a volume back keeps its values, its affine and every geometry byte",
  arguments: ReferenceFixtures.niftiNames)
func roundTrip(name: String) throws {
  let volume = try VolumeFile.read(ReferenceFixtures.url(name))
  let original = try #require(volume.header.niftiHeader)
  try withTemporaryFolder { folder in
    let url = folder.appendingPathComponent(name)
    let report = try VolumeFile.write(volume, to: url)
    let again = try VolumeFile.read(url)
    #expect(again.voxels == volume.voxels)
    #expect(again.affine == volume.affine)
    #expect(again.header.format == volume.header.format)
    #expect(again.header.dataType == volume.header.dataType)
    #expect(report.roundTripError == 0)
    #expect(report.clampedCount == 0)
    let header = try #require(again.header.niftiHeader)
    let changed = (0..<header.count).filter { header[$0] != original[$0] && !mayChange($0, headerSize: header.count) }
    #expect(changed == [])
  }
}

@Test(
  "Nothing that identifies a person is copied",
  arguments: ["v1_extension.nii", "v2_extension.nii", "v1_int16_le_pair.hdr"])
func noTextIsCopied(name: String) throws {
  try withTemporaryFolder { folder in
    #expect(try Data(contentsOf: ReferenceFixtures.url(name)).range(of: Data("CANARY".utf8)) != nil)
    let volume = try VolumeFile.read(ReferenceFixtures.url(name))
    if name.contains("extension") { #expect(volume.header.warnings.contains { $0.hasPrefix("W-EXTENSIONS") }) }
    let url = folder.appendingPathComponent(name)
    try VolumeFile.write(volume, to: url)
    let written = try Data(contentsOf: url)
    #expect(written.range(of: Data("CANARY".utf8)) == nil)
    #expect(written.range(of: Data("Pellucid: derived, research use only".utf8)) != nil)
  }
}

@Test(
  "What is odd about a geometry is said",
  arguments: [
    ("sheared", "W-SHEAR"), ("disagree", "W-FORMS"), ("sform_only", ""), ("qform_only", ""), ("int16_le", ""),
  ])
func geometryWarnings(name: String, warning: String) throws {
  for version in [1, 2] {
    let warnings = try VolumeFile.read(ReferenceFixtures.url("v\(version)_\(name).nii")).header.warnings
    #expect(warnings.map { String($0.prefix { $0 != ":" }) } == (warning.isEmpty ? [] : [warning]))
  }
}

@Test(
  "Lengths in metres and micrometres become millimetres, also in what is said of them",
  arguments: [(1, 1000.0), (3, 0.001)])
func units(code: UInt8, factor: Double) throws {
  try withTemporaryFolder { folder in
    var bytes = try ReferenceFixtures.bytes("v1_disagree.nii")
    let url = folder.appendingPathComponent("a.nii")
    func shift(_ volume: Volume) throws -> Double {
      let text = try #require(volume.header.warnings.first { $0.hasPrefix("W-FORMS") })
      return try #require(text.split(separator: " ").compactMap { Double($0) }.first)
    }
    bytes[123] = 2
    try Data(bytes).write(to: url)
    let plain = try VolumeFile.read(url)
    bytes[123] = code
    try Data(bytes).write(to: url)
    let scaled = try VolumeFile.read(url)
    #expect(scaled.affine.rows.flatMap { $0 } == plain.affine.rows.flatMap { $0.map { $0 * factor } })
    #expect(abs(try shift(scaled) - factor * (try shift(plain))) <= 0.005 * (1 + factor))
    #expect(scaled.header.warnings.contains { $0.hasPrefix("W-UNITS") && $0.contains("converted") })
  }
}

@Test("Without sform and qform, voxel sizes decide, as METHOD 1 of the standard says")
func noForms() throws {
  try withTemporaryFolder { folder in
    var bytes = try ReferenceFixtures.bytes("v1_int16_le.nii")
    for index in 252..<256 { bytes[index] = 0 }
    let url = folder.appendingPathComponent("a.nii")
    try Data(bytes).write(to: url)
    let volume = try VolumeFile.read(url)
    for (a, b) in zip(volume.spacing, [0.9, 1.1, 2.5]) { #expect(abs(a - b) < 1e-6) }
    #expect(volume.affine.rows.map { $0[3] } == [0, 0, 0])
    #expect(volume.header.warnings.contains { $0.hasPrefix("W-NOFORM") })
  }
}

@Test("Either file of a pair may be named, and a missing half is not found")
func pairNames() throws {
  let fromImage = try VolumeFile.read(ReferenceFixtures.url("v1_int16_le_pair.img"))
  let fromHeader = try VolumeFile.read(ReferenceFixtures.url("v1_int16_le_pair.hdr"))
  #expect(fromImage.voxels == fromHeader.voxels)
  try withTemporaryFolder { folder in
    let url = folder.appendingPathComponent("a.hdr")
    try VolumeFile.write(fromHeader, to: folder.appendingPathComponent("a.img"))
    #expect(try VolumeFile.read(url).voxels == fromHeader.voxels)
    try FileManager.default.removeItem(at: folder.appendingPathComponent("a.img"))
    #expect(fileErrorKind { _ = try VolumeFile.read(url) } == .notFound)
  }
}
