import Foundation

/// One piece of work, as the queue knows it: which bytes, how urgent, how often to try.
///
/// What the work is stands in `work`, which the queue carries and does not read. A job never changes once it is in the
/// spool.
public struct Job: Codable, Sendable, Equatable {
  /// A file that the job reads, copied into the spool under the digest of its content.
  public struct Input: Codable, Sendable, Equatable {
    /// What it is to the work, such as `image`.
    public var role: String
    /// SHA-256 of the bytes.
    public var sha256: String
    /// Size in bytes.
    public var bytes: Int
    /// Its name in the spool: the digest and an ending.
    public var name: String

    /// An input from its parts.
    public init(role: String, sha256: String, bytes: Int, name: String) {
      self.role = role
      self.sha256 = sha256
      self.bytes = bytes
      self.name = name
    }
  }

  /// The format's name and version.
  public var schema: String
  /// A digest of everything that the result depends on.
  public var key: String
  /// 0, most urgent, to 9.
  public var priority: Int
  /// The place in the queue among jobs of one priority; counted by whoever submits, not taken from a clock.
  public var sequence: Int
  /// How often the job is tried again after failures that may pass.
  public var retries: Int
  /// What it reads.
  public var inputs: [Input]

  /// The format that this version writes.
  public static let currentSchema = "pellucid-job/1"

  /// A job from its parts.
  public init(key: String, priority: Int, sequence: Int, retries: Int, inputs: [Input]) {
    schema = Self.currentSchema
    self.key = key
    self.priority = min(max(priority, 0), 9)
    self.sequence = sequence
    self.retries = retries
    self.inputs = inputs
  }

  /// Its name.
  public var id: JobID { JobID(key: key) }
}

/// The place of a job in the queue: the name of the one folder that stands for its state and moves as the state changes.
///
/// Names sort by urgency, then by sequence: `5-0000000042-0123456789abcdef.1`, and with the worker's name at the end
/// once it is claimed.
public struct Ticket: Hashable, Sendable, Comparable {
  /// 0, most urgent, to 9.
  public let priority: Int
  /// The place among jobs of one priority.
  public let sequence: Int
  /// The job.
  public let job: JobID
  /// Which attempt it is, or will be; 1 for the first.
  ///
  /// Raised each time the job is claimed anew.
  public let attempt: Int

  /// The first ticket of a job.
  init(_ job: Job, attempt: Int = 1) {
    self.init(priority: job.priority, sequence: job.sequence, job: job.id, attempt: attempt)
  }

  private init(priority: Int, sequence: Int, job: JobID, attempt: Int) {
    self.priority = priority
    self.sequence = sequence
    self.job = job
    self.attempt = attempt
  }

  /// A ticket from the name of its folder; nil for any other name.
  init?(_ name: some StringProtocol) {
    let parts = name.split(separator: "-", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3, parts[0].count == 1, let priority = Int(parts[0]), let sequence = Int(parts[1]) else {
      return nil
    }
    let rest = parts[2].split(separator: ".", omittingEmptySubsequences: false)
    guard rest.count == 2, let job = JobID(rest[0]), let attempt = Int(rest[1]), attempt > 0 else { return nil }
    guard (0...9).contains(priority), (0..<1 << 62).contains(sequence), attempt < 1 << 62 else { return nil }
    self.init(priority: priority, sequence: sequence, job: job, attempt: attempt)
    // Of the names that read the same, the one that is written: another folder could never be reached.
    guard self.name == String(name) else { return nil }
  }

  /// The name of its folder.
  var name: String {
    let digits = String(sequence)
    return "\(priority)-\(String(repeating: "0", count: max(0, 10 - digits.count)))\(digits)-\(job).\(attempt)"
  }

  /// The same ticket with another urgency.
  func of(priority: Int) -> Ticket { Ticket(priority: priority, sequence: sequence, job: job, attempt: attempt) }

  /// The ticket of the next attempt.
  var next: Ticket { Ticket(priority: priority, sequence: sequence, job: job, attempt: attempt + 1) }

  /// In the order in which jobs are taken.
  public static func < (a: Ticket, b: Ticket) -> Bool {
    (a.priority, a.sequence, a.job, a.attempt) < (b.priority, b.sequence, b.job, b.attempt)
  }
}
