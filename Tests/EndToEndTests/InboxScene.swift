import Foundation
import Provenance
import TensorCore
import TestSupport
import Testing
import Volumes

/// An inbox and its results in a folder of their own, for the built executable.
struct InboxScene {
  let folder: URL
  /// The executable, which finds the models and workflows of the repository unless it was installed elsewhere.
  var executable = Executable.url
  var inbox: URL { folder.appendingPathComponent("inbox") }
  var results: URL { folder.appendingPathComponent("results") }

  static func with<R>(_ body: (InboxScene) throws -> R) throws -> R {
    try withTemporaryFolder { folder in
      let scene = InboxScene(folder: folder)
      let outcome = try scene.pellucid(["watch", "--init", "--inbox", scene.inbox.path])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      return try body(scene)
    }
  }

  /// What keeps the settings of the person who runs the tests out of them.
  var environment: [String: String] {
    ["XDG_CONFIG_HOME": folder.appendingPathComponent("xdg").path, "HOME": folder.path]
  }

  func pellucid(_ arguments: [String]) throws -> Executable.Outcome {
    try Executable.run(arguments, in: folder, environment: environment, executable: executable)
  }

  /// One sweep.
  func sweep(_ more: String...) throws -> Executable.Outcome {
    try pellucid(["watch", "--once", "--inbox", inbox.path, "--results", results.path, "--threads", "2"] + more)
  }

  /// Puts bytes into the inbox, and says that they are complete.
  @discardableResult
  func drop(_ data: Data, _ path: String) throws -> URL {
    let url = inbox.appendingPathComponent(path)
    try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try data.write(to: url)
    try Data().write(to: inbox.appendingPathComponent(path + ".done"))
    return url
  }

  /// What was answered beside a drop.
  func answer(_ path: String) throws -> Answer {
    try JSONDecoder().decode(
      Answer.self, from: Data(contentsOf: inbox.appendingPathComponent(path + ".pellucid.json")))
  }

  struct Answer: Decodable {
    var status: String
    var job: String?
    var result: String?
    var code: Int
    var text: String?
  }

  /// The manifest of a committed drop, after its files were compared with it.
  func verifiedManifest(_ path: String) throws -> Manifest {
    let answer = try answer(path)
    #expect(answer.status == "committed" && answer.code == 0, "\(answer)")
    let place = results.appendingPathComponent(try #require(answer.result))
    let manifest = try Manifest.read(place.appendingPathComponent("output.manifest.json"))
    let report = try manifest.verify(in: place)
    #expect(report.isIntact && report.checked > 0, "\(report)")
    return manifest
  }

  /// A piece of a sample, by default of the CT, two slices of 48 x 40 voxels, as a file.
  static func piece(of name: String = "ct-lowdose", format: String = "nii.gz") throws -> Data {
    let sample = try VolumeFile.read(Repository.root.appendingPathComponent("SampleData/\(name).nii.gz"))
    let (slices, rows, columns) = (2, 40, 48)
    var values: [Float] = []
    sample.voxels.withUnsafeBuffer { voxels in
      for slice in 0..<slices {
        for row in 100..<(100 + rows) {
          let start = ((slice + 4) * sample.rows + row) * sample.columns + 60
          values += voxels[start..<(start + columns)]
        }
      }
    }
    let piece = Volume(
      voxels: Tensor(values, shape: [1, slices, rows, columns]), affine: .scaling(sample.spacing),
      header: VolumeHeader(format: .nifti1, dataType: .int16))
    return try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("piece.\(format)")
      try VolumeFile.write(piece, to: url)
      return try Data(contentsOf: url)
    }
  }
}
