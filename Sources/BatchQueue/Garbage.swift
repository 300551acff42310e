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
  private let urls: [URL]

  /// Bytes that removing it frees.
  public var bytes: Int { items.reduce(0) { $0 + $1.bytes } }

  /// Looks for what a spool and its results can do without; nothing is removed.
  ///
  /// That is: folders of attempts that lost or crashed, half-made files that are older than an hour, copies of inputs
  /// whose jobs are done and whose results are older than `age`, and what is remembered for so long of inboxes' drops: one
  /// that still lies there is known again by its content. Ages are measured by the disk's own clock.
  public init(in spool: Spool, inputsOlderThan age: Duration) throws {
    var found: [(String, URL)] = []
    let now = try spool.clock()
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
    found += try Self.unfinished(spool, before: now - 3600).map { ("unfinished", $0) }
    found += try Self.inputs(spool, before: now - Double(age.components.seconds), fresh: now - 3600).map {
      ("input", $0)
    }
    let drops = spool.root.appendingPathComponent("drops")
    for inbox in try FolderChanges.names(in: drops).map(drops.appendingPathComponent) {
      for shard in try FolderChanges.names(in: inbox).map(inbox.appendingPathComponent) {
        found += try FolderChanges.names(in: shard).map(shard.appendingPathComponent)
          .filter { Self.changed($0) < now - Double(age.components.seconds) }.map { ("memory", $0) }
      }
    }
    urls = found.map(\.1)
    items = found.map { kind, url in
      Item(kind: kind, path: Self.path(url, in: spool), bytes: Self.size(of: url))
    }
  }

  /// Removes it.
  public func remove() throws { for url in urls { try FolderChanges.remove(url) } }

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
          if changed(url) < before { found.append(url) }
        }
      }
    }
    return found
  }

  private static func inputs(_ spool: Spool, before: Double, fresh: Double) throws -> [URL] {
    var needed: Set<String> = []
    let jobs = spool.root.appendingPathComponent("jobs")
    for id in try FolderChanges.names(in: jobs).flatMap({ try FolderChanges.names(in: jobs.appendingPathComponent($0)) }
    )
    .compactMap({ JobID($0) }) {
      let job: Job
      do { job = try spool.job(id) } catch { continue }
      let done = spool.folder(.done).appendingPathComponent("\(id)")
      if !FolderChanges.exists(done) || changed(done) >= before { needed.formUnion(job.inputs.map(\.name)) }
    }
    var found: [URL] = []
    let inputs = spool.root.appendingPathComponent("input")
    for shard in try FolderChanges.names(in: inputs) {
      let folder = inputs.appendingPathComponent(shard)
      for name in try FolderChanges.names(in: folder) where !needed.contains(name) && !name.hasSuffix(".tmp") {
        // A copy that was just made may belong to a job that is being submitted.
        let url = folder.appendingPathComponent(name)
        if changed(url) < fresh { found.append(url) }
      }
    }
    return found
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
