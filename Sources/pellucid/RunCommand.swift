import ArgumentParser
import BatchQueue
import Cases
import Configuration
import Diffusion
import DurableFiles
import Foundation
import Models
import Pipeline
import Provenance
import Reports
import Synchronization
import Transforms
import Volumes

/// `pellucid run`: one image in, one image and its manifest out.
struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Restore one image with a model.",
    discussion: """
      Reads NIfTI (.nii, .nii.gz, .hdr/.img) and grey PNG. Beside the output lies its manifest, OUT.manifest.json, written \
      last. Same input, model and options give the same bits, whatever the threads, batch or memory.

      Exit codes: 0 done, or the same result was already there; 20 done, with warnings, under --strict; 64 usage; 65 bad \
      or unsuitable input; 66 no input; 69 no such model; 73 output exists or cannot be made; 74 disk full or I/O error; \
      75 not enough memory; 77 no permission; 78 bad model card or settings; 130, 143 stopped.
      """)

  @Argument(help: "The image.")
  var input: String
  @Option(name: [.short, .long], help: "Where the result goes: .nii, .nii.gz, .hdr or .png.")
  var output: String
  @Option(
    help: ArgumentHelp(
      "The model: a name that `pellucid models ls` lists, or a file (default: the only one that fits the image).",
      valueName: "name|file"))
  var model: String?
  @OptionGroup(title: "Sampling") var sampling: SamplingFlags
  @OptionGroup(title: "Output") var result: ResultFlags

  @Option(
    within: threadCounts,
    help: "Threads; 0 for one per processor (default: as in the settings). Results do not depend on it.")
  var threads: Int?
  @Option(
    help:
      "Memory bound, such as 8G (default: as in the settings). It changes the batch, and puts large volumes on the disk; not the result."
  )
  var memory: String?
  @Flag(help: "Restore an input that is far outside what the model is meant for.")
  var force = false
  @Flag(
    help: "Record the inputs' own names in manifest and report (default: input and noise, for names may name people).")
  var recordNames = false
  @Flag(help: "Check everything and say what would be done; compute and write nothing.")
  var dryRun = false
  @Flag(help: "Print the manifest (with --dry-run: the plan) as JSON on stdout.")
  var json = false
  @Flag(name: .shortAndLong, help: "Say more: plan, steps, figures.")
  var verbose = false
  @Option(help: "Progress on stderr: \(ProgressStyle.allCases.map(\.rawValue).joined(separator: ", ")).")
  var progress = ProgressStyle.auto

  func validate() throws {
    if let memory, ByteCount.parse(memory) == nil {
      throw ValidationError("--memory takes a size such as 8G or 512M, not '\(memory)'.")
    }
  }

  func run() async throws {
    let settings = try SettingsInForce.read([.threads: threads.map(String.init), .memory: memory])
    ComputeSettings.apply(threads: settings.threads.value)
    let pipeline = ImageToImagePipeline(try request(settings))
    guard !dryRun else { return try show(pipeline.plan()) }
    let display = ProgressDisplay(progress)
    let watch = StopWatch()
    var job: JobID?
    let outcome: RunOutcome
    do {
      outcome = try pipeline.run { event in
        if case .planned(let plan) = event { job = JobID(key: plan.jobKey) }
        try handle(event, job, display, watch)
      }
      watch.end()
    } catch {
      watch.end()
      display.close()
      throw error
    }
    try finish(outcome)
  }

  private func request(_ settings: Settings) throws -> RunRequest {
    let options = try sampling.options()
    let model = try self.model ?? chosenModel()
    var request = RunRequest(
      input: URL(fileURLWithPath: input), output: URL(fileURLWithPath: output),
      model: RestorationModel(try PackedModel.read(SettingsInForce.model(model))), options: options,
      noise: sampling.noise.map { URL(fileURLWithPath: $0) }, dataType: result.dtype.choice, ifExists: result.ifExists,
      memoryLimit: settings.memory.value, report: result.report,
      viewer: result.report && result.viewer ? .find(besides: try SettingsInForce.models.folders) : .off, force: force)
    request.recordNames = recordNames
    request.command = repetition(options, model)
    return request
  }

  private func chosenModel() throws -> String {
    let (name, reason) = try ModelChoice(SettingsInForce.models).only(for: URL(fileURLWithPath: input))
    Terminal.say("pellucid: model \(FileError.printable(name)), \(reason)")
    return name
  }

  // MARK: What people see

  private func handle(_ event: RunEvent, _ job: JobID?, _ display: ProgressDisplay, _ watch: StopWatch) throws {
    switch event {
    case .warning(let text):
      display.close()
      Terminal.say("pellucid: warning: \(text)")
    case .planned(let plan):
      if verbose { for line in Self.lines(plan) { Terminal.say(line) } }
      watch.computingStarted()
    case .evaluated(let done, let total): display.show(done, of: total, job: progress == .json ? job : nil)
    case .writing: watch.computingEnded()
    }
    try watch.check()
  }

  private func show(_ plan: RunPlan) throws {
    guard json else { return print(Self.lines(plan).joined(separator: "\n")) }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
    print(String(decoding: try encoder.encode(plan), as: UTF8.self))
  }

  private func finish(_ outcome: RunOutcome) throws {
    switch outcome {
    case .committed(let manifest):
      if verbose {
        for (name, value) in manifest.qc.metrics.sorted(by: { $0.key < $1.key }) {
          Terminal.say("\(name): \(String(format: "%.5g", value))")
        }
        let steps = manifest.durations
        Terminal.say("read \(steps.read) s, plan \(steps.plan) s, infer \(steps.infer) s, write \(steps.write) s")
      }
      if json { print(String(decoding: try manifest.encoded(), as: UTF8.self), terminator: "") }
      Terminal.say("pellucid: done: \(place(manifest))")
    case .skipped(let manifest):
      if json, let manifest { print(String(decoding: try manifest.encoded(), as: UTF8.self), terminator: "") }
      let why = result.ifExists == .skip ? "it exists" : "it is the result of this very job and is intact"
      Terminal.say("pellucid: nothing to do: \(place(manifest)) was left, \(why)")
    }
    if result.strict { try StrictEnd.leave(over: outcome.manifest?.qc.flags ?? []) }
  }

  private static func outlook(_ existing: RunPlan.Existing) -> String {
    switch existing {
    case .new: "none"
    case .skip: "left as it is; nothing would be computed"
    case .replace: "would be replaced"
    }
  }

  /// The output as the caller named it, with the number that it got with `--if-exists version`.
  private func place(_ manifest: Manifest?) -> String {
    guard result.ifExists == .version, let name = manifest?.outputs.first(where: { $0.role == "image" })?.name else {
      return output
    }
    return output.dropLast(URL(fileURLWithPath: output).lastPathComponent.count) + name
  }

  private static func lines(_ plan: RunPlan) -> [String] {
    let mm = plan.spacing.map { String(format: "%.4g", $0) }.joined(separator: " x ")
    return [
      "input: \(plan.input), \(plan.dimensions.map(String.init).joined(separator: " x ")) voxels of \(mm) mm, \(plan.dataType)",
      "model: \(plan.model)",
      "sampler: \(plan.sampler), \(plan.labels.count) evaluations at labels \(plan.labels.map(String.init).joined(separator: " "))",
      "samples: \(plan.samples), seed \(plan.seed)",
      "batch: \(plan.batch) \(Self.slices(plan.plane)) of \(plan.networkSize[0]) x \(plan.networkSize[1]), \(plan.evaluations) evaluations in all",
      "predicted memory: \(ByteCount.text(plan.predictedMemory))",
      "outputs: \(plan.outputs.joined(separator: ", "))",
    ] + (plan.existing.map { ["existing output: \(outlook($0))"] } ?? []) + plan.warnings.map { "warning: \($0)" }
  }

  private static func slices(_ plane: String) -> String {
    switch plane {
    case "stored": "slices"
    case "all": "axial, coronal and sagittal slices in turn, at most"
    default: "\(plane) slices"
    }
  }

  /// The command that repeats this run, with recorded names for paths and without what does not change the result.
  private func repetition(_ options: SamplingOptions, _ model: String) -> String {
    func name(_ path: String) -> String { URL(fileURLWithPath: path).lastPathComponent }
    func recorded(_ path: String, _ role: String) -> String {
      recordNames ? name(path) : RunRequest.recordedName(of: URL(fileURLWithPath: path), role: role)
    }
    var words = ["pellucid", "run", recorded(input, "image"), "-o", name(output), "--model", name(model)]
    words += ["--sampler", options.sampler.description]
    if let steps = options.steps { words += ["--steps", String(steps)] }
    words += ["--seed", String(options.seed)]
    if options.samples > 1 { words += ["--samples", String(options.samples)] }
    if let noise = sampling.noise { words += ["--noise", recorded(noise, "noise")] }
    if options.noiseField != .shared { words += ["--noise-field", options.noiseField.rawValue] }
    if let tile = options.tile { words += ["--tile", String(tile)] }
    if options.plane != .auto { words += ["--plane", options.plane.rawValue] }
    if options.sliceDetail != .predicted { words += ["--slice-detail", options.sliceDetail.rawValue] }
    if options.sliceFactor != 2 { words += ["--slice-factor", String(options.sliceFactor)] }
    if let level = options.noiseLevel { words += ["--noise-level", String(level)] }
    if let clamp = options.clampData { words.append(clamp ? "--clamp" : "--no-clamp") }
    if result.dtype != .input { words += ["--dtype", result.dtype.rawValue] }
    if force { words.append("--force") }
    return words.map(Self.quoted).joined(separator: " ")
  }

  private static func quoted(_ word: String) -> String {
    let safe = CharacterSet.alphanumerics.union(CharacterSet(charactersIn: "-_./:=+@%"))
    guard word.isEmpty || word.unicodeScalars.contains(where: { !safe.contains($0) }) else { return word }
    return "'" + word.replacingOccurrences(of: "'", with: "'\\''") + "'"
  }
}

