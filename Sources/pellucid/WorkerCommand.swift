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
  @OptionGroup(title: "Work") var flags: WorkerFlags

  func run() throws {
    flags.startLog()
    let spool = try Spool(at: URL(fileURLWithPath: spool))
    let summary = try QueueRun(
      spool: spool, flags: flags, settings: try flags.settings(), goal: drain ? .drained : .forever
    ).run()
    let report = BatchReport(summary, spool)
    if flags.json { print(try report.json()) }
    try report.leave(stoppedBy: StopRequest.signal, mayWait: true, quiet: flags.quiet)
  }
}
