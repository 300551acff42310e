import DurableFiles
import Foundation

/// A claim, and what will become of it if nobody does anything.
public struct ClaimOutlook: Sendable, Equatable {
  /// What comes next.
  public enum Next: Sendable, Equatable {
    /// Its worker shows that it lives.
    case beingComputed
    /// Its worker has shown nothing for so many seconds: a worker that watches it for 30 s takes it over.
    case willExpire(after: Double)
    /// Its worker is gone from this machine: the next worker here takes it over at once.
    case orphaned
  }
  /// The job.
  public let job: JobID
  /// Which attempt it is at.
  public let attempt: Int
  /// What comes next.
  public let next: Next
}

extension Spool {
  /// Every claim with its outlook, by the disk's own clock; throws `FileError`.
  public func outlook() throws -> [ClaimOutlook] { try outlook(now: clock()) }

  func outlook(now: Double) throws -> [ClaimOutlook] {
    try FolderChanges.names(in: folder(.claimed)).compactMap { ClaimName($0) }.map { claim in
      let folder = folder(.claimed).appendingPathComponent(claim.text)
      let beats = [folder.appendingPathComponent("heartbeat"), folder].compactMap(Self.changed)
      let silence = beats.first.map { now - $0 } ?? 0
      let next: ClaimOutlook.Next =
        if claim.worker.isKnownDead { .orphaned } else if silence > 30 { .willExpire(after: silence) } else {
          .beingComputed
        }
      return ClaimOutlook(job: claim.ticket.job, attempt: claim.ticket.attempt, next: next)
    }
  }

  /// What the disk's clock shows, in seconds since 1970; ours may show something else.
  func clock() throws -> Double {
    let probe = root.appendingPathComponent("clock.tmp")
    try AtomicFile.write(Data(), to: probe)
    defer { try? FolderChanges.remove(probe) }
    return Self.changed(probe) ?? Date().timeIntervalSince1970
  }

  /// Renews the time of a file's last change, and changes nothing; false if that is not possible.
  static func renew(_ url: URL) -> Bool {
    var status = stat()
    let path = url.path(percentEncoded: false)
    return lstat(path, &status) == 0 && chmod(path, status.st_mode & 0o7777) == 0
  }

  /// When anything about a file changed last, by the disk's clock.
  static func changed(_ url: URL) -> Double? {
    var status = stat()
    guard lstat(url.path(percentEncoded: false), &status) == 0 else { return nil }
    return Double(status.st_ctim.tv_sec) + Double(status.st_ctim.tv_nsec) * 1e-9
  }
}
