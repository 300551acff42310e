import DurableFiles
import Foundation
import Glibc
import TensorCore
import TestSupport
import Testing
import Volumes

private func write(
  _ values: [Float], as choice: VolumeWriteOptions.DataTypeChoice, input: VoxelDataType = .int16, slope: Double = 1,
  intercept: Double = 0, format: VolumeFileFormat = .nifti1
) throws -> (WriteReport, Volume) {
  try withTemporaryFolder { folder in
    let volume = Volume(
      voxels: Tensor(values, shape: [1, 1, 1, values.count]), affine: .scaling([1, 2, 3]),
      header: VolumeHeader(format: format, dataType: input, slope: slope, intercept: intercept))
    let url = folder.appendingPathComponent("a.nii")
    let report = try VolumeFile.write(volume, to: url, options: .init(dataType: choice))
    return (report, try VolumeFile.read(url))
  }
}

@Test("An integer input's slope and intercept are kept while every value fits")
func keptScaling() throws {
  let (report, read) = try write([-1024, 3.4, 100.5, 3071], as: .input, intercept: -1024)
  #expect(report.slope == 1 && report.intercept == -1024 && report.clampedCount == 0)
  #expect(read.voxels.values == [-1024, 3, 100, 3071])
  #expect(report.roundTripError == 0.5)
}

@Test(
  "When a value does not fit, slope and intercept spread the range over the type",
  arguments: [VolumeFileFormat.nifti1, .nifti2])
func spreadScaling(format: VolumeFileFormat) throws {
  let values: [Float] = [-3, 0, 128, 300]
  let (report, read) = try write(values, as: .input, input: .uint8, format: format)
  #expect(report.dataType == .uint8 && report.clampedCount == 0)
  #expect(abs(report.slope - 303.0 / 255) < 1e-5 && abs(report.intercept + 3) < 1e-5)
  #expect(report.roundTripError <= report.slope / 2 + 1e-6)
  #expect(read.voxels.values.first! < -2.99 && abs(read.voxels.values[3] - 300) < 1e-3)
}

@Test("Whole numbers that fit are stored as they are, fractions are spread")
func explicitIntegers() throws {
  let (whole, _) = try write([0, 5, -7], as: .int16, input: .float32)
  #expect(whole.slope == 1 && whole.intercept == 0 && whole.roundTripError == 0)
  let (spread, read) = try write([0, 0.25, 1], as: .int16, input: .float32)
  #expect(spread.slope < 2e-5 && spread.roundTripError < 1e-5)
  #expect(abs(read.voxels.values[1] - 0.25) < 1e-5)
}

@Test("Ranges at the ends of every integer type come back within half a step", arguments: VoxelDataType.allCases)
func extremeRanges(type: VoxelDataType) throws {
  for values: [Float] in [[-1e30, 1e30, 0], [1e-30, 2e-30, 1.5e-30], [5, 5, 5], [1e6, 1_000_001, 1_000_000.5]] {
    let (report, _) = try write(values, as: .type(type), input: type == .int16 ? .float32 : .int16)
    let width = Double(values.max()! - values.min()!)
    // Half a step of the type, or what Float cannot tell apart.
    let bound = max(report.slope / 2 * 1.001, Double(values.map(abs).max()!) * 1e-6, width * 1e-7)
    #expect(report.roundTripError <= bound && report.clampedCount == 0, "\(values)")
  }
}

@Test("Floats stay floats, also NaN and infinity; in integers these are clamped and counted")
func nonFinite() throws {
  let values: [Float] = [1.5, .nan, .infinity, -2]
  let (report, read) = try write(values, as: .input, input: .float32)
  #expect(report.clampedCount == 0 && report.roundTripError == 0)
  #expect(read.voxels.values[1].isNaN && read.voxels.values[2] == .infinity)
  #expect(read.header.warnings.contains("W-NONFINITE: 2 voxels are NaN or infinite"))
  let (integers, again) = try write([10, .nan, .infinity, -20], as: .input)
  #expect(integers.clampedCount == 2)
  #expect(again.voxels.values == [10, 0, 32767, -20])
}

