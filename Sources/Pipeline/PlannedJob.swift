import CBuild
import Diffusion
import Foundation
import Models
public import Provenance
import TensorCore
import Transforms
import Volumes

/// A run whose input, model and options were found to fit, ready to be computed.
struct PlannedJob {
  let restorer: VolumeRestorer
  let plan: RunPlan
  let key: String
  /// Remarks on input and model, such as `W-ENVELOPE: …`.
  let flags: [String]
  /// Unit of the voxel values.
  let unit: String
  /// Which way the volume is cut.
  let plane: SlicingPlane
  private let request: RunRequest
  private let parameters: [String: ParameterValue]
  private let envelope: EnvelopeRecord

  init(_ request: RunRequest, _ input: RunInput) throws {
    try self.init(
      request, VolumeSummary(input.volume), noise: input.noise, inputs: input.records.map(\.sha256),
      remarks: {
        let card = request.model.card
        lazy var estimate = NoiseLevel.estimate(input.volume.voxels)
        return ObjectCheck(input.volume, for: card, noise: { estimate }).warnings
          + [try NoiseCheck(input.volume, for: card, noise: { estimate }).warning].compactMap(\.self)
      })
  }

  /// A job on a volume of which only the summary is known; `inputs` are the digests of its files and of the noise's,
  /// `remarks` what the voxels themselves have against them.
  init(
    _ request: RunRequest, _ volume: VolumeSummary, noise: Tensor?, inputs: [String],
    remarks: () throws -> [String] = { [] }
  ) throws {
    let card = request.model.card
    var options = request.options
    options.givenNoise = noise
    self.request = request

    // The cheapest refusals first: options, then task, then voxels.
    plane = SlicingPlane(
      options.plane, dimensions: volume.dimensions, affine: volume.affine, format: volume.header.format)
    let arranged = plane.arranged(volume.dimensions)
    let planes = try VolumeRestorer(card: card, options: options, batch: 1, makeDenoiser: request.model.makeDenoiser)
      .planes(volume.dimensions, volume.affine, volume.header.format)
    let check = try InputCheck(volume, for: card, cut: plane)
    guard card.task != .superResolve || arranged[2] > 1 else { throw VolumeRestorer.noGap }
    guard check.refusals.isEmpty || request.force else {
      throw PipelineError(
        .unsuitableInput,
        "model \(card.name) does not fit this input: \(check.refusals.joined(separator: "; ")); choose another model, or --force"
      )
    }
    let memory = try MemoryPlan(
      dimensions: volume.dimensions, cut: planes, card: card, samples: options.samples,
      sliceFactor: options.sliceFactor, tile: options.tile, noise: noise, limit: request.memoryLimit)
    restorer = try VolumeRestorer(
      card: card, options: options, batch: memory.batch, makeDenoiser: request.model.makeDenoiser)

    let remarks = try remarks()
    let warnings = check.warnings + remarks
    flags =
      volume.header.warnings + request.model.warnings.map { "W-MODEL: \($0)" }
      + warnings.map { "W-ENVELOPE: \($0)" } + check.refusals.map { "W-FORCED: \($0)" }
    envelope = EnvelopeRecord(inside: check.isInside && remarks.isEmpty, reasons: check.refusals + warnings)
    unit = Self.unit(of: card, volume.header.format)
    parameters = try Self.parameters(request, options)
    key = try Manifest.jobKey(
      inputs: inputs, weightsSha256: request.model.sha256, parameters: parameters,
      numericVersion: SoftwareRecord.pellucidNumericVersion)
    var made = volume.dimensions
    made[plane.axis] = restorer.outputSlices(of: arranged[2])
    let count = restorer.count(volume.dimensions, cut: planes)
    plan = RunPlan(
      input: request.input.lastPathComponent, dimensions: volume.dimensions,
      outputDimensions: made, plane: planes.count > 1 ? "all" : plane.name,
      spacing: volume.spacing, dataType: volume.header.dataType.rawValue, model: "\(card.name) \(card.version)",
      sampler: options.sampler.description, labels: restorer.plan.labels, samples: options.samples, seed: options.seed,
      batch: memory.batch, networkSize: memory.networkSize,
      evaluations: count.evaluations, pixels: count.pixels,
      predictedMemory: memory.predictedBytes, outputs: request.outputs.map(\.lastPathComponent),
      outputBytes: OutputSite.mostBytes(request, volume.header.dataType, voxels: made.reduce(1, *)),
      scratchBytes: memory.scratchBytes, warnings: flags,
      jobKey: key)
  }

