import DurableFiles
import Evaluation
import Foundation
public import Provenance
import Reports
import TensorCore
import Transforms
import Volumes

/// What happens during a run, for whoever shows progress.
public enum RunEvent: Sendable {
  /// Everything is checked and planned; computing starts.
  case planned(RunPlan)
  /// Network evaluations done, of how many.
  case evaluated(Int, of: Int)
  /// Computing is over; files are being written.
  case writing
  /// A remark for the user.
  case warning(String)
}

/// How a run ended well.
public enum RunOutcome: Sendable {
  /// The result stands, described by this manifest.
  case committed(Manifest)
  /// An output was there and was left; its manifest, where it has one.
  case skipped(Manifest?)

  /// The record of the result that stands.
  public var manifest: Manifest? {
    switch self {
    case .committed(let manifest): manifest
    case .skipped(let manifest): manifest
    }
  }
}

/// One volume in; one volume, one manifest and, if asked for, one report out.
///
/// The manifest is written last: a result without one is not a result. Whatever fails or is interrupted before that
/// leaves none of the new files behind.
public struct ImageToImagePipeline: Sendable {
  /// What is to be done.
  public let request: RunRequest

  /// A pipeline for one request.
  public init(_ request: RunRequest) { self.request = request }

  /// Does the work.
  ///
  /// `tell` hears what happens; what it throws ends the run cleanly. Throws `PipelineError`, and what the rooms below
  /// throw: `VolumeError`, `FileError`, `TransformError`, `DiffusionError`, `ModelError`.
  public func run(_ tell: (RunEvent) throws -> Void = { _ in }) throws -> RunOutcome {
    if request.ifExists == .version { return try eachVersion { try $0.run(tell) } }
    return try withinMemory { try runOnce(tell) }
  }

  /// With a memory bound, volumes that would take much of it lie on the disk that the results go to.
  private func withinMemory<R>(_ body: () throws -> R) rethrows -> R {
    guard let limit = request.memoryLimit else { return try body() }
    return try TensorSpill.during(
      tensorsFrom: MemoryPlan.largestInMemory(limit: limit), in: request.output.deletingLastPathComponent(), body
    ).result
  }

  private func runOnce(_ tell: (RunEvent) throws -> Void) throws -> RunOutcome {
    var clock = StepClock()
    let site = OutputSite(request)
    try site.check()
    if try site.mustSkip() { return .skipped(try? Manifest.read(request.manifestURL)) }
    let input = try RunInput(request)
    try site.checkContainer(for: input.volume)
    clock.lap(\.read)
    let job = try PlannedJob(request, input)
    if let manifest = try site.identicalResult(job.key) {
      return .skipped(try addMissingReport(to: manifest, input, job))
    }
    try site.reserve(job.plan.outputBytes + job.plan.scratchBytes)
    for warning in job.flags { try tell(.warning(warning)) }
    try tell(.planned(job.plan))
    clock.lap(\.plan)
    let restoration = try job.restorer.restore(input.volume) { try tell(.evaluated($0, of: job.plan.evaluations)) }
    ComputeBackend.releaseIdleMemory()
    clock.lap(\.infer)
    try Self.checkFinite(restoration.voxels)
    try tell(.writing)
    return try .committed(commit(restoration, input, job, site, &clock, tell))
  }

  /// Checks everything and says what a run would do, without computing or writing; throws what would refuse it.
  public func plan() throws -> RunPlan {
    if request.ifExists == .version {
      return try eachVersion { version in
        let plan = try version.plan()
        _ = try OutputSite(version.request).identicalResult(plan.jobKey)
        return plan
      }
    }
    let site = OutputSite(request)
    try site.check()
    return try withinMemory {
      let input = try RunInput(request)
      try site.checkContainer(for: input.volume)
      let job = try PlannedJob(request, input)
      try job.restorer.check(input.volume)
      var plan = job.plan
      plan.existing = try site.outlook(job.key)
      if plan.existing != .skip { try site.reserve(plan.outputBytes + plan.scratchBytes) }
      return plan
    }
  }

