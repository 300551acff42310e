import ArgumentParser
import BatchQueue
import Foundation

/// `pellucid enqueue`: many files into a spool, for workers to compute.
struct EnqueueCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "enqueue",
    abstract: "Put images into a spool without computing them; workers do.",
    discussion: """
      Takes what `pellucid batch` takes. Any number of `pellucid worker --spool SPOOL --drain` then compute the jobs.

      Exit codes: 0 all are in the queue or done; 2 no image found; 8 some were refused; 64 usage; 74 disk full.
      """)

  @OptionGroup var cases: BatchCases
  @Option(name: [.customShort("o"), .long], help: ArgumentHelp("The results tree.", valueName: "folder")) var results:
    String
  @Option(help: ArgumentHelp("The spool (default: in the results tree).", valueName: "folder")) var spool: String?
  @OptionGroup(title: "Work") var flags: WorkerFlags

  func run() throws {
    flags.startLog()
    let settings = try flags.settings()
    let requests = try cases.requests(settings)
    let spool = try Spool(for: URL(fileURLWithPath: results), at: spool.map { URL(fileURLWithPath: $0) })
    var run = QueueRun(spool: spool, flags: flags, settings: settings, goal: .drained)
    run.computes = false
    let summary = try run.run(FileListSource(requests))
    let report = BatchReport(summary, spool)
    try cases.writeNames(summary)
    if flags.json { print(try report.json()) }
    if report.failed > 0 || StopRequest.signal != 0 { try report.leave(stoppedBy: StopRequest.signal) }
    if !flags.quiet { Terminal.say("pellucid: \(report.waiting) in the queue, \(report.committed) done before") }
  }
}
