/// What can go wrong with a degradation or a training run.
public struct TrainingError: Error, Equatable, CustomStringConvertible {
  /// The class of the error; the executable maps it to an exit code.
  public enum Kind: Sendable, Equatable {
    /// Data from outside does not fit (65).
    case data
    /// A parameter given on the command line is out of range (64).
    case parameter
    /// A checkpoint is damaged or belongs to another configuration (65).
    case checkpoint
    /// The output folder holds another run (73).
    case outputExists
  }
  /// The class of the error.
  public let kind: Kind
  /// One line: what is wrong, and what to do.
  public let description: String

  /// An error from its class and its line.
  public init(_ kind: Kind, _ description: String) {
    self.kind = kind
    self.description = description
  }
}
