import DurableFiles
import Foundation

/// What is written beside a drop when its job came to an end.
struct DropAnswer: Codable {
  var schema = "pellucid-answer/1"
  var status: String
  var job: JobID?
  /// The folder with the result, below the results.
  var result: String?
  var code: Int
  var text: String?

  init(job: JobID?, committed: Bool, failure: Failure?) {
    self.job = job
    status = committed ? "committed" : "failed"
    result = committed ? job.map { "cases/\($0)" } : nil
    code = committed ? 0 : failure?.code ?? 70
    text = committed ? nil : failure?.text
  }

  func encoded() throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
    return try encoder.encode(self) + Data("\n".utf8)
  }
}

/// Where a drop goes when it is answered.
struct DropArchive {
  private let folder: BoundFolder
  private let rule: InboxOptions.OnDone

  init(_ folder: BoundFolder, _ rule: InboxOptions.OnDone) {
    self.folder = folder
    self.rule = rule
  }

  /// Moves or removes a drop and what lies beside it for its sake, and returns where its answer belongs.
  func putAway(_ path: RelativePath, succeeded: Bool) throws -> RelativePath {
    switch rule {
    case .keep: return path
    case .delete:
      guard succeeded else { return path }
      for file in besides(path) + [path] { try folder.remove(file) }
      return path
    case .move: return try move(path, to: succeeded ? "done" : "failed")
    }
  }

  private func besides(_ path: RelativePath) -> [RelativePath] {
    [DropNames.sentinel, DropNames.options, DropNames.answer].map {
      path.folder.appending((path.names.last ?? []) + Array($0.utf8))
    }
    .filter(folder.holds)
  }

  private func move(_ path: RelativePath, to archive: String) throws -> RelativePath {
    var target = RelativePath(archive)
    for name in path.names { target = target.appending(name) }
    try folder.makeFolders(target.folder)
    // A file of that name may have been archived before: nothing is replaced.
    for number in 1...10_000 {
      let numbered = number == 1 ? target : Self.numbered(target, number)
      do { try folder.move(path, to: numbered) } catch {
        if error.kind == .exists { continue }
        throw error
      }
      for file in besides(path) { try? folder.remove(file) }
      return numbered
    }
    return path
  }

  /// `scan.nii.gz` → `scan.2.nii.gz`.
  private static func numbered(_ path: RelativePath, _ number: Int) -> RelativePath {
    let name = path.names.last ?? []
    let dot = name.firstIndex(of: UInt8(ascii: ".")) ?? name.endIndex
    return path.folder.appending(Array(name[..<dot]) + Array(".\(number)".utf8) + Array(name[dot...]))
  }
}
