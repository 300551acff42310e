import DurableFiles
import Foundation
import TensorCore
import TestSupport
import Testing
import Volumes

@Test(
  "Colour and transparency are refused unless converting was asked for",
  arguments: ["colour_rgb.png", "colour_rgba.png", "colour_palette.png", "colour_grey_alpha.png"])
func colour(name: String) throws {
  let url = ReferenceFixtures.url(name)
  #expect(volumeErrorKind { _ = try VolumeFile.read(url) } == .unsupported)
  let volume = try VolumeFile.read(url, options: .init(convertColour: true))
  #expect(volume.voxels.shape == [1, 1, 5, 7])
  #expect(volume.header.warnings.contains { $0.hasPrefix(name.contains("grey") ? "W-ALPHA" : "W-COLOUR") })
}

@Test("A cut PNG and one with bytes after its end are refused", arguments: ["grey8.png", "grey16_interlaced.png"])
func wholePNGsOnly(name: String) throws {
  try withTemporaryFolder { folder in
    let bytes = try ReferenceFixtures.bytes(name)
    for count in 1..<bytes.count {
      #expect(try readingKind(Array(bytes[..<count]), as: "a.png", in: folder) != nil, "\(count) bytes")
    }
    #expect(try readingKind(bytes + [0], as: "a.png", in: folder) == .corrupt)
    #expect(try readingKind(bytes, as: "a.png", in: folder) == nil)
  }
}

@Test("Every flipped bit of a PNG is refused", arguments: ["grey8.png", "grey16_interlaced.png", "grey8_text.png"])
func flippedPNGBits(name: String) throws {
  try withTemporaryFolder { folder in
    var bytes = try ReferenceFixtures.bytes(name)
    for bit in 0..<(8 * bytes.count) {
      bytes[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(try readingKind(bytes, as: "a.png", in: folder) != nil, "bit \(bit)")
      bytes[bit / 8] ^= 1 << UInt8(bit % 8)
    }
  }
}

@Test(
  "An absurd image header is refused before anything is allocated",
  arguments: [1 << 20, (1 << 20) + 1, 1 << 31 - 1])
func absurdExtents(extent: Int) throws {
  try withTemporaryFolder { folder in
    var bytes = try ReferenceFixtures.bytes("grey8.png")
    let word = (0..<4).map { UInt8(extent >> (8 * (3 - $0)) & 255) }
    bytes.replaceSubrange(16..<24, with: word + word)
    let kind = try readingKind(bytes, as: "a.png", in: folder)
    #expect(kind == .tooLarge || kind == .truncated)
  }
}

@Test(
  "Images come back with their samples; a model's overshoot is clamped and counted",
  arguments: ["grey8.png", "grey16.png"])
func writesPNG(name: String) throws {
  let volume = try VolumeFile.read(ReferenceFixtures.url(name))
  try withTemporaryFolder { folder in
    let url = folder.appendingPathComponent("a.png")
    let report = try VolumeFile.write(volume, to: url)
    #expect(report.roundTripError == 0 && report.clampedCount == 0)
    let again = try VolumeFile.read(url)
    #expect(again.voxels == volume.voxels && again.header.dataType == volume.header.dataType)
    var voxels = volume.voxels
    voxels[flat: 0] = -7
    voxels[flat: 1] = 70000
    voxels[flat: 2] = .nan
    voxels[flat: 3] = 12.25
    let other = try VolumeFile.write(volume.like(voxels: voxels), to: url, options: .init(ifExists: .replace))
    let greatest: Float = name == "grey8.png" ? 255 : 65535
    #expect(other.clampedCount == 3)
    #expect(try VolumeFile.read(url).voxels.values.prefix(4) == [0, greatest, 0, 12])
  }
}

@Test("A PNG is written from a single slice whose values fit, and from nothing else")
func notRepresentable() throws {
  try withTemporaryFolder { (folder: URL) throws in
    let url = folder.appendingPathComponent("a.png")
    func kind(_ name: String, _ options: VolumeWriteOptions = .init()) throws -> VolumeError.Kind? {
      let volume = try VolumeFile.read(ReferenceFixtures.url(name))
      return volumeErrorKind { _ = try VolumeFile.write(volume, to: url, options: options) }
    }
    #expect(try kind("v1_int16_le.nii") == .notRepresentable, "two slices")
    #expect(try kind("v1_4d.nii") == .notRepresentable)
    #expect(try kind("v1_2d.nii") == .notRepresentable, "negative values")
    #expect(try kind("grey8.png", .init(dataType: .float32)) == .notRepresentable)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path(percentEncoded: false)) == [])
  }
}

@Test("A PNG becomes NIfTI and comes back")
func pngToNIfTI() throws {
  let volume = try VolumeFile.read(ReferenceFixtures.url("grey16.png"))
  try withTemporaryFolder { folder in
    let nifti = folder.appendingPathComponent("a.nii.gz")
    try VolumeFile.write(volume, to: nifti)
    let middle = try VolumeFile.read(nifti)
    #expect(middle.voxels == volume.voxels && middle.affine == volume.affine)
    let png = folder.appendingPathComponent("a.png")
    try VolumeFile.write(middle, to: png)
    #expect(try VolumeFile.read(png).voxels == volume.voxels)
  }
}
