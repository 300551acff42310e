public import BatchQueue
public import Configuration
import Diffusion
public import Foundation
import Models
public import Pipeline
import Provenance
public import Reports
import Transforms
import Volumes

/// What is to be done in a job: `work.json` beside the queue's own record.
///
/// A job carries its whole workflow, so that it means the same wherever and whenever it is computed, and names its model
/// by the digest of the file.
public struct CaseWork: Codable, Sendable, Equatable {
  /// The format's name and version.
  public var schema: String
  /// How the scan is treated, overrides applied.
  public var workflow: Workflow
  /// SHA-256 of the model file.
  public var modelSha256: String
  /// The input's ending, such as `.nii.gz`.
  public var inputEnding: String

  /// The format that this version writes.
  public static let currentSchema = "pellucid-work/1"

  init(workflow: Workflow, modelSha256: String, inputEnding: String) {
    schema = Self.currentSchema
    self.workflow = workflow
    self.modelSha256 = modelSha256
    self.inputEnding = inputEnding
  }

  /// What the job of a spool does; throws `QueueError.damaged`, or `FileError` where the disk fails.
  public init(of job: JobID, in spool: Spool) throws {
    guard let data = try spool.work(of: job), let work = try? JSONDecoder().decode(CaseWork.self, from: data),
      work.schema == Self.currentSchema
    else { throw QueueError(.damaged, "work.json of \(job) is missing, damaged or of another version of pellucid") }
    self = work
  }

  /// Results are compressed NIfTI, and PNG for PNG.
  public var outputName: String { inputEnding == ".png" ? "output.png" : "output.nii.gz" }

  /// The name of the sidecar beside the output.
  static let sidecarName = "sidecar.json"

  /// The name that the input has in every record: none of the user's.
  public var inputName: String { "input" + inputEnding }

  /// The run that does the work.
  public func request(
    input: URL, in folder: URL, model: RestorationModel, viewer: Viewer = .off, attempt: Int = 1,
    failures: [Failure] = []
  ) throws -> RunRequest {
    if let task = workflow.task, task.rawValue != model.card.task.rawValue {
      throw ConfigurationError(
        .value, file: "\(workflow.name).yaml",
        "the workflow is to \(task.rawValue), its model \(model.card.name) does \(model.card.task.rawValue)")
    }
    let options = SamplingOptions(
      sampler: try Sampler(parsing: workflow.sampler), steps: workflow.steps, seed: workflow.seed,
      samples: workflow.samples, noiseField: NoiseField.Sharing(rawValue: workflow.noiseField.rawValue) ?? .shared,
      plane: SlicingPlane.Choice(rawValue: (workflow.plane ?? .auto).rawValue) ?? .auto,
      tile: workflow.tile,
      sliceDetail: SliceDetail.Choice(rawValue: (workflow.sliceDetail ?? .predicted).rawValue) ?? .predicted,
      sliceFactor: workflow.sliceFactor ?? 2, clampData: workflow.clamp)
    let dataType: VolumeWriteOptions.DataTypeChoice =
      switch workflow.dtype {
      case .input: .input
      case .float32: .float32
      case .int16: .int16
      }
    var request = RunRequest(
      input: input, output: folder.appendingPathComponent(outputName), model: model, options: options,
      dataType: dataType, ifExists: .fail, memoryLimit: workflow.memory, report: workflow.report,
      viewer: workflow.report && workflow.viewer ? viewer : .off,
      thumbnail: workflow.report ? folder.appendingPathComponent("thumbnail.png") : nil, force: workflow.force,
      command: command)
    request.reportName = "report.html"
    request.attempt = AttemptRecord(number: attempt, earlierFailures: failures.map(\.kind.rawValue))
    return request
  }

  /// The command that repeats the work on the input, wherever that lies.
  private var command: String {
    // Of a path its last name: folders may be named after people.
    let model = workflow.model.split(separator: "/").last.map(String.init) ?? workflow.model
    var words = ["pellucid", "run", inputName, "-o", outputName, "--model", model]
    words += ["--sampler", workflow.sampler]
    if let steps = workflow.steps { words += ["--steps", String(steps)] }
    words += ["--seed", String(workflow.seed)]
    if workflow.samples > 1 { words += ["--samples", String(workflow.samples)] }
    if workflow.noiseField != .shared { words += ["--noise-field", workflow.noiseField.rawValue] }
    if let plane = workflow.plane, plane != .auto { words += ["--plane", plane.rawValue] }
    if let tile = workflow.tile { words += ["--tile", String(tile)] }
    if let detail = workflow.sliceDetail, detail != .predicted { words += ["--slice-detail", detail.rawValue] }
    if let factor = workflow.sliceFactor { words += ["--slice-factor", String(factor)] }
    if let clamp = workflow.clamp { words.append(clamp ? "--clamp" : "--no-clamp") }
    if workflow.dtype != .input { words += ["--dtype", workflow.dtype.rawValue] }
    if workflow.force { words.append("--force") }
    return words.joined(separator: " ")
  }
}
