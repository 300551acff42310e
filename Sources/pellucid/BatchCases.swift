import ArgumentParser
import BatchQueue
import Cases
import Configuration
import DurableFiles
import Foundation
import Models
import Transforms

/// Which images are meant, and what is done with them: what batch, enqueue and plan have in common.
struct BatchCases: ParsableArguments {
  @Argument(help: "Files, folders, patterns, tables.") var inputs: [String]
  @Option(help: ArgumentHelp("How each image is treated; by default the workflow that matches it.", valueName: "name"))
  var workflow: String?
  @Option(
    help: ArgumentHelp(
      "A model, instead of a workflow (default, where no workflow has a match: the only model that is installed).",
      valueName: "name|file"))
  var model: String?
  @OptionGroup(title: "Sampling, with --model") var sampling: BatchSamplingFlags
  @Option(within: 0...9, help: "Urgency, 0 to 9; 0 is most urgent (default: the workflow's).") var priority: Int?
  @Option(help: ArgumentHelp("Take part I of N of the inputs, such as 1/4.", valueName: "i/n"), transform: Shard.init)
  var shard: Shard?
  @Option(
    help: ArgumentHelp(
      "Write a table of which file became which case; only its owner may read it. Nothing else ever holds a file's name.",
      valueName: "file")) var namesTo: String?

  func validate() throws {
    guard workflow == nil || model == nil else { throw ValidationError("give --workflow or --model, not both") }
    if workflow != nil { try sampling.refuse(because: "the workflow says how") }
  }

  /// The files as the queue takes them; ends with code 2 if there is none.
  func requests(_ settings: Settings) throws -> [IntakeRequest] {
    let library = WorkflowLibrary.current(first: settings.workflows.value)
    let files = try BatchInputs(inputs, library: library).files
    guard !files.isEmpty else {
      Terminal.say("pellucid: no image was found; give files or folders with .nii, .nii.gz, .hdr or .png")
      throw ExitCode(2)
    }
    let chosen = shard.map { shard in files.enumerated().filter { shard.covers($0.offset) }.map(\.element) } ?? files
    let mayChoose = files.contains { $0.workflow == nil } && !library.canMatch
    let instructions = try instructions(library, mayChoose ? ModelChoice(.current(first: settings.models.value)) : nil)
    return chosen.map { file in
      IntakeRequest(
        folder: file.folder.path(percentEncoded: false), path: file.path, instructions: file.workflow ?? instructions,
        priority: priority)
    }
  }

  /// The workflow that all images get, as the case server reads it; nil to choose by the file.
  private func instructions(_ library: WorkflowLibrary, _ choice: ModelChoice?) throws -> Data? {
    if let workflow { return try JSONEncoder().encode(try library.workflow(named: workflow)) }
    guard let model = try model ?? choice.map(chosen) else {
      try sampling.refuse(because: "each image gets the workflow that matches it")
      return nil
    }
    // A path is meant from here, and the server may stand elsewhere.
    let isPath = model.contains("/") || model.hasSuffix(".safetensors")
    let name = isPath ? URL(fileURLWithPath: model).standardizedFileURL.path : model
    return try JSONEncoder().encode(try sampling.workflow(model: name))
  }

  private func chosen(_ choice: ModelChoice) throws -> String {
    let (name, reason) = try choice.only(for: nil)
    Terminal.say("pellucid: model \(FileError.printable(name)), \(reason)")
    return name
  }

  /// The private table of names, where it was asked for.
  func writeNames(_ summary: RunnerSummary) throws {
    guard let namesTo else { return }
    let lines = summary.replies.map { request, reply in
      let path = URL(fileURLWithPath: request.folder).appendingPathComponent(request.path.description).path
      return switch reply {
      case .job(let id, _): "\(FileError.printable(path))\t\(id)\t"
      case .refused(let failure), .later(let failure): "\(FileError.printable(path))\t\t\(failure.code) \(failure.text)"
      case .incomplete(let reason): "\(FileError.printable(path))\t\t\(reason)"
      case .changed: "\(FileError.printable(path))\t\tchanged while it was read"
      }
    }
    let file = try AtomicFile(to: URL(fileURLWithPath: namesTo), ifExists: .replace)
    guard chmod(file.temporaryURL.path(percentEncoded: false), 0o600) == 0 else {
      throw FileError(.permission, "the table of names cannot be made private; give another place to --names-to")
    }
    try file.write(Data((["path\tcase\tremark"] + lines + [""]).joined(separator: "\n").utf8))
    try file.commit()
  }
}