  /// Refuses to write a result with voxels that are no numbers: weights that are damaged, or training that ran away.
  private static func checkFinite(_ voxels: Tensor) throws {
    let count = voxels.withUnsafeBuffer { $0.reduce(0) { $0 + ($1.isFinite ? 0 : 1) } }
    guard count > 0 else { return }
    throw PipelineError(
      .brokenModel,
      "the model gave \(count) voxels that are no numbers; check it with `pellucid models verify`, or use another")
  }

  // MARK: Writing

  /// Everything is on the disk, read back and flushed, before the first file gets its name: a full disk or a wish to stop
  /// costs nothing that stood there before.
  private func commit(
    _ restoration: Restoration, _ input: RunInput, _ job: PlannedJob, _ site: OutputSite, _ clock: inout StepClock,
    _ tell: (RunEvent) throws -> Void
  ) throws -> Manifest {
    var flags = job.flags
    var staged = [
      try stage(job.restorer.output(restoration.voxels, for: input.volume), request.output, request.dataType, &flags)
    ]
    let before = job.restorer.inputOnOutputGrid(input.volume)
    var records = Self.records(staged[0], role: "image", before)
    if let deviation = restoration.deviation {
      staged.append(
        try stage(before.like(voxels: deviation).withoutDisplayRange(), request.deviationURL, .float32, &flags))
      records += Self.records(staged[1], role: "standard-deviation", before)
    }
    let numbers = ReportNumbers(
      before: job.plane.arranged(before.voxels), after: job.plane.arranged(restoration.voxels))
    clock.lap(\.write)
    var metrics = numbers.metrics
    metrics["noiseLevel"] = restoration.noiseLevel
    metrics["sliceDetailGain"] = restoration.sliceDetailGain
    var manifest = try job.manifest(input: input, outputs: records, metrics: metrics, flags: flags, clock)
    var files = staged.flatMap(\.files)
    if request.report || request.thumbnail != nil {
      try tell(.writing)
      let page = page(before, restoration.voxels, restoration.deviation, numbers, manifest, job.plane)
      do {
        for extra in try stageExtras(page, site.policy) {
          files.append(extra.file)
          manifest.outputs.append(extra.record)
        }
      } catch {
        // The result matters more than its report: it stands, with a remark.
        manifest.qc.flags.append("W-REPORT: no report was made")
        try tell(.warning("W-REPORT: no report was made: \(error)"))
      }
    }
    clock.lap(\.write)
    try tell(.writing)
    try publish(files, &manifest, site, &clock)
    return manifest
  }

  private func page(
    _ before: Volume, _ after: Tensor, _ deviation: Tensor?, _ numbers: ReportNumbers, _ manifest: Manifest,
    _ plane: SlicingPlane
  ) -> ReportPage {
    ReportPage(
      before: before, after: after, deviation: deviation, numbers: numbers, manifest: manifest,
      command: request.command, viewer: request.viewer, plane: plane)
  }

  /// The report and the small picture on the disk, as far as they are asked for, before they get their names.
  private func stageExtras(_ page: ReportPage, _ policy: AtomicFile.IfExists) throws -> [(
    file: AtomicFile, record: FileRecord
  )] {
    var extras: [(AtomicFile, FileRecord)] = []
    func add(_ data: Data, _ url: URL, role: String, format: String) throws {
      let file = try AtomicFile(to: url, ifExists: policy)
      try file.write(data)
      try file.seal()
      let name = url.lastPathComponent
      extras.append(
        (
          file,
          FileRecord(role: role, name: name, sha256: ContentDigest.sha256(of: data), bytes: data.count, format: format)
        ))
    }
    if request.report { try add(page.html(), request.reportURL, role: "report", format: "html") }
    if let url = request.thumbnail { try add(page.thumbnail(), url, role: "thumbnail", format: "png") }
    return extras
  }

