import ArgumentParser
import BatchQueue
import Configuration
import DurableFiles
import Foundation

/// Runs a worker and tells how it goes: a line on stderr for each change, a summary on stdout.
///
/// Jobs are named by their ids; no line names a file.
struct QueueRun {
  let spool: Spool
  let flags: WorkerFlags
  let settings: Settings
  let goal: RunnerOptions.Goal
  var failFast = false
  var computes = true
  /// What more the worker is to do otherwise than the flags say.
  var adjust: (inout RunnerOptions) -> Void = { _ in }

  /// Works to the goal; throws `Interruption` after a stop that came from outside.
  func run(_ source: (any DropSource)? = nil) throws -> RunnerSummary {
    StopRequest.install()
    var options = flags.options(goal, settings)
    options.failFast = failFast
    options.computes = computes
    adjust(&options)
    let log = QueueLog(quiet: flags.quiet, progress: flags.progress)
    var spool = spool
    spool.retryAfter = flags.retryAfter / .seconds(1)
    let manager = ServiceManager()
    let refresher = CohortRefresher(spool)
    var changes = 0
    let launch = flags.launch(spool, settings)
    let runner = try QueueRunner(spool, launch: launch, source: source, options: options) { event in
      log.hear(event)
      if let status = log.status(after: event) { manager.status(status) }
      switch event {
      case .committed, .failed(_, _, .quarantine), .failed(_, _, .done), .takenOver(_, .done),
        .takenOver(_, .quarantine):
        changes += 1
        refresher.note()
      default: break
      }
    }
    let summary = try runner.run {
      manager.turn()
      if goal == .forever { refresher.refreshIfDue() }
      if StopRequest.signal != 0 { manager.stopping() }
      return StopRequest.signal != 0
    }
    log.close()
    // One that was killed after its last commit has left this to whoever comes next.
    if changes > 0 || computes && goal != .forever && CohortUpdate.isOutdated(spool.results.root) {
      CohortUpdate.tryToMake(spool)
    }
    return summary
  }
}
