import ArgumentParser
import BatchQueue
import Foundation

/// `pellucid worker`: computes what is in a spool.
struct WorkerCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "worker",
    abstract: "Compute the jobs of a spool; any number of workers, on any machines that share the disk.",
    discussion: """
      A worker that dies or stands still loses its job to another after 30 seconds, at once on the same machine. \
      However many work on a job, one result is committed.

      Exit codes: 0 done; 8 some jobs were given up; 66 no such spool; 74 the disk fails; 130, 143 stopped, jobs given back.
      """)

  @Option(help: ArgumentHelp("The spool.", valueName: "folder")) var spool: String
  @Flag(help: "End when nothing is left to do (default: go on waiting for jobs).") var drain = false
  @Option(
    help: ArgumentHelp(
      "A word in the worker's name, by which `pellucid queue show` tells who computes a job.", valueName: "word"))
  var id: String?
  @Option(
    within: 0...99_999, help: "With --of: compute only part I of N of the jobs, 0 to N-1, such as $SLURM_ARRAY_TASK_ID."
  )
  var index: Int?
  @Option(within: 1...100_000, help: "With --index: the N.") var of: Int?
  @OptionGroup(title: "Work") var flags: WorkerFlags

  func validate() throws {
    guard (index == nil) == (of == nil) else { throw ValidationError("--index and --of go together") }
    if let index, let of, JobPart(index: index, count: of) == nil {
      throw ValidationError("--index must be from 0 to \(of - 1) with --of \(of)")
    }
    var options = RunnerOptions()
    if let id, !options.name(id) {
      throw ValidationError("--id takes 1 to 32 letters, digits and underscores")
    }
  }

  func run() throws {
    flags.startLog()
    let spool = try Spool(at: URL(fileURLWithPath: spool))
    var run = QueueRun(
      spool: spool, flags: flags, settings: try flags.settings(), goal: drain ? .drained : .forever)
    run.adjust = { options in
      if let index, let of { options.part = JobPart(index: index, count: of) }
      if let id { _ = options.name(id) }
    }
    let summary = try run.run()
    let report = BatchReport(summary, spool, ofAll: true)
    if flags.json { print(try report.json()) }
    try report.leave(stoppedBy: StopRequest.signal, mayWait: true, quiet: flags.quiet)
  }
}
