import ArgumentParser
import BatchQueue
import Cases
import Configuration
import DurableFiles
import Foundation
import Models
import Pipeline

/// `pellucid plan`: what a batch would do, without doing it.
struct PlanCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan",
    abstract: "Say what a batch would do: cases, evaluations, time, memory, disk, refusals; compute and write nothing.",
    discussion: """
      Takes the arguments of `pellucid batch`. Times come from results that stand in RESULTS, else one evaluation of each \
      model is timed; the plan says which. Disk is the most that copies of inputs and results can take, without reports.

      What bounds a batch by number or time (--limit, --max-runtime, --offpeak) does not bound the plan.

      Exit codes: 0 all would be done, or are; 2 no image found; 8 some would be refused, or were given up; 65 all; where all \
      are refused alike, their own code.
      """)

  @OptionGroup var inputs: BatchCases
  @Option(
    name: [.customShort("o"), .long], help: ArgumentHelp("The results tree, if there is one.", valueName: "folder"))
  var results: String?
  @Option(help: ArgumentHelp("The spool (default: in the results tree).", valueName: "folder")) var spool: String?
  @Flag(help: "As for batch; changes nothing here.") var failFast = false
  @Flag(help: "As for batch; changes nothing here.") var strict = false
  @OptionGroup(title: "Work") var flags: WorkerFlags

  func run() throws {
    flags.startLog()
    let settings = try flags.settings()
    ComputeSettings.apply(threads: WorkerFlags.threadsPerCase(settings))
    let requests = try inputs.requests(settings)
    let planner = try CasePlanner(
      library: WorkflowLibrary.current(first: settings.workflows.value),
      models: ModelLocator.current(first: settings.models.value), results: results.map { URL(fileURLWithPath: $0) },
      spool: spool.map { URL(fileURLWithPath: $0) }, memory: settings.memory.value
    ) { error in (Int((ExitStatus(error) ?? .software).rawValue), ExitStatus.oneLine(error)) }
    StopRequest.install()
    var cases: [CasePlan] = []
    let names = Dictionary(requests.map { ("\($0.path)", 1) }, uniquingKeysWith: +)
    for request in requests {
      if StopRequest.signal != 0 { throw ExitCode(128 + StopRequest.signal) }
      // Files of one name are told apart by their folders.
      var name = "\(request.path)"
      if names[name] != 1 { name = URL(fileURLWithPath: request.folder).path + "/" + name }
      let plan = planner.plan(request, named: name)
      if !flags.json { show(plan) }
      cases.append(plan)
    }
    let totals = Totals(cases, jobs: settings.jobs.value)
    if flags.json { print(try text(cases, totals)) } else { totals.show() }
    try leave(cases)
  }

  private func text(_ cases: [CasePlan], _ totals: Totals) throws -> String {
    struct Document: Encodable {
      var cases: [CasePlan]
      var totals: Totals
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(Document(cases: cases, totals: totals)), as: UTF8.self)
  }

  private func show(_ plan: CasePlan) {
    print("\(plan.file)  \(plan.job.map(String.init(describing:)) ?? "-")  \(plan.state)")
    if let text = plan.text {
      let what = plan.state == CasePlan.refused ? "refused" : "given up"
      print("  \(what) (\(plan.code)): \(FileError.printable(text))")
    }
    guard let run = plan.run, plan.isToDo else { return }
    print(
      "  \(run.dimensions.map(String.init).joined(separator: " x ")) voxels, \(run.model), \(run.sampler), labels "
        + run.labels.map(String.init).joined(separator: " "))
    let time = plan.seconds.map { String(format: "%.1f s (%@)", $0, plan.secondsFrom?.rawValue ?? "") } ?? "?"
    print(
      "  \(run.evaluations) evaluations of \(run.batch) x \(run.networkSize[0]) x \(run.networkSize[1]), \(time), "
        + "memory \(ByteCount.text(run.predictedMemory)), disk up to \(ByteCount.text(plan.disk))")
    for warning in run.warnings { print("  warning: \(FileError.printable(warning))") }
  }

  private func leave(_ cases: [CasePlan]) throws {
    let refused = cases.filter { $0.code != 0 || $0.state == JobState.quarantine.rawValue }
    guard !refused.isEmpty else { return }
    Terminal.say("pellucid: \(refused.count) of \(cases.count) would be refused, or were given up")
    guard refused.count == cases.count else { throw ExitCode(8) }
    let codes = Set(refused.map { $0.code == 0 ? Int(ExitStatus.data.rawValue) : $0.code })
    // 130 is for a signal: jobs that an operator cancelled are some that were given up.
    throw ExitCode(codes.count > 1 ? ExitStatus.data.rawValue : codes == [130] ? 8 : Int32(codes.first!))
  }

  /// All cases together.
  private struct Totals: Encodable {
    var cases: Int
    /// Cases whose results stand.
    var done: Int
    var refused: Int
    /// Cases that failed before and were given up.
    var givenUp: Int
    /// Files that are the same job as one before them.
    var duplicates: Int
    /// Cases that are still to be computed.
    var toDo: Int
    /// Of the cases that are to be computed.
    var evaluations: Int
    /// Wall-clock seconds, the cases shared out among the jobs.
    var seconds: Double
    /// The largest cases at the same time, in bytes.
    var predictedMemory: Int
    var disk: Int

    init(_ plans: [CasePlan], jobs: Int) {
      let open = plans.filter(\.isToDo)
      cases = plans.count
      done = plans.count { $0.state == JobState.done.rawValue }
      refused = plans.count { $0.state == CasePlan.refused }
      givenUp = plans.count { $0.state == JobState.quarantine.rawValue }
      duplicates = plans.count { $0.state == CasePlan.duplicate }
      toDo = open.count
      evaluations = open.reduce(0) { $0 + ($1.run?.evaluations ?? 0) }
      let longest = open.compactMap(\.seconds).max() ?? 0
      seconds = max(longest, open.reduce(0) { $0 + ($1.seconds ?? 0) } / Double(jobs))
      predictedMemory = open.compactMap { $0.run?.predictedMemory }.sorted().suffix(jobs).reduce(0, +)
      disk = open.reduce(0) { $0 + $1.disk }
    }

    func show() {
      let again = duplicates > 0 ? ", \(duplicates) duplicates" : ""
      print("\(cases) cases: \(toDo) to do, \(done) done, \(givenUp) given up, \(refused) refused\(again)")
      print(
        "\(evaluations) evaluations, about \(String(format: "%.0f", seconds)) s, memory "
          + "\(ByteCount.text(predictedMemory)), disk up to \(ByteCount.text(disk))")
    }
  }
}