  /// Gives the files their names, the manifest last.
  private func publish(_ files: [AtomicFile], _ manifest: inout Manifest, _ site: OutputSite, _ clock: inout StepClock)
    throws
  {
    var record: AtomicFile?
    do {
      try site.clearForReplacement()
      for file in files { try file.commit() }
      clock.lap(\.write)
      let verification = try manifest.verify(in: request.output.deletingLastPathComponent())
      guard verification.isIntact else {
        throw PipelineError(
          .outputDamaged,
          "\(verification.problems[0].name) does not read back as it was written; check the disk and run again")
      }
      clock.lap(\.verify)
      manifest.durations = clock.durations
      manifest.endedAt = Timestamp.text(Date())
      let file = try AtomicFile(to: request.manifestURL, ifExists: site.policy)
      record = file
      try file.write(try manifest.encoded())
      try file.commit()
    } catch {
      // What replaced something is a whole result and stays; only its record is missing. A record that stands already, and
      // whose folder could not be flushed, keeps what it describes.
      if site.policy == .fail, record?.isInPlace != true {
        for file in files where file.isInPlace { unlink(file.url.path) }
      }
      throw error
    }
  }

  private func stage(
    _ volume: Volume, _ url: URL, _ dataType: VolumeWriteOptions.DataTypeChoice, _ flags: inout [String]
  ) throws -> StagedVolume {
    let staged = try VolumeFile.stage(
      volume, to: url, options: VolumeWriteOptions(dataType: dataType, ifExists: OutputSite(request).policy))
    if staged.report.clampedCount > 0 {
      flags.append(
        "W-CLAMPED: \(staged.report.clampedCount) voxels of \(staged.report.fileName) lay outside what its type can hold"
      )
    }
    return staged
  }

  /// Records of a volume's files; all lie on one grid.
  private static func records(_ staged: StagedVolume, role: String, _ grid: Volume) -> [FileRecord] {
    let report = staged.report
    return report.files.enumerated().map { index, file in
      FileRecord(
        role: index == 0 ? role : "\(role)-data", name: file.name, sha256: file.sha256,
        sha256Voxels: index == 0 ? report.sha256Voxels : nil, bytes: file.bytes, geometry: GeometryRecord(grid),
        dataType: report.dataType.rawValue, slope: report.slope, intercept: report.intercept,
        roundTripError: report.roundTripError)
    }
  }

  /// A run that is repeated only for its report gets it from the files that stand, and the manifest lists it.
  private func addMissingReport(to manifest: Manifest, _ input: RunInput, _ job: PlannedJob) throws -> Manifest {
    let name = request.reportURL.lastPathComponent
    // A report that the manifest lists was verified with it; one that it does not list is of another result.
    guard request.report, !manifest.outputs.contains(where: { $0.name == name }) else { return manifest }
    let after = try VolumeFile.read(request.output).voxels
    let deviation = request.options.samples > 1 ? try VolumeFile.read(request.deviationURL).voxels : nil
    let before = job.restorer.inputOnOutputGrid(input.volume)
    let numbers = ReportNumbers(before: job.plane.arranged(before.voxels), after: job.plane.arranged(after))
    var complete = manifest
    complete.qc.unit = PlannedJob.unit(of: request.model.card, input.volume.header.format)
    let html = try page(before, after, deviation, numbers, complete, job.plane).html()
    try AtomicFile.write(html, to: request.reportURL, ifExists: .replace)
    complete.outputs.append(
      FileRecord(
        role: "report", name: name, sha256: ContentDigest.sha256(of: html), bytes: html.count, format: "html"))
    try complete.write(to: request.manifestURL, ifExists: .replace)
    return complete
  }
}

/// Measures the steps of a run.
struct StepClock {
  let startedAt = Date()
  private(set) var durations = Durations()
  private var last = ContinuousClock.now

  /// Adds the time since the last call to a step.
  mutating func lap(_ step: WritableKeyPath<Durations, Double>) {
    let now = ContinuousClock.now
    let seconds = (now - last) / .milliseconds(1) / 1000
    durations[keyPath: step] = ((durations[keyPath: step] + seconds) * 1000).rounded() / 1000
    last = now
  }
}

extension GeometryRecord {
  /// The grid of a volume.
  init(_ volume: Volume) {
    self.init(
      dimensions: [volume.columns, volume.rows, volume.slices, volume.frames], spacing: volume.spacing,
      affine: volume.affine.rows)
  }
}