@Test("Numbers that a Float cannot hold are reported")
func precision() throws {
  try withTemporaryFolder { folder in
    var bytes = try ReferenceFixtures.bytes("v1_int32_le.nii")
    #expect(try VolumeFile.read(ReferenceFixtures.url("v1_int32_le.nii")).header.warnings == [])
    bytes.replaceSubrange(352..<356, with: [1, 0, 0, 1])  // 2^24 + 1
    let url = folder.appendingPathComponent("a.nii")
    try Data(bytes).write(to: url)
    let remark = "W-PRECISION: 1 voxels of type int32 were rounded to 32-bit floats"
    #expect(try VolumeFile.read(url).header.warnings == [remark])
  }
}

@Test("The same volume gives the same bytes, and the report's digests are those of the file and of its values")
func deterministic() throws {
  let volume = try VolumeFile.read(ReferenceFixtures.url("v1_float32_be_packed.nii.gz"))
  try withTemporaryFolder { folder in
    let (a, b) = (folder.appendingPathComponent("a.nii.gz"), folder.appendingPathComponent("b.nii.gz"))
    let report = try VolumeFile.write(volume, to: a)
    try VolumeFile.write(volume, to: b)
    let bytes = try Data(contentsOf: a)
    #expect(try bytes == Data(contentsOf: b))
    #expect(bytes[4..<8].allSatisfy { $0 == 0 } && bytes[3] == 0, "no time, no name")
    #expect(report.fileName == "a.nii.gz" && report.bytes == bytes.count)
    #expect(report.sha256 == ContentDigest.sha256(of: bytes))
    let values = volume.voxels.values.map(\.bitPattern.littleEndian).withUnsafeBytes { Data($0) }
    #expect(report.sha256Voxels == ContentDigest.sha256(of: values))
  }
}

@Test(
  "On another grid the header follows the affine",
  arguments: ["v1_int16_be.nii", "v2_int16_le.nii", "v1_sheared.nii"])
func otherGrid(name: String) throws {
  let volume = try VolumeFile.read(ReferenceFixtures.url(name))
  var rows = volume.affine.rows
  for row in 0..<3 { rows[row][2] /= 2 }
  let finer = Volume(
    voxels: Tensor(repeating: 3, shape: [1, 2 * volume.slices - 1, volume.rows, volume.columns]),
    affine: Affine(rows: rows), header: volume.header)
  try withTemporaryFolder { folder in
    let url = folder.appendingPathComponent("a.nii")
    try VolumeFile.write(finer, to: url)
    let read = try VolumeFile.read(url)
    #expect(read.voxels == finer.voxels)
    for (a, b) in zip(read.affine.rows.flatMap { $0 }, rows.flatMap { $0 }) {
      #expect(abs(a - b) < 1e-5 * (1 + abs(b)))
    }
    #expect(!read.header.warnings.contains { $0.hasPrefix("W-FORMS") }, "sform and qform agree")
    #expect(abs(read.spacing[2] - volume.spacing[2] / 2) < 1e-5)
  }
}

@Test("Voxels of a pair that look like gzip are voxels where they are as many as they should be")
func voxelsLikeGzip() throws {
  // 1F 8B 08 00, as gzip begins.
  let values: [Float] = [-29_921, 8, 3, 4, 5, 6]
  let volume = Volume(
    voxels: Tensor(values, shape: [1, 1, 2, 3]), affine: .scaling([1, 1, 1]),
    header: VolumeHeader(format: .nifti1, dataType: .int16))
  try withTemporaryFolder { folder in
    for name in ["a.hdr", "b.hdr.gz"] {
      let url = folder.appendingPathComponent(name)
      try VolumeFile.write(volume, to: url)
      #expect(try VolumeFile.read(url).voxels.values == values)
    }
    let bytes = try Data(contentsOf: folder.appendingPathComponent("a.img"))
    #expect(bytes.prefix(4) == Data([0x1F, 0x8B, 8, 0]))
    // One that is compressed under a plain name is still read.
    try FileManager.default.copyItem(
      at: folder.appendingPathComponent("a.hdr"), to: folder.appendingPathComponent("c.hdr"))
    try FileManager.default.copyItem(
      at: folder.appendingPathComponent("b.img.gz"), to: folder.appendingPathComponent("c.img"))
    #expect(try VolumeFile.read(folder.appendingPathComponent("c.hdr")).voxels.values == values)
  }
}

