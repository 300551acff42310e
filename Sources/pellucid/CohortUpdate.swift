import BatchQueue
import Cases
import DurableFiles
import Foundation
import Provenance
import Reports

/// The page over all cases, kept current by whoever changes the results.
enum CohortUpdate {
  /// Makes it anew from the results and, where there is a spool, from what it gave up.
  @discardableResult
  static func make(_ results: URL, spool: Spool?) throws -> CohortReport.Summary {
    if let spool { try BIDSView.update(spool) }
    let given = try spool?.list([.quarantine]) ?? []
    let rows = given.map { job in
      CohortRow(
        caseID: job.job.description, state: .quarantined,
        reason: job.failures.last.map { "exit-\($0.code)" } ?? "given up")
    }
    return try CohortReport.rebuild(results: results, others: rows)
  }

  /// The same, where a failure must not look like a failure of the work.
  static func tryToMake(_ spool: Spool) {
    do {
      try make(spool.results.root, spool: spool)
    } catch {
      Terminal.say("pellucid: warning: W-REPORT: the page over all cases was not made: \(ExitStatus.oneLine(error))")
    }
  }
}

/// Keeps the page over all cases current while a service runs, in a process of its own so that nothing waits for it.
final class CohortRefresher {
  private let arguments: [String]
  private let interval: Duration
  private var process: Process?
  private var lastStart = SuspendingClock.now - .seconds(3600)
  private var isStale = false

  init(_ spool: Spool, every interval: Duration = .seconds(30)) {
    arguments = [
      "report", spool.results.root.path(percentEncoded: false), "--spool", spool.root.path(percentEncoded: false),
    ]
    self.interval = interval
  }

  /// Something changed.
  func note() { isStale = true }

  /// Starts a refresh where one is due.
  func refreshIfDue() {
    guard isStale, .now - lastStart >= interval, process?.isRunning != true else { return }
    isStale = false
    lastStart = .now
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    process.arguments = arguments
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return }
    self.process = process
  }
}
