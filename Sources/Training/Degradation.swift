public import Models
public import Volumes

/// A way of making a scan worse, with its strength: what a restoring network is trained to undo.
///
/// The result depends on the volume, the parameters and the seed alone, not on the number of threads.
public enum Degradation: Sendable, Equatable {
  /// A CT scan at a fraction of its dose.
  case lowDoseCT(LowDoseCT)
  /// An MR magnitude image with noise in both channels of its receiver.
  case rician(RicianNoise)
  /// Thick slices: averages over a slice profile.
  case thickSlices(ThickSlices)

  /// The degraded volume.
  ///
  /// Throws `TrainingError` when the volume does not suit the degradation.
  public func apply(to volume: Volume, seed: UInt64) throws -> Volume {
    switch self {
    case .lowDoseCT(let lowDose): try lowDose.apply(to: volume, seed: seed)
    case .rician(let rician): try rician.apply(to: volume, seed: seed)
    case .thickSlices(let thick): try thick.apply(to: volume)
    }
  }
}

/// The names by which files and the command line call the degradations.
public enum DegradationKind: String, Sendable, CaseIterable {
  case lowDoseCT = "low-dose-ct"
  case rician
  case thickSlices = "thick-slices"
}

extension Degradation {
  /// The kind.
  public var kind: DegradationKind {
    switch self {
    case .lowDoseCT: .lowDoseCT
    case .rician: .rician
    case .thickSlices: .thickSlices
    }
  }

  /// The strength: dose, noise level or factor.
  public var level: Double {
    switch self {
    case .lowDoseCT(let lowDose): lowDose.dose
    case .rician(let rician): rician.sigma
    case .thickSlices(let thick): Double(thick.factor)
    }
  }

  /// What else defines it, by name.
  public var parameters: [String: Double] {
    switch self {
    case .lowDoseCT(let lowDose): lowDose.parameters
    case .rician, .thickSlices: [:]
    }
  }

  /// The degradation that a model's card describes, at one of its strengths (or any other that makes sense).
  public init(_ record: DegradationRecord, level: Double) throws {
    guard let kind = DegradationKind(rawValue: record.kind) else {
      let known = DegradationKind.allCases.map(\.rawValue).joined(separator: ", ")
      throw TrainingError(.data, "unknown degradation \"\(record.kind)\": this version knows \(known)")
    }
    switch kind {
    case .lowDoseCT: self = .lowDoseCT(try LowDoseCT(dose: level, parameters: record.parameters))
    case .rician:
      try Self.refuse(record.parameters, knownBy: kind)
      self = .rician(try RicianNoise(sigma: level))
    case .thickSlices:
      try Self.refuse(record.parameters, knownBy: kind)
      guard let factor = Int(exactly: level) else {
        throw TrainingError(.parameter, "thick slices need a whole factor, not \(level)")
      }
      self = .thickSlices(try ThickSlices(factor: factor))
    }
  }

  private static func refuse(_ parameters: [String: Double], knownBy kind: DegradationKind) throws {
    guard let name = parameters.keys.sorted().first else { return }
    throw TrainingError(.data, "\(kind.rawValue) has no parameter \"\(name)\": remove it")
  }

  /// What a model's card says about this degradation at the given strengths, weakest degradation first.
  public func record(levels: [Double]) -> DegradationRecord {
    DegradationRecord(kind: kind.rawValue, levels: levels, parameters: parameters)
  }
}