  /// Unit of the voxel values: HU where the card's window is one of CT.
  ///
  /// All others are arbitrary: a PNG's grey levels, and what is scaled by percentiles or by a container's range.
  static func unit(of card: ModelCard, _ format: VolumeFileFormat) -> String {
    if case .window = card.intensity, card.envelope.modality == "CT", format != .png { return "HU" }
    return "a.u."
  }

  /// Everything that the result depends on besides inputs and weights.
  static func parameters(_ request: RunRequest, _ options: SamplingOptions) throws -> [String: ParameterValue] {
    let labels = try options.labels(for: request.model.card)
    let dataType =
      switch request.dataType {
      case .input: "input"
      case .type(let type): type.rawValue
      }
    var parameters: [String: ParameterValue] = [
      "task": .text(request.model.card.task.rawValue), "sampler": .text(options.sampler.description),
      "labelSet": .text(labels.name), "labels": .list(labels.labels.map { .integer(UInt64($0)) }),
      "evaluations": .integer(UInt64(try options.plan(for: request.model.card).nfe)),
      "seed": .integer(options.seed), "samples": .integer(UInt64(options.samples)),
      "noiseField": .text(options.givenNoise == nil ? options.noiseField.rawValue : "given"),
      "clamp": .flag(options.clamps(for: request.model.card)), "dataType": .text(dataType),
      "format": .text(Manifest.ending(of: request.output)),
    ]
    if let tile = options.tile { parameters["tile"] = .integer(UInt64(tile)) }
    if options.plane != .auto { parameters["plane"] = .text(options.plane.rawValue) }
    if options.sliceDetail != .predicted { parameters["sliceDetail"] = .text(options.sliceDetail.rawValue) }
    if request.model.card.task == .superResolve {
      parameters["sliceFactor"] = .integer(UInt64(options.sliceFactor))
    }
    if request.model.card.noiseLevel != nil {
      parameters["noiseLevel"] = options.noiseLevel.map(ParameterValue.number) ?? .text("estimated")
    }
    return parameters
  }

  /// The record of this job once its outputs stand.
  func manifest(
    input: RunInput, outputs: [FileRecord], metrics: [String: Double], flags: [String], _ clock: StepClock
  ) throws -> Manifest {
    let card = request.model.card
    return try Manifest(
      id: UUID().uuidString.lowercased(), startedAt: Timestamp.text(clock.startedAt),
      endedAt: Timestamp.text(Date()), durations: clock.durations, software: .pellucid,
      model: ModelRecord(
        name: card.name, version: card.version, cardSha256: try CanonicalJSON.digest(of: card),
        weightsSha256: request.model.sha256, licence: card.licence, trainedOn: card.training?.data ?? [],
        intendedUse: card.intendedUse),
      parameters: parameters,
      rng: RandomRecord(
        algorithm: "philox4x32-10, Box-Muller", seed: request.options.seed,
        keying: "(seed, sample, draw, plane, pixel)"),
      inputs: input.records, outputs: outputs,
      qc: QualityControl(
        metrics: metrics.filter { $0.value.isFinite }, unit: unit, flags: flags, envelope: envelope,
        slicing: SlicingRecord(plane: plan.plane, axis: plane.axis)),
      environment: .current(
        isa: ComputeBackend.instructionSet.rawValue, blasCore: ComputeBackend.blasCore, threads: Parallel.threadCount,
        memoryCap: request.memoryLimit),
      marking: Marking(synthetic: card.task != .denoise), attempt: request.attempt)
  }
}

extension SoftwareRecord {
  /// The program's version.
  public static let pellucidVersion = "0.1.0"
  /// The commit that was built, where the build was told.
  public static let pellucidCommit = cbuild_commit().map { String(cString: $0) }
  /// Raised when the same job gives other numbers than before.
  public static let pellucidNumericVersion = 3

  /// This program.
  static var pellucid: SoftwareRecord {
    SoftwareRecord(
      name: "pellucid", version: pellucidVersion, commit: pellucidCommit, numericVersion: pellucidNumericVersion,
      buildHash: runningBuild, compiler: builtWith,
      libs: VolumeFile.libraryVersions.merging(["openblas": ComputeBackend.blasConfiguration]) { _, new in new })
  }
}