/// Sampling options of a batch without a workflow.
struct BatchSamplingFlags: ParsableArguments {
  @OptionGroup var sampling: SamplingFlags
  @Option(help: "How voxels are stored: input (as in the input), float32 or int16.")
  var dtype = ResultFlags.DataType.input
  @Option(help: "Memory bound of a case, such as 8G. It changes the batch, not the result.") var memory: String?
  @Option(within: 0...10, help: "Further tries after a failure that may pass.") var retries = 2
  @Flag(inversion: .prefixedNo, help: "Make a report for each case.") var report = true
  @Flag(help: "Restore images that are far outside what the model is meant for.") var force = false

  func validate() throws {
    if let memory, ByteCount.parse(memory) == nil { throw ValidationError("--memory takes a size such as 8G or 512M") }
    guard sampling.noise == nil else { throw ValidationError("--noise is for one image; use `pellucid run`") }
    guard sampling.noiseLevel == nil else {
      throw ValidationError("--noise-level is for one image; use `pellucid run`")
    }
    guard sampling.seed != "auto" else {
      throw ValidationError("--seed auto would make each try another job; give a number")
    }
  }

  /// Refuses options that would have no effect.
  func refuse(because reason: String) throws {
    let given = [
      ("--sampler", sampling.sampler != "ddim"), ("--steps", sampling.steps != nil), ("--seed", sampling.seed != "0"),
      ("--samples", sampling.samples != 1), ("--noise-field", sampling.noiseField != .shared),
      ("--plane", sampling.plane != .auto), ("--tile", sampling.tile != nil),
      ("--slice-detail", sampling.sliceDetail != .predicted), ("--slice-factor", sampling.sliceFactor != 2),
      ("--clamp", sampling.clamp != nil), ("--dtype", dtype != .input),
      ("--memory", memory != nil),
      ("--retries", retries != 2), ("--no-report", !report), ("--force", force),
    ].filter(\.1).map(\.0)
    guard given.isEmpty else {
      throw ValidationError(
        "\(given.joined(separator: ", ")) would have no effect, for \(reason); give --model, or write a workflow")
    }
  }

  func workflow(model: String) throws -> Workflow {
    var workflow = Workflow(name: "command-line", model: model)
    workflow.sampler = sampling.sampler
    workflow.steps = sampling.steps
    workflow.seed = UInt64(sampling.seed) ?? 0
    workflow.samples = sampling.samples
    workflow.noiseField = Workflow.NoiseField(rawValue: sampling.noiseField.rawValue) ?? .shared
    workflow.plane = Workflow.Plane(rawValue: sampling.plane.rawValue) ?? .auto
    workflow.tile = sampling.tile
    workflow.sliceDetail = Workflow.SliceDetail(rawValue: sampling.sliceDetail.rawValue) ?? .predicted
    workflow.sliceFactor = sampling.sliceFactor == 2 ? nil : sampling.sliceFactor
    workflow.clamp = sampling.clamp
    workflow.dtype = Workflow.StoredType(rawValue: dtype.rawValue) ?? .input
    workflow.memory = memory.flatMap(ByteCount.parse)
    workflow.retries = retries
    workflow.report = report
    workflow.force = force
    return workflow
  }
}

/// Part I of N.
struct Shard {
  let index: Int
  let count: Int

  init(_ text: String) throws {
    let numbers = text.split(separator: "/").map { Int($0) }
    guard numbers.count == 2, let index = numbers[0], let count = numbers[1], (1...10_000).contains(count),
      (1...count).contains(index)
    else { throw ValidationError("it must be a part such as 1/4, the first of four") }
    (self.index, self.count) = (index, count)
  }

  func covers(_ number: Int) -> Bool { number % count == index - 1 }
}
