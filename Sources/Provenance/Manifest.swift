/// How one result was made: the record that is written last, beside the outputs that it names.
///
/// A result without its manifest is not a result. Names are base names only, no absolute path, host or user. Other
/// forms of the same facts (BIDS sidecar, PROV, RO-Crate) are functions of this one.
public struct Manifest: Codable, Sendable, Equatable {
  /// Whether the outputs may be relied on.
  public enum Status: String, Codable, Sendable {
    /// Every output was written whole and read back.
    case committed
  }

  /// The format's name and version.
  public var schema: String
  /// A random UUID (version 4) of this run.
  public var id: String
  /// What was asked for, as a digest: equal keys mean equal results.
  public var jobKey: String
  /// Always `committed`: what fails leaves no manifest.
  public var status: Status
  /// Start, UTC with milliseconds.
  public var startedAt: String
  /// End, UTC with milliseconds.
  public var endedAt: String
  /// Seconds spent in each step.
  public var durations: Durations
  /// The program.
  public var software: SoftwareRecord
  /// The weights.
  public var model: ModelRecord
  /// Everything that the result depends on besides inputs and weights, by name.
  public var parameters: [String: ParameterValue]
  /// SHA-256 of the canonical JSON of `parameters`.
  public var parametersSha256: String
  /// Where random numbers came from.
  public var rng: RandomRecord
  /// What was read.
  public var inputs: [FileRecord]
  /// What was written.
  public var outputs: [FileRecord]
  /// Numbers and remarks on the result.
  public var qc: QualityControl
  /// The machine, without its name.
  public var environment: EnvironmentRecord
  /// What every reader must know about the result.
  public var marking: Marking
  /// What was left out of this record and of the outputs.
  public var privacy: PrivacyRecord
  /// Which attempt of a queued job made it; nil for a run of its own.
  public var attempt: AttemptRecord?

  /// The format that this version writes.
  public static let currentSchema = "pellucid-manifest/1"

  /// A manifest from its parts; digests that follow from the parts are computed here.
  public init(
    id: String, startedAt: String, endedAt: String, durations: Durations,
    software: SoftwareRecord, model: ModelRecord, parameters: [String: ParameterValue], rng: RandomRecord,
    inputs: [FileRecord], outputs: [FileRecord], qc: QualityControl, environment: EnvironmentRecord, marking: Marking,
    privacy: PrivacyRecord = PrivacyRecord(), attempt: AttemptRecord? = nil
  ) throws {
    schema = Self.currentSchema
    self.id = id
    status = .committed
    self.startedAt = startedAt
    self.endedAt = endedAt
    self.durations = durations
    self.software = software
    self.model = model
    self.parameters = parameters
    parametersSha256 = try CanonicalJSON.digest(of: parameters)
    self.rng = rng
    self.inputs = inputs
    self.outputs = outputs
    self.qc = qc
    self.environment = environment
    self.marking = marking
    self.privacy = privacy
    self.attempt = attempt
    jobKey = try Self.jobKey(
      inputs: inputs.map(\.sha256), weightsSha256: model.weightsSha256, parameters: parameters,
      numericVersion: software.numericVersion)
  }

  /// How often a slice went through the network, all samples and planes together.
  ///
  /// nil where the parameters do not say.
  public var evaluationsPerSlice: Int? {
    func integer(_ name: String) -> Int? {
      guard case .integer(let value)? = parameters[name] else { return nil }
      return Int(exactly: value)
    }
    guard let each = integer("evaluations") else { return nil }
    let planes = qc.slicing?.plane == "all" ? 3 : 1
    // A record that was tampered with may say anything.
    let (count, overflow) = each.multipliedReportingOverflow(by: integer("samples") ?? 1)
    let (all, more) = count.multipliedReportingOverflow(by: planes)
    return overflow || more ? nil : all
  }

  /// The key of a job: a digest of what its result depends on.
  ///
  /// Clocks, names and machines are not part of it; `inputs` are the SHA-256 of the files' bytes, in order.
  public static func jobKey(
    inputs: [String], weightsSha256: String, parameters: [String: ParameterValue], numericVersion: Int
  ) throws -> String {
    try CanonicalJSON.digest(
      of: JobIdentity(
        inputs: inputs, weights: weightsSha256, parameters: parameters, numericVersion: numericVersion))
  }

  private struct JobIdentity: Encodable {
    let inputs: [String]
    let weights: String
    let parameters: [String: ParameterValue]
    let numericVersion: Int
  }
}

/// A value of a run's parameters.
public enum ParameterValue: Codable, Sendable {
  case text(String)
  case integer(UInt64)
  case number(Double)
  case flag(Bool)
  case list([ParameterValue])

  /// Reads the first form that fits.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let value = try? container.decode(Bool.self) {
      self = .flag(value)
    } else if let value = try? container.decode(UInt64.self) {
      self = .integer(value)
    } else if let value = try? container.decode(Double.self) {
      self = .number(value)
    } else if let value = try? container.decode(String.self) {
      self = .text(value)
    } else {
      self = .list(try container.decode([ParameterValue].self))
    }
  }

  /// Writes the bare value.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .text(let value): try container.encode(value)
    case .integer(let value): try container.encode(value)
    case .number(let value): try container.encode(value)
    case .flag(let value): try container.encode(value)
    case .list(let value): try container.encode(value)
    }
  }
}

extension ParameterValue: Equatable {
  /// Equal as JSON: 1 and 1.0 are the same number.
  public static func == (a: ParameterValue, b: ParameterValue) -> Bool {
    switch (a, b) {
    case (.text(let x), .text(let y)): x == y
    case (.integer(let x), .integer(let y)): x == y
    case (.number(let x), .number(let y)): x == y
    case (.integer(let x), .number(let y)), (.number(let y), .integer(let x)): Double(x) == y
    case (.flag(let x), .flag(let y)): x == y
    case (.list(let x), .list(let y)): x == y
    default: false
    }
  }
}
