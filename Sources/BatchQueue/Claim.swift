import DurableFiles
public import Foundation

/// The name of a claim's folder: the ticket and who has it.
struct ClaimName: Hashable {
  let ticket: Ticket
  let worker: WorkerName

  init(_ ticket: Ticket, _ worker: WorkerName) {
    self.ticket = ticket
    self.worker = worker
  }

  init?(_ name: String) {
    guard let dot = name.lastIndex(of: "."), let ticket = Ticket(name[..<dot]),
      let worker = WorkerName(name[name.index(after: dot)...])
    else { return nil }
    self.init(ticket, worker)
    guard text == name else { return nil }
  }

  var text: String { "\(ticket.name).\(worker)" }

  /// The folder below `.staging` that this claim alone writes to.
  ///
  /// The attempt's number is not enough: a job that is submitted twice at the same moment may have two tickets of one
  /// number.
  var stagingName: String { "\(ticket.job).\(ticket.attempt).\(worker.unique)" }
}

/// A job in the hands of this worker.
///
/// Made by renaming the job's ticket, which one process wins. It is lost when another process, having seen no heartbeat
/// for long, renames the folder again; every step that matters begins with a name inside that folder, so a worker that
/// lost its claim cannot take it, however late it wakes up.
public final class Claim {
  /// The job.
  public let job: Job
  /// Which attempt this is.
  public let attempt: Int
  /// What went wrong before.
  public let failures: [Failure]
  /// Where this attempt writes.
  public let staging: URL

  let spool: Spool
  let name: ClaimName
  private let folder: URL
  private var beats = 0

  private init(_ spool: Spool, _ name: ClaimName, _ job: Job) {
    self.spool = spool
    self.name = name
    self.job = job
    folder = spool.folder(.claimed).appendingPathComponent(name.text, isDirectory: true)
    attempt = name.ticket.attempt
    failures = FailureRecords.read(in: folder)
    staging = spool.results.staging(name)
  }

  /// What happened when a ticket was reached for.
  enum Reached {
    /// It is ours.
    case claimed(Claim)
    /// Another worker was quicker, or it was set aside.
    case gone
    /// The job's result is committed already; the ticket was brought to its end.
    case committed(JobID)
    /// The job's record cannot be used; it is in quarantine.
    case unusable(JobID, Failure)
  }

  /// Reaches for a ticket.
  static func reach(_ ticket: Ticket, in spool: Spool, as worker: WorkerName) throws -> Reached {
    let name = ClaimName(ticket, worker)
    let ready = spool.folder(.ready).appendingPathComponent(ticket.name, isDirectory: true)
    let folder = spool.folder(.claimed).appendingPathComponent(name.text, isDirectory: true)
    do { try FolderChanges.move(ready, to: folder) } catch {
      // A network file system may have renamed and lost the answer, and a disk that fails may have renamed and not
      // flushed: the name says whose it is.
      guard FolderChanges.exists(folder) else {
        if error.kind == .notFound { return .gone }
        throw error
      }
    }
    do { return try take(folder, name, in: spool) } catch {
      // A claim that nobody works on would wait for its lease to run out.
      try? spool.results.discard(spool.results.staging(name), of: ticket.job)
      try? FolderChanges.move(folder, to: ready)
      throw error
    }
  }

  private static func take(_ folder: URL, _ name: ClaimName, in spool: Spool) throws -> Reached {
    let ticket = name.ticket
    // What an earlier holder left would be taken for ours.
    for leftover in ["heartbeat", Self.manifestName] {
      try FolderChanges.remove(folder.appendingPathComponent(leftover))
    }
    if try spool.results.isCommitted(ticket.job) {
      try spool.finish(folder, ticket.job)
      return .committed(ticket.job)
    }
    do {
      let claim = Claim(spool, name, try spool.job(ticket.job))
      try FolderChanges.make(claim.staging)
      return .claimed(claim)
    } catch {
      guard let error = error as? QueueError else { throw error }
      let failure = Failure(kind: .permanent, code: 70, text: error.description, attempt: ticket.attempt)
      try spool.quarantine(folder, ticket.job, failure)
      return .unusable(ticket.job, failure)
    }
  }

  private static let manifestName = "manifest.json"

  /// Shows that this worker lives; throws `QueueError.leaseLost` if the claim was taken over.
  func beat() throws {
    beats += 1
    do {
      try AtomicFile.write(Data(String(beats).utf8), to: folder.appendingPathComponent("heartbeat"))
    } catch {
      guard !isHeld else { throw error }
      try? spool.results.discard(staging, of: job.id)
      throw lost()
    }
  }

