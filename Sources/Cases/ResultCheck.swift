public import BatchQueue

/// What checking one result came to.
public struct ResultCheck: Encodable, Sendable, Equatable {
  /// What computing a result again came to.
  public enum Rerun: String, Encodable, Sendable {
    /// The same voxels, bit by bit.
    case identical
    /// Other voxels, by the same instruction set and BLAS core.
    case different
    /// Other voxels, on a machine from which the same bits are not promised.
    case differentMachine = "different on another machine"
    /// It could not be computed.
    case failed
    /// An input was not found.
    case inputMissing = "input missing"
    /// The model was not found.
    case modelMissing = "model missing"
    /// The result is of a version of this program that computed other numbers.
    case otherVersion = "another version"

    /// Whether the result was computed again at all.
    public var wasMade: Bool {
      self == .identical || self == .different || self == .differentMachine || self == .failed
    }
  }

  /// The job that the result is of; of a damaged manifest as its name says, nil where that says nothing.
  public var job: JobID?
  /// True when nothing is wrong; a rerun that could not be made is not wrong.
  public var ok: Bool { problems.isEmpty }
  /// Files that were hashed.
  public var checked = 0
  /// What is wrong, one line each.
  public var problems: [String] = []
  /// What is worth knowing and not wrong.
  public var remarks: [String] = []
  /// What computing it again came to, where that was asked for.
  public var rerun: Rerun?

  init(job: JobID?) { self.job = job }

  private enum CodingKeys: CodingKey { case job, ok, checked, problems, remarks, rerun }

  /// Writes `ok` with the rest.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(job, forKey: .job)
    try container.encode(ok, forKey: .ok)
    try container.encode(checked, forKey: .checked)
    try container.encode(problems, forKey: .problems)
    try container.encode(remarks, forKey: .remarks)
    try container.encodeIfPresent(rerun, forKey: .rerun)
  }
}
