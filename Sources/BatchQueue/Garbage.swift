import DurableFiles
import Foundation

/// What no job needs any more.
public struct Garbage: Sendable, Equatable {
  /// One thing to remove.
  public struct Item: Sendable, Equatable, Codable {
    /// What it is: `attempt`, `input`, `unfinished`, `memory`.
    public var kind: String
    /// Its path below the spool or the results.
    public var path: String
    /// Its size in bytes.
    public var bytes: Int
  }

  /// Everything that can be removed.
  public let items: [Item]
  /// Jobs whose records cannot be read: while there are any, no input is removed, for they may need it.
  public let unreadable: [JobID]
  private let urls: [URL]
  private let fresh: Double

  /// Bytes that removing it frees.
  public var bytes: Int { items.reduce(0) { $0 + $1.bytes } }

  /// Looks for what a spool and its results can do without; nothing is removed.
  ///
  /// That is: folders of attempts that lost or crashed, half-made files that are older than an hour, copies of inputs
  /// whose jobs are done and whose results are older than `age`, and what is remembered for so long of inboxes' drops:
  /// what still lies there keeps its memory young. Ages are measured by the disk's own clock; what is younger than `youth` may belong to
  /// something that is under way.
  public init(in spool: Spool, inputsOlderThan age: Duration, youth: Duration = .seconds(3600)) throws {
    var found: [(String, URL)] = []
    let now = try spool.clock()
    fresh = now - youth / .seconds(1)
    // Attempts are listed before claims: a claim outlives the folder that it writes to.
    let staging = spool.results.root.appendingPathComponent(".staging")
    let attempts = try FolderChanges.names(in: staging)
    let claims = Set(
      try FolderChanges.names(in: spool.folder(.claimed)).compactMap { ClaimName($0)?.stagingName })
    for name in attempts where !claims.contains(name) {
      let folder = staging.appendingPathComponent(name, isDirectory: true)
      guard let dot = name.firstIndex(of: "."), let job = JobID(name[..<dot]) else { continue }
      let manifest = folder.appendingPathComponent(ResultsTree.manifestName)
      if leadToSameFile(manifest, spool.results.manifest(of: job)) { continue }
      found.append(("attempt", folder))
    }
    found += try Self.unfinished(spool, before: fresh).map { ("unfinished", $0) }
    let jobs = try Self.jobs(spool)
    unreadable = jobs.unreadable
    if unreadable.isEmpty {
      let needed = Self.needed(jobs.readable, spool, before: now - age / .seconds(1))
      found += try Self.inputs(spool, except: needed, before: fresh).map { ("input", $0) }
    }
    let drops = spool.root.appendingPathComponent("drops")
    for inbox in try FolderChanges.names(in: drops).map(drops.appendingPathComponent) {
      for shard in try FolderChanges.names(in: inbox).map(inbox.appendingPathComponent) {
        found += try FolderChanges.names(in: shard).map(shard.appendingPathComponent)
          .filter { Self.changed($0) < now - age / .seconds(1) }.map { ("memory", $0) }
      }
    }
    urls = found.map(\.1)
    items = found.map { kind, url in
      Item(kind: kind, path: Self.path(url, in: spool), bytes: Self.size(of: url))
    }
  }

  /// Removes it; an input that somebody took up meanwhile stays.
  public func remove() throws {
    for (item, url) in zip(items, urls) where item.kind != "input" || Self.changed(url) < fresh {
      try FolderChanges.remove(url)
    }
  }

  /// Half-made job records and temporary files of the spool.
  private static func unfinished(_ spool: Spool, before: Double) throws -> [URL] {
    var found: [URL] = []
    for part in ["jobs", "input", "."] {
      let folder = spool.root.appendingPathComponent(part)
      let shards = part == "." ? [""] : try FolderChanges.names(in: folder)
      for shard in shards {
        let inner = shard.isEmpty ? folder : folder.appendingPathComponent(shard)
        for name in try FolderChanges.names(in: inner) where name.hasPrefix(".making-") || name.hasSuffix(".tmp") {
          let url = inner.appendingPathComponent(name)
          // A folder stays as it is while a file in it grows.
          let all = [url] + ((try? FolderChanges.names(in: url)) ?? []).map(url.appendingPathComponent)
          if all.allSatisfy({ changed($0) < before }) { found.append(url) }
        }
      }
    }
    return found
  }

  private static func jobs(_ spool: Spool) throws -> (readable: [Job], unreadable: [JobID]) {
    let folder = spool.root.appendingPathComponent("jobs")
    let names = try FolderChanges.names(in: folder).flatMap {
      try FolderChanges.names(in: folder.appendingPathComponent($0))
    }
    var (readable, unreadable): ([Job], [JobID]) = ([], [])
    for id in names.compactMap({ JobID($0) }) {
      do { readable.append(try spool.job(id)) } catch { unreadable.append(id) }
    }
    return (readable, unreadable)
  }

  /// The names of inputs whose jobs are not done, or were done a short time ago.
  private static func needed(_ jobs: [Job], _ spool: Spool, before: Double) -> Set<String> {
    let needed = jobs.filter { job in
      let done = spool.folder(.done).appendingPathComponent("\(job.id)")
      return !FolderChanges.exists(done) || changed(done) >= before
    }
    return Set(needed.flatMap { $0.inputs.map(\.name) })
  }

  /// Copies that are not needed; one that was just made, or taken up, may belong to a job that is being submitted.
  private static func inputs(_ spool: Spool, except needed: Set<String>, before: Double) throws -> [URL] {
    let inputs = spool.root.appendingPathComponent("input")
    return try FolderChanges.names(in: inputs).map(inputs.appendingPathComponent).flatMap { folder in
      try FolderChanges.names(in: folder).filter {
        !needed.contains($0) && !$0.hasSuffix(".tmp") && !$0.hasPrefix(".making-")
      }.map(folder.appendingPathComponent).filter { changed($0) < before }
    }
  }

  private static func changed(_ url: URL) -> Double { Spool.changed(url) ?? .infinity }

  private static func size(of url: URL) -> Int {
    var status = stat()
    guard lstat(url.path(percentEncoded: false), &status) == 0 else { return 0 }
    guard status.st_mode & S_IFMT == S_IFDIR else { return Int(status.st_size) }
    let names = (try? FolderChanges.names(in: url)) ?? []
    return names.reduce(0) { $0 + size(of: url.appendingPathComponent($1)) }
  }

  private static func path(_ url: URL, in spool: Spool) -> String {
    for root in [spool.root, spool.results.root] {
      let (inner, outer) = (url.standardizedFileURL.pathComponents, root.standardizedFileURL.pathComponents)
      if inner.starts(with: outer) { return inner.dropFirst(outer.count).joined(separator: "/") }
    }
    return url.lastPathComponent
  }
}
