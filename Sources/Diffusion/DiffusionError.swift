/// Why a schedule, a label set or a sampler cannot be made as asked.
public struct DiffusionError: Error, Equatable, CustomStringConvertible {
  /// What kind of refusal it is.
  public enum Kind: Sendable, Equatable {
    /// No schedule, label set or sampler has that name.
    case unknownName
    /// A parameter lies outside what the method allows.
    case parameterOutOfRange
    /// That number of steps does not exist for the labels that the model was trained on.
    case stepsNotAvailable
    /// The plan would ask the model about a label that it has never seen.
    case untrainedLabel
    /// The plan would take a PFDiff slope where the model cannot tell noise from texture (ALGORITHMS 4.7).
    case slopeAtLabelZero
  }
  /// What kind of refusal it is.
  public let kind: Kind
  /// One line: what is wrong and what to do.
  public let description: String

  init(_ kind: Kind, _ description: String) {
    self.kind = kind
    self.description = description
  }
}
