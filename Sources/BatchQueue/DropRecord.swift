import DurableFiles
import Foundation

/// What is remembered of a drop, across restarts: which file it was, and what became of it.
///
/// Kept in the spool under a digest of the drop's path, so that no name of the inbox is written anywhere else.
struct DropRecord: Codable, Equatable {
  /// The file as it was when it was taken.
  var signature: [FileSignature]
  /// Its job.
  var job: JobID?
  /// Why it has none.
  var refusal: Failure?
  /// For a refusal that is the site's fault: its workflows and models as they were then.
  var site: String?
  /// How often it was looked at and its format was not whole.
  var misses = 0
  /// Whether the answer stands beside the drop.
  var isAnswered = false
  /// Whether that answer says that the result is committed.
  var isGoodNews: Bool?
}

extension DropRecord {
  /// Whether it came to an end as a file: it is a job, or will not be one.
  var isSettled: Bool { job != nil || refusal != nil }
}

/// The memory of one inbox.
struct DropRecords {
  private let folder: URL
  private var cache: [RelativePath: DropRecord?] = [:]

  init(_ spool: Spool, inbox: String) throws {
    folder = spool.root.appendingPathComponent("drops/\(ContentDigest.sha256(of: Data(inbox.utf8)).prefix(12))")
    try makeFolder(folder)
  }

  subscript(path: RelativePath) -> DropRecord? {
    mutating get {
      if let known = cache[path] { return known }
      let file = url(path)
      let record = (try? Data(contentsOf: file)).flatMap { try? JSONDecoder().decode(DropRecord.self, from: $0) }
      // The drop still lies there: its memory is young again, and no garbage.
      if record != nil { _ = Spool.renew(file) }
      cache[path] = .some(record)
      return record
    }
  }

  mutating func set(_ record: DropRecord, for path: RelativePath) throws {
    let url = url(path)
    try FolderChanges.make(url.deletingLastPathComponent())
    try AtomicFile.write(try JSONEncoder().encode(record), to: url)
    cache[path] = record
  }

  /// Forgets what is known of drops that are gone.
  mutating func keep(_ paths: Set<RelativePath>) throws {
    for (path, record) in cache where !paths.contains(path) {
      if record != nil { try FolderChanges.remove(url(path)) }
      cache[path] = nil
    }
  }

  private func url(_ path: RelativePath) -> URL {
    let digest = ContentDigest.sha256(of: Data(path.bytes)).prefix(32)
    return folder.appendingPathComponent("\(digest.prefix(2))/\(digest).json")
  }
}
