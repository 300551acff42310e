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
  private let names: DropNames

  init(_ folder: BoundFolder, _ rule: InboxOptions.OnDone, _ names: DropNames) {
    self.folder = folder
    self.rule = rule
    self.names = names
  }

  /// Moves or removes a drop and what lies beside it for its sake, and returns where its answer belongs.
  func putAway(_ path: RelativePath, succeeded: Bool) throws -> RelativePath {
    switch rule {
    case .keep: return path
    case .delete:
      guard succeeded else { return path }
      for file in besides(path).map(\.file) + [path] { try folder.remove(file) }
      return path
    case .move: return try move(path, to: succeeded ? "done" : "failed")
    }
  }

  /// What lies beside a drop for its sake alone, with what comes behind the drop's name.
  private func besides(_ path: RelativePath) -> [(file: RelativePath, suffix: String)] {
    let name = path.names.last ?? []
    let isAlone = isAloneWithItsStem(path)
    return [DropNames.sentinel, DropNames.options, DropNames.answer].flatMap { suffix in
      names.besides(name, suffix).prefix(isAlone ? 2 : 1).map { (path.folder.appending($0), suffix) }
    }
    .filter { folder.holds($0.0) }
  }

  /// Whether no other drop goes by the same `scan.done` or `scan.pellucid.yaml`.
  private func isAloneWithItsStem(_ path: RelativePath) -> Bool {
    guard let name = path.names.last, let stem = names.besides(name, "").last,
      let entries = try? folder.entries(of: path.folder)
    else { return false }
    return !entries.contains { entry in
      entry.name != name && names.isDrop(String(decoding: entry.name, as: UTF8.self))
        && names.besides(entry.name, "").last == stem
    }
  }

  private func move(_ path: RelativePath, to archive: String) throws -> RelativePath {
    var target = RelativePath(archive)
    for name in path.names { target = target.appending(name) }
    try folder.makeFolders(target.folder)
    // A file of that name may have been archived before: nothing is replaced.
    let besides = besides(path)
    for number in 1...10_000 {
      let numbered = number == 1 ? target : Self.numbered(target, number)
      do { try folder.move(path, to: numbered) } catch {
        if error.kind == .exists { continue }
        throw error
      }
      for (file, suffix) in besides {
        // Options belong to the drop: whoever takes it up again needs them.
        let name = (numbered.names.last ?? []) + Array(suffix.utf8)
        let isMoved =
          suffix == DropNames.options && (try? folder.move(file, to: numbered.folder.appending(name))) != nil
        if !isMoved, suffix != DropNames.options { try? folder.remove(file) }
      }
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
