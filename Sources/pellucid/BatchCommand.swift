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

      Exit codes: 0 all done; 2 no image found; 8 some failed (the list: --json, or RESULTS/batch.json); 20 all done, \
      with warnings, under --strict; 64 usage; 74 disk full or I/O error; 130, 143 stopped, jobs given back; where all \
      fail alike, their own code.
      """)

  @OptionGroup var cases: BatchCases
  @Option(name: [.customShort("o"), .long], help: ArgumentHelp("The results tree.", valueName: "folder")) var results:
    String
  @OptionGroup(title: "Work") var flags: WorkerFlags
  @Option(help: ArgumentHelp("The spool (default: in the results tree).", valueName: "folder")) var spool: String?
  @Flag(help: "Stop at the first case that is given up.") var failFast = false
  @Flag(help: "End with code 20 if all is done but there were warnings.") var strict = false

  func run() throws {
    flags.startLog()
    let settings = try flags.settings()
    let requests = try cases.requests(settings)
    let spool = try Spool(for: URL(fileURLWithPath: results), at: spool.map { URL(fileURLWithPath: $0) })
    var run = QueueRun(spool: spool, flags: flags, settings: settings, goal: .answered)
    run.failFast = failFast
    let summary = try run.run(FileListSource(requests))
    let report = BatchReport(summary, spool)
    try cases.writeNames(summary)
    let json = try report.json()
    try AtomicFile.write(Data((json + "\n").utf8), to: spool.results.root.appendingPathComponent("batch.json"))
    if flags.json { print(json) }
    try report.leave(stoppedBy: StopRequest.signal, quiet: flags.quiet)
    if strict { try StrictEnd.leave(over: report.warnings(in: spool.results)) }
  }
}
