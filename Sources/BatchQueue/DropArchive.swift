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
/// What is put away is first taken aside: renamed, with what lies beside it for its sake, into a hidden folder, where it is
/// looked at again. A scan that took the drop's name meanwhile, or that somebody still writes, is put back. The answer
/// stands before the drop goes away for good: a crash leaves a drop in the hidden folder, which is put back and answered
/// again, and not one that never is.
struct DropArchive {
  private struct Member {
    var path: RelativePath
    var signature: FileSignature
    var name: [UInt8] { path.names.last ?? [] }
  }

  /// What is put away together.
  private struct Group {
    var file: Member
    var companion: Member?
    var options: Member?
    var sentinels: [Member] = []
    /// The drop first: what is left of a group without one is left of a drop that was put away.
    var members: [Member] { [file] + sentinels + [companion, options].compactMap(\.self) }
  }

  private let folder: BoundFolder
  private let rule: InboxOptions.OnDone
  private let names: DropNames
  private let namesakes: Int

  /// An archive of an inbox; in it, `namesakes` files at most have one name.
  init(_ folder: BoundFolder, _ rule: InboxOptions.OnDone, _ names: DropNames, namesakes: Int = 10_000) {
    self.folder = folder
    self.rule = rule
    self.names = names
    self.namesakes = namesakes
  }

  /// Writes the answer; moves or removes a drop with what lies beside it for its sake.
  ///
  /// False if it is not there any more as it was seen, or is being written to.
  func putAway(_ drop: Drop, _ answer: Data, succeeded: Bool) throws -> Bool {
    switch rule {
    case .keep:
      try write(answer, beside: drop.path)
      return true
    case .delete:
      try write(answer, beside: drop.path)
      guard succeeded else { return true }
      return try withAside(drop) { group, aside in
        // The header of a pair last: alone it waits, while an image alone would be taken for the next header's.
        for member in [group.companion, group.file].compactMap(\.self) {
          try folder.remove(aside.appending(member.name))
        }
        return true
      }
    case .move:
      return try withAside(drop) { try archive($0, from: $1, drop.path, answer, to: succeeded ? "done" : "failed") }
    }
  }

  // MARK: Aside

  static let asidePrefix = ".pellucid-aside-"
  static let owner = WorkerName()

  /// Whether an entry of a folder holds what somebody took aside; nil for anything else, true if that somebody is gone.
  static func isAbandoned(_ name: [UInt8]) -> Bool? {
    let text = String(decoding: name, as: UTF8.self)
    guard text.hasPrefix(asidePrefix) else { return nil }
    // One drop at a time: what this process has aside when it looks, it has left there.
    guard let worker = WorkerName(text.dropFirst(asidePrefix.count)) else { return false }
    return worker == owner || worker.isKnownDead
  }

  private func withAside(_ drop: Drop, _ body: (Group, RelativePath) throws -> Bool) throws -> Bool {
    guard let group = try group(drop) else { return false }
    let aside = drop.path.folder.appending(Self.asidePrefix + "\(Self.owner)")
    try folder.makeFolders(aside)
    do {
      for member in group.members { try folder.move(member.path, to: aside.appending(member.name)) }
      let isPutAway = try isAsSeen(group, in: aside) && body(group, aside)
      try putBack(aside)
      return isPutAway
    } catch {
      try? putBack(aside)
      // Another process was quicker, or somebody took the file back.
      guard (error as? FileError)?.kind == .notFound else { throw error }
      return false
    }
  }

  private func isAsSeen(_ group: Group, in aside: RelativePath) throws -> Bool {
    let entries = Dictionary(try folder.entries(of: aside).map { ($0.name, $0.signature) }, uniquingKeysWith: { $1 })
    return group.members.allSatisfy { member in
      entries[member.name]?.isOfSameContent(as: member.signature) == true
        && (try? folder.file(aside.appending(member.name)))?.hasWriter != true
    }
  }

  /// Puts back what was taken aside and is still there, under other names if need be; nothing is replaced.
  func putBack(_ aside: RelativePath) throws {
    let entries: [[UInt8]]
    do { entries = try folder.entries(of: aside).map(\.name) } catch {
      if error.kind == .notFound { return }
      throw error
    }
    let drops = entries.filter { names.isDrop(String(decoding: $0, as: UTF8.self)) }
    let sentinels = entries.filter { $0.suffix(DropNames.sentinel.utf8.count) == Array(DropNames.sentinel.utf8)[...] }
    let others = entries.filter { !drops.contains($0) && !sentinels.contains($0) }
    if drops.isEmpty {
      for name in entries { try folder.remove(aside.appending(name)) }
    } else {
      let number = try freeNumber(drops + others, in: aside.folder)
      for name in others + drops + sentinels {
        let target = aside.folder.appending(Self.numbered(name, number))
        do { try folder.move(aside.appending(name), to: target) } catch {
          // A newer announcement stands there.
          guard error.kind == .exists, sentinels.contains(name) else { throw error }
          try folder.remove(aside.appending(name))
        }
      }
    }
    try folder.removeFolder(aside)
  }

