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
  private let names: DropNames

  init(_ folder: BoundFolder, _ rule: InboxOptions.OnDone, _ names: DropNames) {
    self.folder = folder
    self.rule = rule
    self.names = names
  }

  /// Writes the answer; moves or removes a drop with what lies beside it for its sake.
  func putAway(_ path: RelativePath, _ answer: Data, succeeded: Bool) throws {
    switch rule {
    case .keep: try write(answer, beside: path)
    case .delete:
      try write(answer, beside: path)
      guard succeeded else { return }
      let besides = besides(path)
      for (file, suffix) in besides where suffix == DropNames.sentinel { try folder.remove(file) }
      try folder.remove(path)
      for (file, suffix) in besides where suffix == DropNames.options { try folder.remove(file) }
    case .move: try move(path, answer, to: succeeded ? "done" : "failed")
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

  /// An inbox that cannot be written to is answered by the results alone.
  private func write(_ answer: Data, beside path: RelativePath) throws {
    let name = (path.names.last ?? []) + Array(DropNames.answer.utf8)
    do { try folder.write(answer, to: path.folder.appending(name)) } catch {
      guard error.kind == .permission || error.kind == .invalidName else { throw error }
    }
  }

  private func move(_ path: RelativePath, _ answer: Data, to archive: String) throws {
    var target = RelativePath(archive)
    for name in path.names { target = target.appending(name) }
    try folder.makeFolders(target.folder)
    let besides = besides(path)
    for (file, suffix) in besides where suffix == DropNames.sentinel { try folder.remove(file) }
    // A file of that name may have been archived before: nothing is replaced.
    for number in 1...10_000 {
      let numbered = number == 1 ? target : Self.numbered(target, number)
      guard !folder.holds(numbered) else { continue }
      try write(answer, beside: numbered)
      do { try folder.move(path, to: numbered) } catch {
        if error.kind == .exists { continue }
        throw error
      }
      for (file, suffix) in besides {
        // Options belong to the drop: whoever takes it up again needs them.
        let name = (numbered.names.last ?? []) + Array(suffix.utf8)
        if suffix == DropNames.options { try? folder.move(file, to: numbered.folder.appending(name)) }
        if suffix == DropNames.answer { try? folder.remove(file) }
      }
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
