public import Foundation

/// How a worker works.
public struct RunnerOptions: Sendable {
  /// When a worker is done.
  public enum Goal: Sendable {
    /// Never, until it is told to stop.
    case forever
    /// When nothing is left that it could do now.
    case drained
    /// When every job that its source brought is done or given up, by whomever.
    case answered
  }

  /// When it is done.
  public var goal = Goal.drained
  /// Cases that are computed at the same time, each in a process of its own.
  public var slots = 1
  /// How claims are kept alive and taken over.
  public var lease = LeaseTiming()
  /// How long a case may go without progress, at the least; a case whose evaluations take longer gets ten times that.
  public var stallTimeout = Duration.seconds(120)
  /// Whether it computes; else it only takes files in.
  public var computes = true
  /// Most jobs to compute.
  public var maximumJobs: Int?
  /// Computes only the jobs of this part, for engines that share work out by numbers.
  public var part: JobPart?
  /// A word of the operator's in the worker's name; empty for none.
  public private(set) var label = ""
  /// Claims nothing any more after this time.
  public var maximumRuntime: Duration?
  /// Stops at the first job that is given up.
  public var failFast = false
  /// While this file exists nothing is claimed.
  public var pauseFile: URL?
  /// Bytes that stay free on the disk: nothing is claimed with less.
  public var minimumFreeSpace = 64 << 20
  /// Whether jobs that are not most urgent (priority 0) may be claimed now.
  public var mayClaimOrdinary: @Sendable () -> Bool = { true }

  /// Where /proc and /sys lie; tests have others.
  var kernelFiles = URL(fileURLWithPath: "/")

  /// The options as they stand above.
  public init() {}

  /// Gives the worker a word to be known by; false, and nothing is changed, for anything but 1 to 32 ASCII letters, digits
  /// and underscores.
  public mutating func name(_ label: String) -> Bool {
    guard WorkerName.isLabel(label) else { return false }
    self.label = label
    return true
  }
}

/// One of `count` parts that all jobs fall into by their ids, the same on every machine and at every time.
public struct JobPart: Sendable, Equatable {
  /// Which one, 0..<count.
  public let index: Int
  /// How many there are.
  public let count: Int

  /// A part; nil where the index is not below the count.
  public init?(index: Int, count: Int) {
    guard count > 0, (0..<count).contains(index) else { return nil }
    (self.index, self.count) = (index, count)
  }

  /// Whether a job falls into it; ids are digests, so the parts are about equal.
  public func holds(_ job: JobID) -> Bool { (UInt64(job.description, radix: 16) ?? 0) % UInt64(count) == UInt64(index) }
}

/// What happens in a worker, for whoever logs or shows it.
///
/// Jobs are named by their ids, never by files.
public enum QueueEvent: Sendable {
  /// A file became a job.
  case submitted(JobID, known: JobState?)
  /// A file was refused.
  case refused(Failure)
  /// A file is not whole yet.
  case waiting(String)
  /// An attempt began.
  case started(JobID, attempt: Int)
  /// Network evaluations done, of how many.
  case progress(JobID, done: Int, of: Int)
  /// A result was committed, so many seconds after its claim.
  case committed(JobID, seconds: Double)
  /// An attempt failed; the state says what happens to the job.
  case failed(JobID, Failure, JobState)
  /// A claim of a worker that gave no sign of life was taken over.
  case takenOver(JobID, JobState)
  /// This worker's claim was taken over by another.
  case lost(JobID)
  /// Claiming was paused or goes on, with the reason.
  case paused(String)
  /// Outside the hours for ordinary jobs, only urgent ones are claimed.
  case resting
  /// Claiming goes on.
  case resumed
  /// The disk or the network fails; it is tried again.
  case trouble(String)
}

/// What a worker did.
public struct RunnerSummary: Sendable {
  /// Jobs whose results this worker committed.
  public var committed: [JobID] = []
  /// Jobs that this worker gave up, with the last failure.
  public var quarantined: [(job: JobID, failure: Failure)] = []
  /// How many results this worker committed, also where they are not listed because it never ends.
  public var committedCount = 0
  /// How many jobs and files this worker gave up or refused, likewise.
  public var failedCount = 0
  /// Files that were not looked at before the end.
  public var unseen = 0
  /// Files and what became of them, in the order of the replies.
  public var replies: [(request: IntakeRequest, reply: IntakeReply)] = []
  /// Why nothing was claimed at the end, where the disk was the reason.
  public var outOfSpace: String?
  /// The signal or limit that ended the work early.
  public var stoppedEarly = false
}

/// Where files come from that are to become jobs.
public protocol DropSource: AnyObject {
  /// Files that are complete now; called again after `interval`, or when `hint` becomes readable.
  func look() throws -> [IntakeRequest]
  /// What went wrong with single files since the last call, and is tried again.
  func takeTroubles() -> [any Error]
  /// What became of one of them.
  func hear(_ reply: IntakeReply, about request: IntakeRequest)
  /// Files that were seen and are not complete yet, or not answered.
  var pending: Int { get }
  /// Time between two looks.
  var interval: Duration { get }
  /// A descriptor that becomes readable when it is worth looking at once; -1 for none.
  var hint: Int32 { get }
}

extension DropSource {
  /// Nothing.
  public func takeTroubles() -> [any Error] { [] }
}
