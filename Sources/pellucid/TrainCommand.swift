import ArgumentParser
import DurableFiles
import Foundation
import Pipeline
import Provenance
import Synchronization
import Training
import Volumes

/// `pellucid train`.
struct TrainCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Train a model as a configuration file says.",
    discussion: """
      The folder receives a checkpoint, a log, a loss curve and at the end model.safetensors. A run that was stopped or \
      killed goes on with --resume, to the same bits. With --export no training is done: a checkpoint is made into a \
      model file. A configuration beside it may say anew what the card states of intended use, licence, citation and envelope.

      With --pairs no training is done either: what would be trained on is written to one file, for training elsewhere \
      (Workflows/pytorch). It holds the scans: treat it as you treat them.
      """)

  @Argument(help: "The configuration file; see Workflows/training.")
  var file: String?
  @Option(name: [.short, .long], help: "The run's folder, or the file that --export or --pairs writes (.safetensors).")
  var output: String
  @Option(help: "What the paths in the configuration are relative to.")
  var dataFolder = "."
  @Option(help: "Where simulated scans are kept (default: cache in the run's folder; with --pairs nowhere).")
  var cache: String?
  @Flag(help: "Go on from the folder's checkpoint, if there is one.")
  var resume = false
  @Option(within: 1...100_000_000, help: "Steps of the whole run, instead of the configuration's.")
  var steps: Int?
  @Flag(help: "Take less memory and more time: compute activations again on the way back. Results do not depend on it.")
  var recompute = false
  @Option(within: threadCounts, help: "Threads; 0 for one per processor. Results do not depend on it.")
  var threads = 0
  @Option(help: ArgumentHelp("Write a model file of this checkpoint.", valueName: "checkpoint"))
  var export: String?
  @Flag(help: "With --export: store the weights as float16.")
  var half = false
  @Flag(help: "Write the pairs that would be trained on, and everything else that a run has to know.")
  var pairs = false
  @Option(help: "With --export or --pairs: if the file exists, fail or replace.")
  var ifExists: DegradeCommand.ReplaceChoice = .fail

  func validate() throws {
    guard file != nil || export != nil else {
      throw ValidationError("Give a configuration file or --export CHECKPOINT.")
    }
    if pairs, file == nil || export != nil {
      throw ValidationError("--pairs goes with a configuration file, and not with --export.")
    }
    if export != nil || pairs, !output.hasSuffix(".safetensors") {
      throw ValidationError("The file's name must end in .safetensors.")
    }
    if export != nil || pairs, resume || steps != nil || recompute {
      throw ValidationError(
        "With --export or --pairs no training is done: leave out --resume, --steps and --recompute.")
    }
    if export != nil, cache != nil { throw ValidationError("--export makes no scans: leave out --cache.") }
    if half, export == nil { throw ValidationError("--half goes with --export.") }
  }

  func run() async throws {
    ComputeSettings.apply(threads: threads)
    let target = URL(fileURLWithPath: output)
    if let export {
      let checkpoint = try TrainingCheckpoint(contentsOf: URL(fileURLWithPath: export))
      let described = try file.map { try TrainingConfiguration(contentsOf: URL(fileURLWithPath: $0)) }
      let digest = try ModelExport(checkpoint, described: described, software: Self.software).write(
        to: target, half: half, ifExists: ifExists == .fail ? .fail : .replace)
      print("\(output) \(digest)")
      return
    }
    let configuration = try TrainingConfiguration(contentsOf: URL(fileURLWithPath: file ?? ""))
    StopRequest.install()
    if pairs { return try writePairs(configuration, to: target) }
    let options = TrainingRun.Options(
      output: target, dataFolder: URL(fileURLWithPath: dataFolder), cache: cache.map { URL(fileURLWithPath: $0) },
      resume: resume, steps: steps, recompute: recompute, command: recordedCommand, software: Self.software)
    let reporter = TrainingReporter()
    let outcome = try TrainingRun.run(
      configuration, options: options, read: { try VolumeFile.read($0) }, progress: reporter.tell,
      shouldStop: { StopRequest.signal != 0 })
    switch outcome {
    case .finished(let model): print(model.path)
    case .stopped(let step):
      reporter.say("stopped at step \(step); go on with --resume")
      throw ExitCode(128 + StopRequest.signal)
    }
  }

  private func writePairs(_ configuration: TrainingConfiguration, to target: URL) throws {
    // Scans take minutes to make.
    if ifExists == .fail, FileManager.default.fileExists(atPath: target.path) {
      throw FileError(.exists, "\(output) exists already; choose another name or give --if-exists replace")
    }
    let reporter = TrainingReporter()
    let digest = try PairsFile.write(
      configuration, dataFolder: URL(fileURLWithPath: dataFolder), cache: cache.map { URL(fileURLWithPath: $0) },
      command: recordedCommand, software: Self.software, to: target, ifExists: ifExists == .fail ? .fail : .replace,
      read: { try VolumeFile.read($0) }
    ) { message in
      if StopRequest.signal != 0 { throw ExitCode(128 + StopRequest.signal) }
      reporter.say(message)
    }
    print("\(digest)  \(output)")
  }

  static var software: String { "pellucid \(SoftwareRecord.pellucidVersion)" }

  /// The command without the folders of this machine.
  private var recordedCommand: String {
    let name = URL(fileURLWithPath: file ?? "").lastPathComponent
    let steps = steps.map { " --steps \($0)" } ?? ""
    return "pellucid train \(name) --data-folder DATA \(pairs ? "--pairs --output PAIRS" : "--output RUN")\(steps)"
  }
}

