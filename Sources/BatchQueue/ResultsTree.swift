public import DurableFiles
public import Foundation

/// The results on the disk, and what makes one of several attempts the result.
///
/// ```
/// .staging/<job>.<attempt>.<worker>/        an attempt writes here, and nowhere else
/// .pellucid/manifests/<aa>/<job>.json       its existence is the commit
/// cases/<job>/                              the files of the attempt that was committed
/// ```
///
/// An attempt's manifest is linked under the job's name; a link does not replace, so one attempt wins, and a job is
/// committed from then on. Its folder is then renamed into `cases`. Whoever finds that a crash came between the two
/// renames it: the attempt whose manifest is the same file is the one.
public struct ResultsTree: Sendable {
  /// The folder of the results.
  public let root: URL

  /// The tree in a folder.
  public init(at root: URL) { self.root = root }

  func prepare() throws {
    for name in [".pellucid", ".pellucid/manifests", ".staging", "cases"] {
      try FolderChanges.make(root.appendingPathComponent(name))
    }
  }

  /// The name that an attempt gives its manifest, in its own folder and later in the case's.
  public static let manifestName = "output.manifest.json"

  /// Where the attempt of a claim writes.
  func staging(_ claim: ClaimName) -> URL {
    root.appendingPathComponent(".staging/\(claim.stagingName)", isDirectory: true)
  }

  /// The committed manifest of a job.
  public func manifest(of job: JobID) -> URL {
    root.appendingPathComponent(".pellucid/manifests/\(job.shard)/\(job).json")
  }

  /// The files of a committed job.
  public func caseFolder(of job: JobID) -> URL { root.appendingPathComponent("cases/\(job)", isDirectory: true) }

  /// Whether a job's result is committed.
  ///
  /// Throws `FileError` where the disk does not say: a job that looks uncommitted would be done again, or its files removed.
  public func isCommitted(_ job: JobID) throws(FileError) -> Bool { try FolderChanges.isThere(manifest(of: job)) }

  /// Every committed job, sorted.
  public func committed() throws -> [JobID] {
    let folder = root.appendingPathComponent(".pellucid/manifests")
    return try FolderChanges.names(in: folder).flatMap { shard in
      try FolderChanges.names(in: folder.appendingPathComponent(shard)).compactMap { name in
        name.hasSuffix(".json") ? JobID(name.dropLast(5)) : nil
      }
    }.sorted()
  }

  /// Commits: gives a manifest the job's name if none has it, and flushes.
  ///
  /// Returns false if another manifest has it. Throws `FileError.notFound` if `manifest` is gone.
  func commit(_ manifest: URL, of job: JobID) throws -> Bool {
    let target = self.manifest(of: job)
    try FolderChanges.make(target.deletingLastPathComponent())
    do { try FolderChanges.link(manifest, to: target) } catch {
      guard error.kind == .exists else { throw error }
      // A network file system may have made the link and lost the answer.
      guard leadToSameFile(manifest, target) else { return false }
      try FolderChanges.flush(target.deletingLastPathComponent())
    }
    return true
  }

  /// Removes the files of an attempt, unless it is the one that was committed.
  func discard(_ staging: URL, of job: JobID) throws {
    if try FolderChanges.areOneFile(staging.appendingPathComponent(Self.manifestName), manifest(of: job)) { return }
    try FolderChanges.remove(staging)
  }

  /// Moves the files of the committed attempt to their place, where that is still to be done.
  ///
  /// False if there is nothing in place and nothing to move: somebody removed it. Throws `QueueError.damaged` where
  /// something else stands in its place.
  @discardableResult
  func completePublication(of job: JobID) throws -> Bool {
    let place = caseFolder(of: job)
    guard let attempt = try committedAttempt(of: job) else { return try holdsFiles(of: job) }
    do { try FolderChanges.move(attempt, to: place) } catch {
      // Somebody else may have completed it at the same moment.
      guard try holdsFiles(of: job) else {
        guard error.kind == .exists else { throw error }
        throw QueueError(.damaged, "something else stands at cases/\(job); move it away")
      }
    }
    return true
  }

  /// Where the files of a committed job lie: at their place, or still where the attempt wrote them; nil if nowhere.
  public func files(of job: JobID) throws -> URL? {
    if try holdsFiles(of: job) { return caseFolder(of: job) }
    if let attempt = try committedAttempt(of: job) { return attempt }
    // It may have got its place between the two looks.
    return try holdsFiles(of: job) ? caseFolder(of: job) : nil
  }

  /// Whether a folder, and no link to one, stands in the job's place.
  private func holdsFiles(of job: JobID) throws -> Bool { try FolderChanges.isFolder(caseFolder(of: job)) }

  private func committedAttempt(of job: JobID) throws -> URL? {
    let staging = root.appendingPathComponent(".staging")
    let attempts = try FolderChanges.names(in: staging).filter { $0.hasPrefix("\(job).") }.map {
      staging.appendingPathComponent($0, isDirectory: true)
    }
    return try attempts.first {
      try FolderChanges.areOneFile($0.appendingPathComponent(Self.manifestName), manifest(of: job))
    }
  }
}
