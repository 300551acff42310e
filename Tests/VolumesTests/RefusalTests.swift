import DurableFiles
import Foundation
import Glibc
import TensorCore
import TestSupport
import Testing
import Volumes

/// The kind of the `FileError` that `body` throws; nil if it throws none.
func fileErrorKind(_ body: () throws -> Void) -> FileError.Kind? {
  do { try body() } catch let error as FileError { return error.kind } catch {
    Issue.record("not a FileError: \(error)")
  }
  return nil
}

@Test(
  "Kinds of voxels and dimensions that make no grey image are refused",
  arguments: ["rgb", "complex64", "complex128", "float128", "5d", "1d"])
func unsupportedKinds(name: String) {
  #expect(volumeErrorKind { _ = try VolumeFile.read(ReferenceFixtures.url("refused_\(name).nii")) } == .unsupported)
}

@Test(
  "Empty files are refused first, whatever their name", arguments: ["a.nii", "a.nii.gz", "a.hdr", "a.png", "a.dat"])
func emptyFiles(name: String) throws {
  try withTemporaryFolder { (folder: URL) throws in #expect(try readingKind([], as: name, in: folder) == .empty) }
}

@Test("Missing files, folders, pipes and devices are refused without waiting")
func notRegularFiles() throws {
  try withTemporaryFolder { folder in
    func kind(_ url: URL) -> FileError.Kind? { fileErrorKind { _ = try VolumeFile.read(url) } }
    #expect(kind(folder.appendingPathComponent("missing.nii")) == .notFound)
    let subfolder = folder.appendingPathComponent("folder.nii")
    try FileManager.default.createDirectory(at: subfolder, withIntermediateDirectories: false)
    #expect(kind(subfolder) == .notARegularFile)
    let pipe = folder.appendingPathComponent("pipe.nii")
    #expect(mkfifo(pipe.path(percentEncoded: false), 0o600) == 0)
    #expect(kind(pipe) == .notARegularFile)
    #expect(kind(URL(fileURLWithPath: "/dev/zero")) == .notARegularFile)
  }
}

@Test(
  "A name that contradicts the content is refused",
  arguments: [
    ("v1_int16_le.nii", "a.nii.gz"), ("v1_int16_le.nii", "a.png"), ("v1_int16_le.nii", "a.hdr"),
    ("v1_int16_le_packed.nii.gz", "a.nii"), ("v1_int16_le_packed.nii.gz", "a.png"), ("v1_int16_le_pair.hdr", "a.nii"),
    ("grey8.png", "a.nii"), ("grey8.png", "a.nii.gz"), ("grey8.png", "a.hdr"), ("v1_int16_le_pair.hdr", "a.dat"),
  ])
func wrongExtension(source: String, name: String) throws {
  try withTemporaryFolder { folder in
    let bytes = try ReferenceFixtures.bytes(source)
    #expect(try readingKind(bytes, as: name, in: folder) == .wrongExtension)
  }
}

@Test(
  "A name that says nothing is no reason to refuse",
  arguments: ["v1_int16_le.nii", "v2_int16_be_packed.nii.gz", "grey8.png"])
func neutralNames(source: String) throws {
  try withTemporaryFolder { folder in
    let url = folder.appendingPathComponent("scan")
    try Data(ReferenceFixtures.bytes(source)).write(to: url)
    #expect(try VolumeFile.read(url).voxels.values == ReferenceFixtures.all.files[source]?.values)
  }
}

@Test("Other content is not recognised")
func otherContent() throws {
  try withTemporaryFolder { (folder: URL) throws in
    let text = Array("no volume, just a note that is a little longer than a signature".utf8)
    for name in ["a.nii", "a.png", "a.txt", "a.hdr"] {
      #expect(try readingKind(text, as: name, in: folder) == .unrecognised)
    }
    #expect(try readingKind([1], as: "a.nii", in: folder) == .unrecognised)
  }
}

@Test("A plain file that is cut anywhere is refused", arguments: ["v1_int16_le.nii", "v2_float64_be.nii"])
func plainTruncations(name: String) throws {
  try withTemporaryFolder { folder in
    let bytes = try ReferenceFixtures.bytes(name)
    for count in 1..<bytes.count {
      let kind = try readingKind(Array(bytes[..<count]), as: "a.nii", in: folder)
      #expect(kind == .truncated || (count < 4 && kind == .unrecognised), "\(count) bytes")
    }
  }
}

@Test("A volume above the memory limit is refused, one at the limit is read")
func memoryLimit() throws {
  let url = ReferenceFixtures.url("v1_int16_le.nii")
  #expect(volumeErrorKind { _ = try VolumeFile.read(url, options: .init(maximumBytes: 95)) } == .tooLarge)
  #expect(try VolumeFile.read(url, options: .init(maximumBytes: 96)).voxels.count == 24)
}