  /// What lies there now for a drop; nil if the drop is not there any more as it was seen.
  private func group(_ drop: Drop) throws -> Group? {
    let entries = try folder.entries(of: drop.path.folder).filter { $0.kind == .file }
    let files = Dictionary(entries.map { ($0.name, $0.signature) }, uniquingKeysWith: { $1 })
    func member(_ path: RelativePath) -> Member? {
      files[path.names.last ?? []].map { Member(path: path, signature: $0) }
    }
    let besides = besides(drop.path, entries.map(\.name))
    guard let file = member(drop.path) else { return nil }
    let companion = drop.companion.flatMap(member)
    let options = drop.options.flatMap(member)
    guard [file, options, companion].compactMap({ $0?.signature }) == drop.signature else { return nil }
    var group = Group(file: file, companion: companion)
    if let options, besides(DropNames.options).contains(options.path) { group.options = options }
    group.sentinels = besides(DropNames.sentinel).compactMap(member)
    return group
  }

  /// What may lie beside a drop for its sake alone, by what comes behind the drop's name.
  private func besides(_ path: RelativePath, _ entries: [[UInt8]]) -> (String) -> [RelativePath] {
    let name = path.names.last ?? []
    let stem = names.besides(name, "").last
    // No other drop may go by the same `scan.done` or `scan.pellucid.yaml`.
    let isAlone = !entries.contains {
      $0 != name && names.isDrop(String(decoding: $0, as: UTF8.self)) && names.besides($0, "").last == stem
    }
    return { suffix in names.besides(name, suffix).prefix(isAlone ? 2 : 1).map { path.folder.appending($0) } }
  }

  // MARK: Archives

  private func archive(
    _ group: Group, from aside: RelativePath, _ path: RelativePath, _ answer: Data, to archive: String
  ) throws -> Bool {
    let shelf = path.folder.names.reduce(RelativePath(archive)) { $0.appending($1) }
    try folder.makeFolders(shelf)
    let pair = [group.companion, group.file].compactMap(\.self)
    // A file of that name may have been archived before: nothing is replaced.
    var number = 0
    while true {
      number = try freeNumber(pair.map(\.name), in: shelf, from: number + 1)
      let place = shelf.appending(Self.numbered(group.file.name, number))
      let options = shelf.appending((place.names.last ?? []) + Array(DropNames.options.utf8))
      if folder.holds(options) { continue }
      var isOurs = true
      do { try write(answer, beside: place, ifExists: .fail) } catch {
        guard error.kind == .exists else { throw error }
        // The same words without their drop are what a crash left of us.
        let old = try? folder.file(Self.answer(beside: place)).read(at: 0, count: answer.count + 1)
        guard old == Array(answer) else { continue }
        isOurs = false
      }
      do { try moveAll(pair, from: aside, to: shelf, number) } catch {
        if isOurs { try? folder.remove(Self.answer(beside: place)) }
        if error.kind == .exists { continue }
        throw error
      }
      // The options belong to the drop: whoever takes it up again needs them.
      if let old = group.options { try? folder.move(aside.appending(old.name), to: options) }
      let entries = try folder.entries(of: path.folder).map(\.name)
      for old in besides(path, entries)(DropNames.answer) { try? folder.remove(old) }
      return true
    }
  }

  /// Moves a drop, or the two files of a pair, or none of them.
  private func moveAll(_ members: [Member], from aside: RelativePath, to shelf: RelativePath, _ number: Int)
    throws(FileError)
  {
    var moved: [Member] = []
    do {
      for member in members {
        try folder.move(aside.appending(member.name), to: shelf.appending(Self.numbered(member.name, number)))
        moved.append(member)
      }
    } catch {
      for member in moved {
        try? folder.move(shelf.appending(Self.numbered(member.name, number)), to: aside.appending(member.name))
      }
      throw error
    }
  }

  /// The first number under which all these names are free in a folder.
  private func freeNumber(_ all: [[UInt8]], in place: RelativePath, from first: Int = 1) throws(FileError) -> Int {
    for number in first..<max(first, namesakes + 1)
    where !all.contains(where: { folder.holds(place.appending(Self.numbered($0, number))) }) {
      return number
    }
    throw FileError(.exists, "\(namesakes) files of one name lie in the archive of the inbox; empty it")
  }

  private static func answer(beside path: RelativePath) -> RelativePath {
    path.folder.appending((path.names.last ?? []) + Array(DropNames.answer.utf8))
  }

  /// An inbox that cannot be written to is answered by the results alone.
  private func write(_ answer: Data, beside path: RelativePath, ifExists: AtomicFile.IfExists = .replace)
    throws(FileError)
  {
    do { try folder.write(answer, to: Self.answer(beside: path), ifExists: ifExists) } catch {
      guard error.kind == .permission || error.kind == .invalidName else { throw error }
    }
  }

  /// `scan.nii.gz` → `scan.2.nii.gz`.
  private static func numbered(_ name: [UInt8], _ number: Int) -> [UInt8] {
    guard number > 1 else { return name }
    let dot = name.firstIndex(of: UInt8(ascii: ".")) ?? name.endIndex
    return Array(name[..<dot]) + Array(".\(number)".utf8) + Array(name[dot...])
  }
}