/// Ends a run when the user asks for it: at once while only computing is going on, between files while writing.
private final class StopWatch: Sendable {
  /// What the run is at; the watcher and the run itself compete for the way out of `computing`.
  private enum Phase { static let other = 0, computing = 1, leaving = 2 }
  private let phase = Atomic(Phase.other)
  private let over = Atomic(false)

  init() {
    StopRequest.install()
    Task.detached(priority: .high) { [self] in
      while !over.load(ordering: .relaxed) {
        if StopRequest.signal != 0,
          phase.compareExchange(
            expected: Phase.computing, desired: Phase.leaving, ordering: .sequentiallyConsistent
          ).exchanged
        {
          // An evaluation may take seconds, and while computing nothing of ours is on the disk: leave right away.
          Terminal.say(
            (isatty(STDERR_FILENO) == 1 ? "\n" : "") + "pellucid: \(Interruption(signal: StopRequest.signal))")
          _exit(128 + StopRequest.signal)
        }
        try? await Task.sleep(for: .milliseconds(100))
      }
    }
  }

  func computingStarted() { phase.store(Phase.computing, ordering: .sequentiallyConsistent) }

  func computingEnded() {
    let (_, old) = phase.compareExchange(
      expected: Phase.computing, desired: Phase.other, ordering: .sequentiallyConsistent)
    // The watcher is ending the process: write nothing any more.
    while old == Phase.leaving { pause() }
  }

  /// Throws when the user asked for an end.
  func check() throws {
    if StopRequest.signal != 0 { throw Interruption(signal: StopRequest.signal) }
  }

  func end() {
    computingEnded()
    over.store(true, ordering: .relaxed)
  }
}