  /// Whether the claim is still ours, as far as the disk says.
  public var isHeld: Bool { (try? FolderChanges.isThere(folder)) ?? true }

  private func lost() -> QueueError {
    QueueError(.leaseLost, "job \(job.id): another worker took it over, because this one gave no sign of life")
  }

  /// Makes this attempt's files the job's result.
  ///
  /// They lie in `staging`, flushed, with the manifest under `ResultsTree.manifestName`. Throws `QueueError.leaseLost`
  /// if the claim was taken over, or another attempt was committed: the files are then no result and are removed.
  public func commit() throws {
    let manifest = folder.appendingPathComponent(Self.manifestName)
    do {
      try FolderChanges.flush(staging)
      try FolderChanges.link(staging.appendingPathComponent(ResultsTree.manifestName), to: manifest)
      guard try spool.results.commit(manifest, of: job.id) else { throw lost() }
    } catch {
      guard !isHeld || (error as? QueueError)?.kind == .leaseLost else { throw error }
      try? spool.results.discard(staging, of: job.id)
      // Where the other came by a ticket of its own, this one is superfluous.
      if isHeld { try? spool.finish(folder, job.id) }
      throw lost()
    }
    try spool.finish(folder, job.id)
  }

  /// Puts the job back as it was, not as a failure: the worker stops.
  public func giveBack() throws {
    try? spool.results.discard(staging, of: job.id)
    try move(to: spool.folder(.ready).appendingPathComponent(name.ticket.next.name, isDirectory: true))
  }

  /// Records a failure and lets the job wait for its next attempt, or gives it up.
  ///
  /// Returns the state that the job is in then.
  @discardableResult
  public func fail(_ failure: Failure) throws -> JobState {
    // A commit that was made, and whose flush then failed, is a commit.
    if try spool.results.isCommitted(job.id) {
      try spool.finish(folder, job.id)
      return .done
    }
    try? spool.results.discard(staging, of: job.id)
    do { return try spool.record(failure, in: folder, name.ticket, retries: job.retries) } catch {
      // Where the folder went, another has the job: there is nothing to be recorded any more.
      guard !isHeld else { throw error }
      throw lost()
    }
  }

  private func move(to target: URL) throws {
    do { try FolderChanges.move(folder, to: target) } catch {
      if error.kind == .notFound { throw lost() }
      throw error
    }
  }
}

extension Spool {
  /// Brings a committed job to its end: files in place, ticket done.
  func finish(_ folder: URL, _ job: JobID) throws {
    try results.completePublication(of: job)
    try retire(folder, to: self.folder(.done).appendingPathComponent("\(job)", isDirectory: true))
  }

  /// Gives a job up.
  func quarantine(_ folder: URL, _ job: JobID, _ failure: Failure) throws {
    try FailureRecords.write(failure, in: folder)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
    try AtomicFile.write(try encoder.encode(failure), to: folder.appendingPathComponent("why.json"))
    try retire(folder, to: self.folder(.quarantine).appendingPathComponent("\(job)", isDirectory: true))
  }

  /// Records a failure of an attempt whose ticket lies in `folder`, and moves the ticket on.
  func record(_ failure: Failure, in folder: URL, _ ticket: Ticket, retries: Int) throws -> JobState {
    var failure = failure
    failure.attempt = ticket.attempt
    let history = FailureRecords.read(in: folder).filter { $0.attempt != failure.attempt } + [failure]
    switch Verdict(history, retries: retries, wait: retryAfter) {
    case .quarantine:
      try quarantine(folder, ticket.job, failure)
      return .quarantine
    case .retry(let delay):
      try FailureRecords.write(failure, in: folder)
      let state: JobState = delay > 0 ? .failed : .ready
      try retire(folder, to: self.folder(state).appendingPathComponent(ticket.next.name, isDirectory: true))
      return state
    }
  }

  /// Moves a ticket to its next place; a ticket that is there already makes this one superfluous.
  private func retire(_ folder: URL, to target: URL) throws {
    do { try FolderChanges.move(folder, to: target) } catch {
      switch error.kind {
      case .exists: try FolderChanges.remove(folder)
      case .notFound where FolderChanges.exists(target): return
      case .notFound:
        throw QueueError(.leaseLost, "another worker took the job over, because this one gave no sign of life")
      default: throw error
      }
    }
  }
}
