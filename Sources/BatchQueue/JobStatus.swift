import DurableFiles
import Foundation

/// What the queue knows of a job, for people and scripts.
public struct JobStatus: Codable, Sendable {
  /// The job.
  public var job: JobID
  /// Where it is in its life.
  public var state: JobState
  /// 0, most urgent, to 9.
  public var priority: Int
  /// Its place among jobs of one priority.
  public var sequence: Int
  /// The attempt that it is at, or that comes next.
  public var attempt: Int
  /// Who computes it.
  public var worker: String?
  /// Seconds since it was submitted, by this machine's clock.
  public var age: Double?
  /// How many seconds it still waits after a failure, by this machine's clock.
  public var waits: Double?
  /// What went wrong.
  public var failures: [Failure]
  /// Where its result is, below the results.
  public var result: String?
  /// SHA-256 of the files that it reads.
  public var inputs: [String]
}

extension Spool {
  /// All jobs in some states, in the order in which they are taken, then by id.
  public func list(_ states: Set<JobState> = Set(JobState.allCases)) throws -> [JobStatus] {
    var all: [JobStatus] = []
    for state in JobState.allCases where states.contains(state) {
      for name in try FolderChanges.names(in: folder(state)) {
        // Of one whose record is damaged somebody must hear, too; others went elsewhere meanwhile.
        if let status = try? status(state, name, evenDamaged: true) { all.append(status) }
      }
    }
    return all
  }

  /// Where every job is; each folder is listed once, so this is the way to ask for many.
  public func states() throws -> [JobID: JobState] {
    var states: [JobID: JobState] = [:]
    // In the direction of travel, so that a job that moves meanwhile is seen, at the later place.
    for state in [JobState.held, .failed, .ready, .claimed, .quarantine, .done] {
      for name in try FolderChanges.names(in: folder(state)) {
        guard let id = JobID(name) ?? Ticket(name)?.job ?? ClaimName(name)?.ticket.job else { continue }
        states[id] = state
      }
    }
    return states
  }

  /// What is known of one job; throws `QueueError.unknownJob`.
  public func status(of id: JobID) throws -> JobStatus {
    for state in [JobState.done, .quarantine] where FolderChanges.exists(folder(state).appendingPathComponent("\(id)"))
    {
      return try status(state, "\(id)")
    }
    guard let place = try ticket(of: id) else {
      let (job, isCommitted) = (try job(id), try results.isCommitted(id))
      return JobStatus(
        job: id, state: isCommitted ? .done : .failed, priority: job.priority, sequence: job.sequence,
        attempt: 1, failures: [], result: isCommitted ? "cases/\(id)" : nil,
        inputs: job.inputs.map(\.sha256))
    }
    return try status(place.state, place.name)
  }

  /// The jobs that read a file with this SHA-256.
  public func jobs(reading sha256: String) throws -> [JobID] {
    let jobs = root.appendingPathComponent("jobs")
    return try FolderChanges.names(in: jobs).flatMap { try FolderChanges.names(in: jobs.appendingPathComponent($0)) }
      .compactMap { JobID($0) }.filter { id in (try? job(id))?.inputs.contains { $0.sha256 == sha256 } ?? false }
  }

  /// The record of a job never changes, so its time is that of the submission, also in a copy of the spool.
  private func age(of id: JobID) -> Double? {
    var status = stat()
    guard lstat(folder(of: id).appendingPathComponent("job.json").path(percentEncoded: false), &status) == 0 else {
      return nil
    }
    return max(0, Date().timeIntervalSince1970 - Double(status.st_mtim.tv_sec)).rounded()
  }

  private func status(_ state: JobState, _ name: String, evenDamaged: Bool = false) throws -> JobStatus {
    let claim = state == .claimed ? ClaimName(name) : nil
    let ticket = claim?.ticket ?? Ticket(name)
    guard let id = ticket?.job ?? JobID(name) else { throw QueueError(.unknownJob, "\(name) names no job") }
    let job: Job?
    do { job = try self.job(id) } catch let error as QueueError where error.kind == .damaged && evenDamaged {
      job = nil
    }
    let failures = FailureRecords.read(in: folder(state).appendingPathComponent(name))
    var status = JobStatus(
      job: id, state: state, priority: ticket?.priority ?? job?.priority ?? 9,
      sequence: job?.sequence ?? ticket?.sequence ?? 0, attempt: ticket?.attempt ?? (failures.last?.attempt ?? 1),
      worker: claim?.worker.description, failures: failures,
      result: state == .done ? "cases/\(id)" : nil, inputs: job?.inputs.map(\.sha256) ?? [])
    status.age = age(of: id)
    if state == .failed, let last = failures.last, let job,
      case .retry(let delay) = Verdict(failures, retries: job.retries)
    {
      status.waits = max(0, delay - (Date().timeIntervalSince1970 - last.time)).rounded()
    }
    return status
  }
}
