/// What the pipeline refuses: one line saying what is wrong and what to do.
public struct PipelineError: Error, Equatable, CustomStringConvertible {
  /// The class of the problem; the command line maps it to an exit code.
  public enum Kind: Sendable, Equatable {
    /// Options that do not go together.
    case usage
    /// An input that cannot be restored, or not by this model.
    case unsuitableInput
    /// Something that must stay stands where the output should go.
    case outputExists
    /// The output's folder does not exist or cannot take it.
    case cannotCreate
    /// Not enough room for the outputs.
    case noSpace
    /// The work does not fit the memory bound.
    case notEnoughMemory
    /// An output read back differs from what was written.
    case outputDamaged
    /// A model that is not the one that was meant.
    case unsuitableModel
    /// A model that gives voxels that are no numbers.
    case brokenModel
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
