import Foundation
import Testing
import Volumes

/// What nibabel and Pillow read from the files in `Fixtures` (see `make_fixtures.py` there).
struct ReferenceFixtures: Decodable {
  struct File: Decodable {
    let shape: [Int]
    let affine: [[Double]]
    let values: [Float]
  }
  struct Code: Decodable {
    let affine: [[Double]]
    let code: String
  }
  let files: [String: File]
  let codes: [Code]

  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures")
  static let all: ReferenceFixtures = {
    do {
      let decoder = JSONDecoder()
      return try decoder.decode(Self.self, from: Data(contentsOf: folder.appendingPathComponent("expected.json")))
    } catch { fatalError("expected.json: \(error)") }
  }()
  static let names = all.files.keys.sorted()
  static let niftiNames = names.filter { !$0.hasSuffix(".png") }

  static func url(_ name: String) -> URL { folder.appendingPathComponent(name) }
  static func bytes(_ name: String) throws -> [UInt8] { try Array(Data(contentsOf: url(name))) }
}

/// The kind of the `VolumeError` that `body` throws; nil if it throws none.
func volumeErrorKind(_ body: () throws -> Void) -> VolumeError.Kind? {
  do { try body() } catch let error as VolumeError {
    if !error.description.contains(";") || error.description.contains("\n") {
      Issue.record("not one line that says what to do: \(error)")
    }
    return error.kind
  } catch { Issue.record("not a VolumeError: \(error)") }
  return nil
}

/// The kind of reading these bytes from a file of that name; inspecting them must come to the same.
func readingKind(_ bytes: [UInt8], as name: String, in folder: URL) throws -> VolumeError.Kind? {
  let url = folder.appendingPathComponent(name)
  try Data(bytes).write(to: url)
  let kind = volumeErrorKind { _ = try VolumeFile.read(url) }
  #expect(volumeErrorKind { _ = try VolumeFile.inspect(url) } == kind, "inspecting differs from reading")
  return kind
}
