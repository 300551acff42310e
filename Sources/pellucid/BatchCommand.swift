import ArgumentParser
import BatchQueue
import Cases
import Configuration
import DurableFiles
import Foundation
import Transforms

/// `pellucid batch`: many files in, a results tree out.
struct BatchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "batch",
    abstract: "Restore many images; what is done is not done again, one that fails stops no other.",
    discussion: """
      IN are files, folders (searched through), patterns in quotes, or tables *.tsv with a column `path`. Results: \
      RESULTS/cases/ID/, where ID is a digest of input, model and options; `pellucid queue show FILE --results RESULTS` \
      finds a file's.

      Exit codes: 0 all done; 2 no image found; 8 some failed (the list: --json, or RESULTS/batch.json); 64 usage; \
      74 disk full or I/O error; 130, 143 stopped, jobs given back; where all fail alike, their own code.
      """)

  @Argument(help: "Files, folders, patterns, tables.") var inputs: [String]
  @Option(name: [.customShort("o"), .long], help: ArgumentHelp("The results tree.", valueName: "folder")) var results:
    String
  @OptionGroup var treatment: TreatmentFlags
  @OptionGroup(title: "Work") var flags: WorkerFlags
  @Option(help: ArgumentHelp("The spool (default: in the results tree).", valueName: "folder")) var spool: String?
  @Option(within: 0...9, help: "Urgency, 0 to 9; 0 is most urgent (default: the workflow's).") var priority: Int?
  @Option(help: ArgumentHelp("Take part I of N of the inputs, such as 1/4.", valueName: "i/n"), transform: Shard.init)
  var shard: Shard?
  @Flag(help: "Stop at the first case that is given up.") var failFast = false

  func run() throws {
    let files = try BatchInputs(inputs).files
    guard !files.isEmpty else {
      Terminal.say("pellucid: no image was found; give files or folders with .nii, .nii.gz, .hdr or .png")
      throw ExitCode(2)
    }
    let requests = try treatment.requests(files, shard, workflows: flags.workflows, priority: priority)
    let spool = try Spool(for: URL(fileURLWithPath: results), at: spool.map { URL(fileURLWithPath: $0) })
    var run = QueueRun(spool: spool, flags: flags, goal: .answered)
    run.failFast = failFast
    let summary = try run.run(FileListSource(requests))
    let report = BatchReport(summary, spool)
    let json = try report.json()
    try AtomicFile.write(Data((json + "\n").utf8), to: spool.results.root.appendingPathComponent("batch.json"))
    if flags.json { print(json) }
    try report.leave(stoppedBy: StopRequest.signal)
    if !flags.quiet { Terminal.say("pellucid: \(report.committed) committed") }
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
    guard sampling.seed != "auto" else {
      throw ValidationError("--seed auto would make each try another job; give a number")
    }
  }

  func workflow(model: String) throws -> Workflow {
    var workflow = Workflow(name: "command-line", model: model)
    workflow.sampler = sampling.sampler
    workflow.steps = sampling.steps
    workflow.seed = UInt64(sampling.seed) ?? 0
    workflow.samples = sampling.samples
    workflow.noiseField = Workflow.NoiseField(rawValue: sampling.noiseField.rawValue) ?? .shared
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
