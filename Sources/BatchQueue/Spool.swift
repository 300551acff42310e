import DurableFiles
public import Foundation

/// Where a job is in its life.
public enum JobState: String, Sendable, CaseIterable, Codable {
  /// May be claimed.
  case ready
  /// A worker has it.
  case claimed
  /// Failed, and waits to be tried again.
  case failed
  /// Set aside by the operator.
  case held
  /// Its result is committed.
  case done
  /// Given up, with the reason.
  case quarantine
}

/// The queue on the disk: folders and renames, nothing else.
///
/// ```
/// spool.json                       format, id, where the results are
/// jobs/<aa>/<job>/job.json         what never changes; work.json beside it is the caller's
/// input/<aa>/<sha256><ending>      read-only copies of what jobs read
/// ready/<ticket>/                  may be claimed
/// claimed/<ticket>.<worker>/       made by renaming the ready one; heartbeat inside
/// failed/<ticket>/  held/<ticket>/
/// done/<job>/  quarantine/<job>/
/// ```
///
/// A job has one ticket: a folder whose parent says the state, and which changes state by one rename. What is known of
/// its failures lies in it and moves along. It lies on the same file system as the results, because a commit is a hard
/// link from the one to the other. Any number of processes on any number of machines may use it; no lock is taken.
public struct Spool: Sendable {
  /// The spool's folder.
  public let root: URL
  /// The results tree that belongs to it.
  public let results: ResultsTree
  /// Seconds until a job is tried again after its first failure that may pass.
  public var retryAfter = 60.0
  /// Bytes that stay free on the disk when a file is taken in.
  public var minimumFreeSpace = 64 << 20

  private struct Record: Codable {
    var schema = "pellucid-spool/1"
    var id: String
    var results: String
  }

  /// Opens a spool; throws `QueueError`.
  public init(at root: URL) throws {
    let file = root.appendingPathComponent("spool.json")
    guard FolderChanges.exists(file) else {
      throw QueueError(
        .missing,
        "\(FileError.printable(root.lastPathComponent)) is no spool (no spool.json in it): check the path, and that its "
          + "disk is mounted")
    }
    guard let record = try? JSONDecoder().decode(Record.self, from: Data(contentsOf: file)),
      record.schema == Record(id: "", results: "").schema
    else { throw QueueError(.damaged, "spool.json is damaged or of another version of pellucid") }
    self.root = root
    let isAbsolute = record.results.hasPrefix("/")
    let place = isAbsolute ? record.results : root.path(percentEncoded: false) + "/" + record.results
    results = ResultsTree(at: URL(fileURLWithPath: place, isDirectory: true).standardizedFileURL)
  }

  /// Opens the spool of a results tree, and makes both where they are missing; `root` is inside the results if not given.
  ///
  /// Throws `FileError`, and `QueueError` if the spool belongs to other results or lies on another file system.
  public init(for results: URL, at root: URL? = nil) throws {
    let results = results.standardizedFileURL
    let root = (root ?? results.appendingPathComponent(".pellucid/spool")).standardizedFileURL
    try makeFolder(results)
    try makeFolder(root)
    let file = root.appendingPathComponent("spool.json")
    if !FolderChanges.exists(file) {
      guard try Self.device(of: root) == Self.device(of: results) else {
        throw QueueError(
          .unsuitable, "the spool and the results lie on two file systems; put them on one: a commit is a hard link")
      }
      let record = Record(id: UUID().uuidString.lowercased(), results: Self.path(from: root, to: results))
      // Two processes may be first: the one that comes second takes what it finds.
      do { try AtomicFile.write(try JSONEncoder().encode(record), to: file, ifExists: .fail) } catch {
        guard (error as? FileError)?.kind == .exists else { throw error }
      }
    }
    try self.init(at: root)
    guard leadToSameFile(self.results.root, results) else {
      throw QueueError(.unsuitable, "the spool belongs to other results; give a spool of its own to each results tree")
    }
    for name in ["jobs", "input"] + JobState.allCases.map(\.rawValue) {
      try FolderChanges.make(root.appendingPathComponent(name))
    }
    try self.results.prepare()
  }

  /// The folder of a state.
  func folder(_ state: JobState) -> URL { root.appendingPathComponent(state.rawValue, isDirectory: true) }

  /// The folder with what never changes about a job.
  public func folder(of job: JobID) -> URL {
    root.appendingPathComponent("jobs/\(job.shard)/\(job)", isDirectory: true)
  }

  /// A small file whole; no record that was written here is as large as what is left out.
  private static func record(_ file: RegularFile) throws -> Data {
    Data(try file.read(at: 0, count: min(file.byteCount, 16 << 20)))
  }

  /// What the caller said of a job's work when it was submitted; nil if that is gone.
  public func work(of job: JobID) throws -> Data? {
    try RegularFile.ifThere(folder(of: job).appendingPathComponent("work.json")).map { try Self.record($0) }
  }

  /// Where the copy of an input lies.
  public func url(of input: Job.Input) -> URL {
    // By its name and not its digest: the two files of a pair are found beside one another.
    root.appendingPathComponent("input/\(input.name.prefix(2))/\(input.name)")
  }

  /// A job of the spool; throws `QueueError`.
  public func job(_ id: JobID) throws -> Job {
    let file = folder(of: id).appendingPathComponent("job.json")
    guard try FolderChanges.isThere(file) else {
      throw QueueError(.unknownJob, "no job \(id) in this spool; `pellucid queue ls` lists them")
    }
    // What cannot be read now may be read later: that is no reason to give a job up.
    let data = try Self.record(RegularFile(file))
    guard let job = try? JSONDecoder().decode(Job.self, from: data), job.schema == Job.currentSchema,
      JobID.isKey(job.key), job.id == id
    else {
      throw QueueError(.damaged, "job.json of \(id) is damaged or of another version of pellucid")
    }
    return job
  }

  /// The tickets in a state that has tickets, in the order in which they are taken.
  func tickets(_ state: JobState) throws -> [Ticket] {
    try FolderChanges.names(in: folder(state)).compactMap { Ticket($0) }.sorted()
  }

  private static func device(of folder: URL) throws -> UInt64 {
    var status = stat()
    guard stat(folder.path(percentEncoded: false), &status) == 0 else {
      throw FileError(.notFound, "cannot read the folder \(FileError.printable(folder.lastPathComponent))")
    }
    return UInt64(status.st_dev)
  }

  /// How one folder is reached from another: by `..` where the second holds the first, so that a results tree can be
  /// mounted elsewhere; else as it is.
  private static func path(from root: URL, to results: URL) -> String {
    let (inner, outer) = (root.pathComponents, results.pathComponents)
    guard inner.starts(with: outer), inner.count > outer.count else { return results.path(percentEncoded: false) }
    return Array(repeating: "..", count: inner.count - outer.count).joined(separator: "/")
  }
}
