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
///
/// The answer stands before the drop goes away: a crash between the two leaves a drop that is answered again, and not one
/// that never is. `NAME.done` goes before the drop, or it would announce the next file of that name; the options go after
/// it, because with other options it would be another drop.
struct DropArchive {
  private let folder: BoundFolder
  private let rule: InboxOptions.OnDone

  init(_ folder: BoundFolder, _ rule: InboxOptions.OnDone) {
    self.folder = folder
    self.rule = rule
  }

  /// Writes the answer; moves or removes a drop with what lies beside it for its sake.
  func putAway(_ path: RelativePath, _ answer: Data, succeeded: Bool) throws {
    switch rule {
    case .keep: try write(answer, beside: path)
    case .delete:
      try write(answer, beside: path)
      guard succeeded else { return }
      for file in [Self.beside(path, DropNames.sentinel), path, Self.beside(path, DropNames.options)] {
        try folder.remove(file)
      }
    case .move: try move(path, answer, to: succeeded ? "done" : "failed")
    }
  }

  private static func beside(_ path: RelativePath, _ ending: String) -> RelativePath {
    path.folder.appending((path.names.last ?? []) + Array(ending.utf8))
  }

  /// An inbox that cannot be written to is answered by the results alone.
  private func write(_ answer: Data, beside path: RelativePath) throws {
    do { try folder.write(answer, to: Self.beside(path, DropNames.answer)) } catch {
      guard error.kind == .permission || error.kind == .invalidName else { throw error }
    }
  }

  private func move(_ path: RelativePath, _ answer: Data, to archive: String) throws {
    var target = RelativePath(archive)
    for name in path.names { target = target.appending(name) }
    try folder.makeFolders(target.folder)
    try folder.remove(Self.beside(path, DropNames.sentinel))
    // A file of that name may have been archived before: nothing is replaced.
    for number in 1...10_000 {
      let numbered = number == 1 ? target : Self.numbered(target, number)
      guard !folder.holds(numbered) else { continue }
      try write(answer, beside: numbered)
      do { try folder.move(path, to: numbered) } catch {
        if error.kind == .exists { continue }
        throw error
      }
      for ending in [DropNames.options, DropNames.answer] { try? folder.remove(Self.beside(path, ending)) }
      return
    }
  }

  /// `scan.nii.gz` → `scan.2.nii.gz`.
  private static func numbered(_ path: RelativePath, _ number: Int) -> RelativePath {
    let name = path.names.last ?? []
    let dot = name.firstIndex(of: UInt8(ascii: ".")) ?? name.endIndex
    return path.folder.appending(Array(name[..<dot]) + Array(".\(number)".utf8) + Array(name[dot...]))
  }
}
