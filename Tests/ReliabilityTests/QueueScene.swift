import BatchQueue
import DurableFiles
import Foundation
import Synchronization
import TestSupport

/// A folder with sources or an inbox, a results tree, and the commands that work on them.
struct QueueScene: Sendable {
  let folder: URL
  var sources: URL { folder.appendingPathComponent("sources") }
  var inbox: URL { folder.appendingPathComponent("inbox") }
  var results: URL { folder.appendingPathComponent("results") }
  var spool: URL { results.appendingPathComponent(".pellucid/spool") }

  /// The tiny model, made once for all tests, and a workflow that names it.
  private static let shelf: URL = {
    do { return try makeShelf() } catch { preconditionFailure("the tiny model cannot be written: \(error)") }
  }()

  private static func makeShelf() throws -> URL {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("pellucid-shelf-\(getpid())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let model = folder.appendingPathComponent("tiny.safetensors")
    try TinyModel.write(to: model)
    let workflow = "name: tiny\nmodel: \(model.path)\nsampler: ddim\nreport: false\n"
    try Data(workflow.utf8).write(to: folder.appendingPathComponent("tiny.yaml"))
    return folder
  }

  static var model: URL { shelf.appendingPathComponent("tiny.safetensors") }
  static var workflows: URL { shelf }

  /// A scan unlike those of other numbers.
  static func scan(_ number: Int) -> Data {
    NIfTIBytes([16, 16, 2]) { i, j, k in (i * 37 + j * 101 + k * 61 + number * 13) % 800 - 400 + number % 97 }.data
  }

  /// Runs `body` in a fresh folder whose path is free of symbolic links.
  static func with<R>(_ body: (QueueScene) throws -> R) throws -> R {
    try withTemporaryFolder { folder in
      let scene = QueueScene(folder: folder.resolvingSymlinksInPath())
      try FileManager.default.createDirectory(at: scene.sources, withIntermediateDirectories: true)
      return try body(scene)
    }
  }

  // MARK: Commands

  private static let work = ["--threads", "1", "--quiet", "--lease", "1s", "--retry-after", "100ms"]

  /// `batch` over all sources.
  var batch: [String] {
    ["batch", sources.path, "-o", results.path, "--workflow", "tiny", "--workflows", Self.workflows.path] + Self.work
  }

  /// `watch` on the inbox.
  func watch(_ more: String...) -> [String] {
    ["watch", "--inbox", inbox.path, "--results", results.path, "--workflows", Self.workflows.path] + Self.work + more
  }

  /// `worker` on the spool.
  func worker(_ more: String...) -> [String] { ["worker", "--spool", spool.path] + Self.work + more }

  /// `run` on the first source.
  var run: [String] {
    [
      "run", sources.appendingPathComponent("scan-1.nii").path, "-o",
      results.appendingPathComponent("clear.nii.gz").path,
      "--model", Self.model.path, "--threads", "1", "--samples", "2", "--report",
    ]
  }

  // MARK: Files

  /// Puts `count` different scans among the sources.
  func addSources(_ count: Int) throws {
    for number in 1...count {
      try Self.scan(number).write(to: sources.appendingPathComponent("scan-\(number).nii"))
    }
  }

  /// The folder of the inbox that chooses the workflow.
  var drops: URL { inbox.appendingPathComponent("tiny") }

  /// Makes the inbox.
  func makeInbox() throws {
    try InboxMarker.make(in: inbox)
    try FileManager.default.createDirectory(at: drops, withIntermediateDirectories: true)
  }

  /// Drops a scan and says that it is complete.
  func drop(_ number: Int, as name: String? = nil, announced: Bool = true) throws {
    let name = name ?? "scan-\(number).nii"
    try Self.scan(number).write(to: drops.appendingPathComponent(name))
    if announced { try Data().write(to: drops.appendingPathComponent(name + ".done")) }
  }

  /// Digests of all images that a person put there, wherever they were moved to, sorted.
  func sourceDigests() throws -> [String] {
    var digests: [String] = []
    for root in [sources, inbox] where FileManager.default.fileExists(atPath: root.path) {
      for path in try FileManager.default.subpathsOfDirectory(atPath: root.path) where path.hasSuffix(".nii") {
        digests.append(try ContentDigest.sha256(of: root.appendingPathComponent(path)))
      }
    }
    return digests.sorted()
  }

  /// A copy of this scene's files elsewhere, without its results.
  func copy(to folder: URL) throws -> QueueScene {
    let copy = QueueScene(folder: folder.resolvingSymlinksInPath())
    for (from, to) in [(sources, copy.sources), (inbox, copy.inbox)]
    where FileManager.default.fileExists(atPath: from.path) {
      try FileManager.default.copyItem(at: from, to: to)
    }
    return copy
  }
}
