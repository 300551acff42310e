/// What a transform refuses: one line saying what is wrong and what to do.
public struct TransformError: Error, Equatable, CustomStringConvertible {
  /// The class of the problem; the command line maps it to an exit code.
  public enum Kind: Sendable, Equatable {
    /// The voxels cannot be mapped: constant, or of a type without a full range.
    case unsuitableData
    /// The rule itself makes no sense, such as a window whose ends are swapped.
    case invalidRule
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