/// SIGINT and SIGTERM as a wish that is looked at between steps.
enum StopRequest {
  private static let received = Atomic<Int32>(0)

  /// The signal that came, or 0.
  static var signal: Int32 { received.load(ordering: .relaxed) }

  static func install() {
    // Touched here, because the handler must not be the first to initialise it.
    received.store(0, ordering: .relaxed)
    var wanted = sigset_t()
    sigemptyset(&wanted)
    for number in [SIGINT, SIGTERM] {
      Foundation.signal(number) { StopRequest.received.store($0, ordering: .relaxed) }
      sigaddset(&wanted, number)
    }
    // Whoever started this process may have handed it its own threads' mask.
    pthread_sigmask(SIG_UNBLOCK, &wanted, nil)
  }
}

/// Tells people on stderr how a run goes: one line that is rewritten on a terminal, lines now and then otherwise.
private final class TrainingReporter {
  private let terminal = isatty(STDERR_FILENO) == 1
  private var lastLine = Date.distantPast
  private var open = false

  func say(_ message: String) {
    if open { Terminal.put("\n") }
    open = false
    Terminal.put(message + "\n")
  }

  func tell(_ event: TrainingRun.Event) {
    switch event {
    case .message(let message): say(message)
    case .checkpoint(let step): if !terminal { say("checkpoint at step \(step)") }
    case .validation(let step, let rows):
      for row in rows {
        let one = Self.decimals(row.oneStepPSNR), all = Self.decimals(row.psnr)
        say(
          "validation at step \(step): \(row.data) level \(row.level): PSNR \(all) dB, one evaluation \(one), "
            + "input \(Self.decimals(row.inputPSNR))")
      }
    case .step(let progress): step(progress)
    }
  }

  private func step(_ progress: TrainingRun.Progress) {
    guard -lastLine.timeIntervalSinceNow > (terminal ? 0.2 : 15) || progress.step == progress.steps else { return }
    lastLine = Date()
    let left = Int(progress.secondsLeft)
    let time = String(format: "%d:%02d:%02d", left / 3600, left / 60 % 60, left % 60)
    let text =
      "step \(progress.step)/\(progress.steps)  loss \(String(format: "%.5f", progress.loss))  "
      + "\(Self.decimals(progress.samplesPerSecond)) samples/s  \(time) left"
    guard terminal else { return say(text) }
    Terminal.put("\r\u{1B}[K\(text)")
    open = true
  }

  private static func decimals(_ value: Double) -> String { String(format: "%.2f", value) }
}