@Test("The display range can be left out, and nothing else of the header with it", arguments: [1, 2])
func displayRange(version: Int) throws {
  var bytes = try ReferenceFixtures.bytes("v\(version)_int16_le.nii")
  let range = version == 1 ? 124..<132 : 192..<208
  for index in range { bytes[index] = 65 }
  try withTemporaryFolder { folder in
    let url = folder.appendingPathComponent("a.nii")
    try Data(bytes).write(to: url)
    let volume = try VolumeFile.read(url)
    let (kept, without) = (folder.appendingPathComponent("b.nii"), folder.appendingPathComponent("c.nii"))
    try VolumeFile.write(volume, to: kept)
    try VolumeFile.write(volume.withoutDisplayRange(), to: without)
    var expected = [UInt8](try Data(contentsOf: kept))
    #expect(expected[range].allSatisfy { $0 == 65 })
    for index in range { expected[index] = 0 }
    #expect([UInt8](try Data(contentsOf: without)) == expected)
  }
}

@Test("Many frames and single files turn into pairs and back")
func formatsByName() throws {
  let volume = try VolumeFile.read(ReferenceFixtures.url("v2_4d.nii"))
  try withTemporaryFolder { folder in
    for name in ["a.nii.gz", "b.hdr", "c.img.gz", "D.HDR.GZ", "E.NII"] {
      let url = folder.appendingPathComponent(name)
      let report = try VolumeFile.write(volume, to: url)
      #expect(report.files.count == (name.lowercased().contains("nii") ? 1 : 2))
      let read = try VolumeFile.read(url)
      #expect(read.voxels == volume.voxels && read.affine == volume.affine)
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path(percentEncoded: false)).count == 8)
    let unknown = folder.appendingPathComponent("a.mha")
    #expect(volumeErrorKind { try VolumeFile.write(volume, to: unknown) } == .wrongExtension)
  }
}

@Test("An existing result is kept unless replacing was allowed")
func existingFiles() throws {
  let volume = try VolumeFile.read(ReferenceFixtures.url("v1_int16_le.nii"))
  try withTemporaryFolder { folder in
    for name in ["a.nii", "a.hdr"] {
      let url = folder.appendingPathComponent(name)
      try VolumeFile.write(volume, to: url)
      #expect(fileErrorKind { try VolumeFile.write(volume, to: url) } == .exists)
      try VolumeFile.write(volume, to: url, options: .init(ifExists: .replace))
    }
    #expect(
      fileErrorKind { try VolumeFile.write(volume, to: folder.appendingPathComponent("no/a.nii")) } == .notAFolder)
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path(percentEncoded: false))
    #expect(names.sorted() == ["a.hdr", "a.img", "a.nii"])
  }
}

private let canMount: Bool = {
  guard geteuid() == 0 else { return false }
  return
    (try? withTemporaryFolder { folder in
      let path = folder.path(percentEncoded: false)
      guard mount("tmpfs", path, "tmpfs", 0, "size=4096") == 0 else { return false }
      umount2(path, Int32(MNT_DETACH))
      return true
    }) ?? false
}()

@Test("A full disk leaves nothing behind, whichever format", .enabled(if: canMount))
func fullDisk() throws {
  let random = PhiloxRandomSource(seed: 1)
  let volume = Volume(
    voxels: random.normal(shape: [1, 1, 256, 256]), affine: .scaling([1, 1, 1]),
    header: VolumeHeader(format: .nifti1, dataType: .float32))
  let image = Volume(
    voxels: Tensor((0..<65536).map { Float(random.integer(below: 65536, at: $0)) }, shape: [1, 1, 256, 256]),
    affine: .scaling([1, 1, 1]), header: VolumeHeader(format: .png, dataType: .uint16))
  try withTemporaryFolder { folder in
    let path = folder.path(percentEncoded: false)
    try #require(mount("tmpfs", path, "tmpfs", 0, "size=65536") == 0)
    defer { umount2(path, Int32(MNT_DETACH)) }
    for name in ["a.nii", "a.nii.gz", "a.hdr", "a.png"] {
      let source = name == "a.png" ? image : volume
      #expect(fileErrorKind { try VolumeFile.write(source, to: folder.appendingPathComponent(name)) } == .noSpace)
      #expect(try FileManager.default.contentsOfDirectory(atPath: path) == [])
    }
  }
}
