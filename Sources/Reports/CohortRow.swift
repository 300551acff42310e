import Foundation
public import Provenance

/// One case of a results folder: a line of `cohort.tsv` and of the cohort page.
///
/// Only what may be published with the results: no input's file name but what a BIDS
/// derivative is called after, no path of the machine, no free text but raters' notes.
public struct CohortRow: Sendable, Equatable {
  /// How the case stands.
  public enum State: String, Sendable, Equatable, CaseIterable {
    /// A committed result.
    case done
    /// It was tried and failed.
    case failed
    /// It was set aside for a person to look at.
    case quarantined
  }
  /// The case's name: 16 hexadecimal digits.
  public var caseID: String
  /// How it stands.
  public var state: State
  /// Why it is not done, as a code without free text, such as `E-TRUNCATED` or `exit-65`.
  public var reason: String?
  /// Name and version of the model.
  public var model: String?
  /// The sampler.
  public var sampler: String?
  /// Codes of the remarks on the case, such as `W-ENVELOPE`.
  public var remarks: [String]
  /// Figures by the names that manifests use.
  public var metrics: [String: Double]
  /// Unit of the figures about voxel values: `HU` or `a.u.`; nil where it was not recorded.
  public var unit: String?
  /// Seconds from start to end.
  public var seconds: Double?
  /// The case's page, relative to the results folder.
  public var page: String?
  /// A small picture of the case, relative to the results folder.
  public var thumbnail: String?

  /// The result's image, relative to the results folder: its BIDS names where it has any, else where the case lies.
  var images: [String] = []
  /// What people thought of it, in order of time; the last word counts.
  var ratings: [CaseRating] = []

  /// A row from its parts.
  public init(
    caseID: String, state: State, reason: String? = nil, model: String? = nil, sampler: String? = nil,
    remarks: [String] = [], metrics: [String: Double] = [:], unit: String? = nil, seconds: Double? = nil,
    page: String? = nil,
    thumbnail: String? = nil
  ) {
    self.caseID = caseID
    self.state = state
    self.reason = reason
    self.model = model
    self.sampler = sampler
    self.remarks = remarks
    self.metrics = metrics
    self.unit = unit
    self.seconds = seconds
    self.page = page
    self.thumbnail = thumbnail
  }

  /// A row from a case's manifest; page and thumbnail are relative to the results folder.
  public init(_ manifest: Manifest, caseID: String, page: String? = nil, thumbnail: String? = nil) {
    var sampler: String?
    if case .text(let text) = manifest.parameters["sampler"] { sampler = text }
    let steps = manifest.durations
    self.init(
      caseID: caseID, state: .done, model: "\(manifest.model.name) \(manifest.model.version)",
      sampler: sampler, remarks: Self.codes(manifest.qc.flags), metrics: manifest.qc.metrics,
      unit: manifest.qc.unit, seconds: steps.read + steps.plan + steps.infer + steps.write + steps.verify, page: page,
      thumbnail: thumbnail)
  }

  /// `W-SHEAR: the axes are …` → `W-SHEAR`, each once and in order.
  private static func codes(_ flags: [String]) -> [String] {
    Set(flags.map { String($0.prefix { $0.isASCII && ($0.isUppercase || $0.isNumber || $0 == "-") }) }).sorted()
      .filter { !$0.isEmpty }
  }
}
