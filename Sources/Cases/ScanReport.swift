public import Configuration
import DurableFiles
public import Foundation
public import Models
import Pipeline
import Volumes

/// What one file is, what may be wrong with it, and who could restore it: `pellucid inspect`.
///
/// Free text of the file is never in it, only the names of the fields that hold some.
public struct ScanReport: Encodable, Sendable {
  /// The file as the caller named it.
  public var file: String
  /// True when it is whole, sound, and can be restored by some model.
  public var ok: Bool { problem == nil }
  /// Why not.
  public var problem: String?
  /// What it is; nil if it could not be read.
  public var scan: Scan?
  /// Models that were found, and whether they are meant for it.
  public var models: [Fitness] = []
  /// Workflows that were found, and whether they are meant for it.
  public var workflows: [Fitness] = []

  /// A report on a file of which nothing is known yet.
  public init(file: String) { self.file = file }

  /// What a file that could be read is.
  public struct Scan: Encodable, Sendable {
    /// The container.
    public var format: String
    /// Size of its files in bytes.
    public var bytes: Int
    /// What was checked.
    public var integrity: String
    /// Columns, rows, slices, frames.
    public var dimensions: [Int]
    /// Voxel size in mm along columns, rows, slices.
    public var spacing: [Double]
    /// Voxel indices to mm: three rows of four.
    public var affine: [[Double]]
    /// Which way columns, rows and slices run, such as `RAS`; nil for a PNG.
    public var orientation: String?
    /// What the qform refers to, in NIfTI's numbers.
    public var qformCode: Int?
    /// What the sform refers to.
    public var sformCode: Int?
    /// How voxels are stored.
    public var dataType: String
    /// Stored value to voxel value: factor.
    public var slope: Double
    /// Stored value to voxel value: offset.
    public var intercept: Double
    /// The smallest voxel value; nil if none is a number.
    public var minimum: Double?
    /// The largest voxel value.
    public var maximum: Double?
    /// The mean voxel value.
    public var mean: Double?
    /// Voxel values by percentage, such as `p50` for the median.
    public var percentiles: [String: Double]
    /// Voxels that are NaN or infinite.
    public var nonFinite: Int
    /// Remarks.
    public var warnings: [String]
    /// Names of what holds free text that may identify somebody.
    public var textFields: [String]
  }

  /// Whether a model, or a workflow with its model, is meant for a file.
  public struct Fitness: Encodable, Sendable {
    /// Its name.
    public var name: String
    /// Whether it would restore the file without being forced.
    public var fits: Bool
    /// For a workflow: whether it is taken for the file when nobody names one.
    public var matches: Bool?
    /// What speaks against it.
    public var reasons: [String]
  }

  private enum CodingKeys: CodingKey { case file, ok, problem, scan, models, workflows }

  /// Writes `ok` with the rest.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(file, forKey: .file)
    try container.encode(ok, forKey: .ok)
    try container.encodeIfPresent(problem, forKey: .problem)
    try container.encodeIfPresent(scan, forKey: .scan)
    try container.encode(models, forKey: .models)
    try container.encode(workflows, forKey: .workflows)
  }
}

/// Looks at files, in memory that does not depend on them.
public final class ScanInspector {
  private let library: WorkflowLibrary
  private let models: ModelLocator
  private var cards: [String: Result<ModelCard, any Error>] = [:]

  /// An inspector that knows these workflows and models.
  public init(library: WorkflowLibrary, models: ModelLocator) {
    self.library = library
    self.models = models
  }

  /// The percentages of which percentiles are given.
  private static let percentages = [1, 5, 25, 50, 75, 95, 99]

  /// Reads a whole file; throws `FileError` and `VolumeError` for one that cannot be read.
  public func report(_ url: URL, named name: String) throws -> ScanReport {
    let inspection = try VolumeFile.inspect(url)
    let summary = inspection.summary
    var report = ScanReport(file: name)
    report.scan = try Self.scan(inspection, url)
    do { try InputCheck.checkVoxels(summary.voxels) } catch let error as PipelineError {
      report.problem = error.description
      return report
    }
    for model in models.available { report.models.append(fitness(summary, model.name, model.name)) }
    let format: Workflow.Format = summary.header.format == .png ? .png : .nifti
    for entry in library.available {
      guard let workflow = try? library.workflow(named: entry.name) else { continue }
      var fitness = fitness(summary, entry.name, workflow.model)
      fitness.matches = workflow.match?.covers(fileName: url.lastPathComponent, format: format) ?? false
      report.workflows.append(fitness)
    }
    return report
  }

  private func fitness(_ summary: VolumeSummary, _ name: String, _ model: String) -> ScanReport.Fitness {
    do {
      let check = try InputCheck(summary, for: card(model))
      return ScanReport.Fitness(name: name, fits: check.refusals.isEmpty, reasons: check.refusals + check.warnings)
    } catch {
      return ScanReport.Fitness(name: name, fits: false, reasons: ["\(error)"])
    }
  }

  /// The card of a model; weights are not read.
  private func card(_ model: String) throws -> ModelCard {
    if let known = cards[model] { return try known.get() }
    let card = Result { try ModelFile.readCard(models.locate(model)) }
    cards[model] = card
    return try card.get()
  }

  private static func scan(_ inspection: VolumeInspection, _ url: URL) throws -> ScanReport.Scan {
    let (summary, header) = (inspection.summary, inspection.summary.header)
    func number(_ value: Float) -> Double? { value.isFinite ? Double(value) : nil }
    let mean = summary.voxels.mean
    let percentiles = percentages.compactMap { percent in
      number(inspection.percentile(Double(percent))).map { ("p\(percent)", $0) }
    }
    return ScanReport.Scan(
      format: header.format.rawValue,
      bytes: try VolumeFile.existingFiles(of: url).reduce(0) { try $0 + RegularFile($1).byteCount },
      integrity: header.integrity, dimensions: summary.dimensions, spacing: summary.spacing,
      affine: summary.affine.rows,
      orientation: header.format == .png ? nil : Orientation(summary.affine).description,
      qformCode: header.formCodes?.qform, sformCode: header.formCodes?.sform, dataType: header.dataType.rawValue,
      slope: header.slope, intercept: header.intercept, minimum: number(summary.voxels.minimum),
      maximum: number(summary.voxels.maximum), mean: mean.isFinite ? mean : nil,
      percentiles: Dictionary(uniqueKeysWithValues: percentiles), nonFinite: summary.voxels.nonFiniteCount,
      warnings: header.warnings, textFields: inspection.textFields)
  }
}
