public import Foundation
public import Models
public import Provenance
public import Reports
public import Volumes

/// A model as the pipeline uses it: what it says, what identifies it, and what computes.
public struct RestorationModel: Sendable {
  /// What the model says about itself.
  public let card: ModelCard
  /// SHA-256 of the model file.
  public let sha256: String
  /// Remarks made when the file was read.
  public let warnings: [String]
  /// Binds conditions to the network.
  public let makeDenoiser: DenoiserMaker

  /// A model that was read from a file.
  public init(_ model: PackedModel) {
    self.init(card: model.card, sha256: model.sha256, warnings: model.warnings) { conditions in
      ConditionedDenoiser(model, conditions: conditions)
    }
  }

  /// A model from its parts.
  public init(card: ModelCard, sha256: String, warnings: [String] = [], makeDenoiser: @escaping DenoiserMaker) {
    self.card = card
    self.sha256 = sha256
    self.warnings = warnings
    self.makeDenoiser = makeDenoiser
  }
}

/// What to do when something stands where the output should go.
public enum ExistingOutput: String, Sendable, CaseIterable {
  /// Refuse.
  case fail
  /// Leave it and count the job as done, whatever it is.
  case skip
  /// Put the new result in its place.
  case replace
  /// Leave it; where it is not the result of this very job, give the new one a number: `out.2.nii.gz`.
  case version
}

/// One volume to be restored: what, by which model, how, and where to.
public struct RunRequest: Sendable {
  /// The image.
  public var input: URL
  /// Where the result goes; manifest, report and standard deviation lie beside it.
  public var output: URL
  /// The model.
  public var model: RestorationModel
  /// How it is sampled; `givenNoise` is filled from `noise`.
  public var options: SamplingOptions
  /// A volume with the starting noise.
  public var noise: URL?
  /// How the result is stored.
  public var dataType: VolumeWriteOptions.DataTypeChoice
  /// What to do with an existing output; nil skips it when its manifest shows the same job and it verifies, and refuses
  /// otherwise.
  public var ifExists: ExistingOutput?
  /// The memory bound in bytes.
  public var memoryLimit: Int?
  /// Whether a report is made.
  public var report: Bool
  /// The interactive viewer inside the report.
  public var viewer: Viewer
  /// Where a small picture of the result goes, for lists of results; nil makes none.
  public var thumbnail: URL?
  /// Whether an input outside the model's envelope is restored all the same.
  public var force: Bool
  /// The command that repeats the run, with base names for paths.
  public var command: String
  /// Whether the record has the inputs' own names; without, they are called `input` and `noise`, for names of scans
  /// may name people.
  public var recordNames = false
  /// Name of the report; nil for one that begins as the output's does.
  public var reportName: String?
  /// Which attempt of a queued job it is.
  public var attempt: AttemptRecord?

  /// A request from its parts.
  public init(
    input: URL, output: URL, model: RestorationModel, options: SamplingOptions = SamplingOptions(), noise: URL? = nil,
    dataType: VolumeWriteOptions.DataTypeChoice = .input, ifExists: ExistingOutput? = nil, memoryLimit: Int? = nil,
    report: Bool = false, viewer: Viewer = .off, thumbnail: URL? = nil, force: Bool = false, command: String = ""
  ) {
    self.input = input
    self.output = output
    self.model = model
    self.options = options
    self.noise = noise
    self.dataType = dataType
    self.ifExists = ifExists
    self.memoryLimit = memoryLimit
    self.report = report
    self.viewer = viewer
    self.thumbnail = thumbnail
    self.force = force
    self.command = command
  }

  /// What an input is called in every record, by what it is: its role, such as `noise`, and its own ending.
  public static func recordedName(of url: URL, role: String) -> String {
    (role == "noise" ? "noise" : "input") + Manifest.ending(of: url)
  }

