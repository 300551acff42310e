public import DurableFiles
public import Foundation

/// What the queue asks of a server process: one line of JSON each, one request at a time.
public enum ServerRequest: Codable, Sendable {
  /// Judge a file, copy it into the spool and submit its job.
  case intake(IntakeRequest)
  /// Compute a job into the folder of its attempt.
  case compute(ComputeRequest)
}

/// A file that is to become a job.
public struct IntakeRequest: Codable, Sendable, Equatable {
  /// The folder below which the file lies, as a path.
  public var folder: String
  /// The file, below that folder.
  public var path: RelativePath
  /// What the file system said of it when it was found to be complete; nil where nobody watched.
  public var signature: FileSignature?
  /// Whether somebody said that it is complete, so that a file that is not is wrong and not early.
  public var announced: Bool
  /// What is to be done with it, in the server's own terms; nil to choose by the file.
  public var instructions: Data?
  /// Whether the first folder on its path may say what is to be done.
  public var choosesByFolder: Bool
  /// A file of options beside it, below the same folder.
  public var options: RelativePath?
  /// The place in the queue.
  public var sequence: Int
  /// The urgency that the caller asks for; nil for the workflow's.
  public var priority: Int?

  /// A request from its parts.
  public init(
    folder: String, path: RelativePath, signature: FileSignature? = nil, announced: Bool = true,
    instructions: Data? = nil,
    choosesByFolder: Bool = false, options: RelativePath? = nil, sequence: Int = 0, priority: Int? = nil
  ) {
    self.folder = folder
    self.path = path
    self.signature = signature
    self.announced = announced
    self.instructions = instructions
    self.choosesByFolder = choosesByFolder
    self.options = options
    self.sequence = sequence
    self.priority = priority
  }
}

/// A job that is to be computed.
public struct ComputeRequest: Codable, Sendable, Equatable {
  /// The job.
  public var job: JobID
  /// Which attempt.
  public var attempt: Int
  /// Where the attempt writes, with its manifest under `ResultsTree.manifestName`, everything flushed.
  public var staging: String
  /// What went wrong before.
  public var earlierFailures: [Failure]
  /// Whether an earlier attempt was killed or stalled, and this one should take less memory.
  public var smaller: Bool { earlierFailures.contains(where: \.asksForLess) }
}

/// What a server process says: one line of JSON each.
public enum ServerEvent: Codable, Sendable, Equatable {
  /// It stands, and listens: from now on its end is the fault of what it works on.
  case ready
  /// It is still at work: so many network evaluations done, of how many (0 where that is not known yet).
  case progress(done: Int, of: Int)
  /// An intake request came to its end.
  case intake(IntakeReply)
  /// The attempt's files are complete.
  case computed
  /// The attempt failed.
  case failed(Failure)
}

/// What became of a file that was to become a job.
public enum IntakeReply: Codable, Sendable, Equatable {
  /// Its job is in the queue, or was there already in the given state.
  case job(JobID, known: JobState?)
  /// It is not whole yet.
  case incomplete(String)
  /// It is gone, or another than it was.
  case changed
  /// It could not be taken now, and may be later: the disk is full, or fails.
  case later(Failure)
  /// It will not become a job.
  case refused(Failure)
}
