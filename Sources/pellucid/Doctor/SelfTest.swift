import BatchQueue
import Configuration
import Diffusion
import DurableFiles
import Foundation
import Models
import Provenance
import TensorCore
import Volumes

/// A phantom on the way of every drop: taken in and computed by child processes, committed, and verified.
enum SelfTest {
  /// How long it may take until something must be wrong; it takes less than a second.
  private static let patience = Duration.seconds(60)

  static func check() -> HealthCheck {
    .of("self-test") {
      let folder = FileManager.default.temporaryDirectory
        .appendingPathComponent("pellucid-self-test-\(UUID().uuidString)", isDirectory: true)
      try makeFolder(folder)
      defer { try? FolderChanges.remove(folder) }
      let start = ContinuousClock.now
      try run(in: folder)
      let seconds = (ContinuousClock.now - start) / .seconds(1)
      return .ok("self-test", String(format: "a phantom was restored, committed and verified in %.1f s", seconds))
    }
  }

  private static func run(in folder: URL) throws {
    let model = folder.appendingPathComponent("phantom.safetensors")
    try write(model: model)
    let drop = folder.appendingPathComponent("phantom.nii.gz")
    try VolumeFile.write(phantom, to: drop)
    var workflow = Workflow(name: "self-test", model: model.path(percentEncoded: false))
    workflow.retries = 0
    let request = IntakeRequest(
      folder: folder.path(percentEncoded: false), path: RelativePath("phantom.nii.gz"),
      instructions: try JSONEncoder().encode(workflow))
    let spool = try Spool(for: folder.appendingPathComponent("results", isDirectory: true))
    let job = try compute(request, spool)
    let manifest = try Manifest.read(spool.results.manifest(of: job))
    guard try manifest.verify(in: spool.results.caseFolder(of: job)).isIntact, manifest.outputs.count > 0 else {
      throw FileError(.io, "what was written is not what was computed; check disk and memory of this machine")
    }
    let result = try VolumeFile.read(spool.results.caseFolder(of: job).appendingPathComponent("output.nii.gz"))
    guard result.voxels.shape == phantom.voxels.shape, result.affine == phantom.affine else {
      throw FileError(.io, "the result does not lie on its input's grid; this is a bug in pellucid, please report it")
    }
  }

  private static func compute(_ request: IntakeRequest, _ spool: Spool) throws -> JobID {
    var options = RunnerOptions()
    options.goal = .answered
    options.minimumFreeSpace = 0
    let start = SuspendingClock.now
    let launch = WorkerFlags.launch(spool, threads: 1)
    let summary = try QueueRunner(spool, launch: launch, source: FileListSource([request]), options: options)
      .run { .now - start > patience }
    if let job = summary.committed.first { return job }
    for (_, reply) in summary.replies {
      if case .refused(let failure) = reply { throw SelfTestFailure(failure) }
      if case .later(let failure) = reply { throw SelfTestFailure(failure) }
    }
    if let failure = summary.quarantined.first?.failure { throw SelfTestFailure(failure) }
    throw FileError(
      .exhausted, "the phantom was not done after \(DurationText.text(patience)); is this machine overloaded?")
  }

  /// A ball in air, in HU.
  private static let phantom: Volume = {
    let size = 16
    let values = (0..<size * size * size).map { index -> Float in
      let position = [index % size, index / size % size, index / (size * size)].map { Float($0) - 7.5 }
      let radius = position.reduce(0) { $0 + $1 * $1 }.squareRoot()
      return (radius < 5 ? 40 : -1000) + Float((index &* 7919) % 101 - 50)
    }
    return Volume(
      voxels: Tensor(values, shape: [1, size, size, size]), affine: .scaling([0.75, 0.75, 2.5]),
      header: VolumeHeader(format: .nifti1, dataType: .int16))
  }()

  /// A network of the smallest size with random weights: what it makes of the phantom is no image, and always the same.
  private static func write(model url: URL) throws {
    let labels = try LabelSet(named: "uniform-10")
    let card = ModelCard(
      name: "phantom", task: .denoise,
      architecture: UNetConfiguration(
        inputChannels: 2, baseChannels: 32, channelMultipliers: [1, 1], residualBlocks: 1, bottleneckAttention: false),
      labelSet: LabelSetRecord(name: labels.name, labels: labels.labels), noiseSchedule: NoiseScheduleRecord(),
      prediction: PredictionRecord(kind: .data, skip: .condition, residualScale: 0.1, clampData: true),
      intensity: .window(low: -1000, high: 1000), envelope: InputEnvelope())
    try ModelFile.write(card: card, parameters: UNet(card.architecture).initialParameters(seed: 7), to: url)
  }
}

/// A failure of a job, as an error with its exit code.
struct SelfTestFailure: Error, CustomStringConvertible {
  let status: ExitStatus
  let description: String

  init(_ failure: Failure) {
    status = ExitStatus(rawValue: Int32(failure.code)) ?? .software
    description = failure.text
  }
}