  /// Where the manifest goes.
  public var manifestURL: URL { Manifest.location(for: output) }
  /// Where the report goes.
  public var reportURL: URL {
    reportName.map { output.deletingLastPathComponent().appendingPathComponent($0) }
      ?? Manifest.sibling(of: output, ending: ".report.html")
  }
  /// What the result of this request depends on, as a digest, for input files with these SHA-256 digests.
  ///
  /// The same as the `jobKey` of its manifest; nothing is read. Throws `DiffusionError` for a sampler that does not suit
  /// the model.
  public func jobKey(inputs: [String]) throws -> String {
    try Manifest.jobKey(
      inputs: inputs, weightsSha256: model.sha256, parameters: PlannedJob.parameters(self, options),
      numericVersion: SoftwareRecord.pellucidNumericVersion)
  }
  /// Where the standard deviation over samples goes: a NIfTI, because it is no whole number.
  public var deviationURL: URL {
    let name = output.lastPathComponent
    let stem = Manifest.stem(of: output).lastPathComponent
    let ending = name.hasSuffix(".nii") ? ".nii" : ".nii.gz"
    return output.deletingLastPathComponent().appendingPathComponent("\(stem).sd\(ending)")
  }
  /// Every file that the run makes, the result first and the manifest last.
  public var outputs: [URL] {
    let besides =
      (options.samples > 1 ? [deviationURL] : []) + (report ? [reportURL] : []) + [thumbnail].compactMap(\.self)
    return VolumeFile.files(of: output) + besides + [manifestURL]
  }
}

/// What a run would do, without doing it: `pellucid run --dry-run`.
public struct RunPlan: Codable, Sendable, Equatable {
  /// Base name of the image.
  public var input: String
  /// Columns, rows, slices, frames.
  public var dimensions: [Int]
  /// The same of the result.
  public var outputDimensions: [Int]
  /// Which way it is cut into slices: `axial`, `coronal`, `sagittal`, `stored`, or `all` of the first three.
  public var plane: String
  /// Voxel size in mm along columns, rows, slices.
  public var spacing: [Double]
  /// How the input's voxels are stored.
  public var dataType: String
  /// Name and version of the model.
  public var model: String
  /// The sampler.
  public var sampler: String
  /// Labels at which the network is evaluated, in order, for one sample of one batch.
  public var labels: [Int]
  /// Samples per slice.
  public var samples: Int
  /// The seed.
  public var seed: UInt64
  /// Slices per batch.
  public var batch: Int
  /// Size of the largest image or tile that the network sees: columns, rows.
  public var networkSize: [Int]
  /// Network evaluations in all, each of one batch.
  public var evaluations: Int
  /// Pixels of all images or tiles of all evaluations.
  public var pixels: Int
  /// Predicted peak memory in bytes.
  public var predictedMemory: Int
  /// Base names of the files to be made.
  public var outputs: [String]
  /// The most bytes that the volumes to be written can take.
  public var outputBytes: Int
  /// Bytes of volumes that lie on the disk while they are worked on, because of the memory bound.
  public var scratchBytes: Int
  /// Remarks.
  public var warnings: [String]
  /// What the job's result depends on, as a digest.
  public var jobKey: String
  /// What becomes of the output: `new`, `skip` (what stands there is left), `replace`; nil where no place was looked at.
  ///
  /// An output that would be refused is no plan but an error.
  public var existing: Existing?

  /// What a run does where its output goes.
  public enum Existing: String, Codable, Sendable {
    /// Nothing stands there.
    case new
    /// What stands there is left as it is, and nothing is computed.
    case skip
    /// What stands there is replaced.
    case replace
  }
}

extension RunPlan {
  /// What a run would do with a volume of which only the summary is known; nothing is read, and no place is looked at.
  ///
  /// `inputs` are the SHA-256 of the volume's files. Throws what refuses the input, as a run does.
  public init(_ request: RunRequest, for volume: VolumeSummary, inputs: [String]) throws {
    self = try PlannedJob(request, volume, noise: nil, inputs: inputs).plan
  }
}
