/// What the queue refuses: one line saying what is wrong and what to do.
public struct QueueError: Error, Equatable, CustomStringConvertible {
  /// The class of the problem; the command line maps it to an exit code.
  public enum Kind: Sendable, Equatable {
    /// Options that do not go together.
    case usage
    /// A folder that is no inbox or spool, or whose disk is not mounted.
    case missing
    /// A job that is not in the spool.
    case unknownJob
    /// A file of the spool that is damaged or of another version.
    case damaged
    /// Spool and results cannot work together.
    case unsuitable
    /// The job was taken over by another worker.
    case leaseLost
    /// A file that fits on no such disk.
    case tooLarge
    /// Not enough room on the disk.
    case noSpace
  }
  /// The class of the problem.
  public let kind: Kind
  /// What is wrong and what to do, for people.
  public let description: String

  /// An error from its parts.
  public init(_ kind: Kind, _ description: String) {
    self.kind = kind
    self.description = description
  }
}
