import DurableFiles
import Foundation

/// A drop as a look saw it.
struct Drop {
  var path: RelativePath
  /// Of the drop, the options and the second file, those that it has.
  var signature: [FileSignature]
  var isAnnounced: Bool
  var options: RelativePath?
  /// The second file of a pair.
  var companion: RelativePath?
  var companionIsMissing = false
}

/// Lists an inbox: what may be a drop, with what lies beside it for its sake.
struct DropSearch {
  let names: DropNames
  let options: InboxOptions
  let notices: FolderNotices
  /// What could not be put back.
  var troubles: [any Error] = []
  private var asides: [RelativePath: SuspendingClock.Instant] = [:]

  init(_ names: DropNames, _ options: InboxOptions, _ notices: FolderNotices) {
    self.names = names
    self.options = options
    self.notices = notices
  }

  /// The drops below a folder of the inbox, in the order of names.
  mutating func drops(in folder: BoundFolder, below path: RelativePath = RelativePath()) throws -> [Drop] {
    var entries: [FolderEntry]
    do {
      entries = try folder.entries(of: path)
      if putBackWhatIsLeft(entries, path, folder) { entries = try folder.entries(of: path) }
    } catch {
      // A folder that went away, or that we may not read, hides its own drops and no others; a disk that fails hides
      // what may still be there.
      guard !path.names.isEmpty, error.kind != .io, error.kind != .exhausted else { throw error }
      return []
    }
    notices.watch(path)
    // By their bytes: names that are no text, or that text calls equal, are names of their own.
    let all = Dictionary(entries.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
    let files = all.filter { $0.value.kind == .file }
    var drops: [Drop] = []
    for entry in entries {
      let name = String(decoding: entry.name, as: UTF8.self)
      let inner = path.appending(entry.name)
      switch entry.kind {
      case .folder:
        // A results tree or a spool that lies here holds what was made, and no drops.
        let isOurs = [".pellucid", "spool.json"].contains { folder.holds(inner.appending($0)) }
        if names.isSearched(inner), !isOurs { drops += try self.drops(in: folder, below: inner) }
      case .file: if names.isDrop(name) { drops.append(drop(inner, name, entry, files, all)) }
      case .other: break
      }
    }
    return drops
  }

  /// Puts drops back that were taken aside to be put away, by a process that then crashed; true if there were any.
  private mutating func putBackWhatIsLeft(_ entries: [FolderEntry], _ path: RelativePath, _ folder: BoundFolder) -> Bool
  {
    var isAny = false
    for entry in entries where entry.kind == .folder {
      guard let isAbandoned = DropArchive.isAbandoned(entry.name) else { continue }
      let aside = path.appending(entry.name)
      let since = asides[aside] ?? .now
      asides[aside] = since
      // Of a process on another machine nobody can say that it is gone; it needs a moment, not minutes.
      // A sweep does not last as long; to it an hour by the clock says the same, even where two machines' clocks differ.
      let age = Date().timeIntervalSince1970 - Double(entry.signature.changed) / 1e9
      guard isAbandoned || .now - since > .seconds(600) || age > 3600 else { continue }
      do {
        try DropArchive(folder, options.onDone, names).putBack(aside)
        (isAny, asides[aside]) = (true, nil)
      } catch { troubles.append(error) }
    }
    return isAny
  }

  private func drop(
    _ path: RelativePath, _ name: String, _ entry: FolderEntry, _ files: [[UInt8]: FolderEntry],
    _ all: [[UInt8]: FolderEntry]
  ) -> Drop {
    let isRenamed = path.names.first == Array("new".utf8) && options.ready != .stable && options.ready != .sentinel
    func beside(_ suffix: String) -> [UInt8]? { names.besides(entry.name, suffix).first { files[$0] != nil } }
    let hasSentinel = beside(DropNames.sentinel) != nil && options.ready != .stable && options.ready != .rename
    var drop = Drop(path: path, signature: [entry.signature], isAnnounced: isRenamed || hasSentinel)
    // Options that are no file, such as a link, are not passed over: they are refused with the drop.
    if let options = names.besides(entry.name, DropNames.options).lazy.compactMap({ all[$0] }).first {
      drop.options = path.folder.appending(options.name)
      drop.signature.append(options.signature)
    }
    if let ending = names.ending(of: name), let companions = names.companions[ending] {
      let stem = Array(entry.name.dropLast(ending.utf8.count))
      let candidates = companions.flatMap { [stem + Array($0.utf8), stem + Array($0.uppercased().utf8)] }
      if let companion = candidates.lazy.compactMap({ files[$0] }).first {
        drop.companion = path.folder.appending(companion.name)
        drop.signature.append(companion.signature)
      } else {
        drop.companionIsMissing = true
      }
    }
    return drop
  }
}
