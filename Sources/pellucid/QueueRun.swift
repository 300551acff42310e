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

  /// Works to the goal; throws `Interruption` after a stop that came from outside.
  func run(_ source: (any DropSource)? = nil) throws -> RunnerSummary {
    StopRequest.install()
    var options = flags.options(goal, settings)
    options.failFast = failFast
    options.computes = computes
    let log = QueueLog(quiet: flags.quiet)
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
      case .committed, .failed(_, _, .quarantine):
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
    if changes > 0 { CohortUpdate.tryToMake(spool) }
    return summary
  }
}

/// What a worker says on stderr.
final class QueueLog {
  private let quiet: Bool
  private var lastProgress = ContinuousClock.now - .seconds(60)
  private let isTerminal = isatty(STDERR_FILENO) == 1
  private var lineIsOpen = false
  private var lastTrouble = ""
  private var committed = 0
  private var failed = 0

  init(quiet: Bool) { self.quiet = quiet }

  func hear(_ event: QueueEvent) {
    switch event {
    case .submitted(let job, nil): note("\(job) queued")
    case .submitted(let job, let state?): note("\(job) known: \(state == .done ? "its result stands" : state.rawValue)")
    case .refused(let failure): warn("a file was refused (\(failure.code)): \(failure.text)")
    case .waiting(let reason): note("a file is not whole yet: \(reason)")
    case .started(let job, let attempt): note("\(job) started\(attempt > 1 ? ", attempt \(attempt)" : "")")
    case .progress(let job, let done, let total): progress(job, done, total)
    case .committed(let job, let seconds): note("\(job) committed after \(String(format: "%.2f", seconds)) s")
    case .failed(let job, let failure, let state): fail(job, failure, state)
    case .takenOver(let job, let state): note("\(job) taken over from a worker that is gone, now \(state.rawValue)")
    case .lost(let job): warn("\(job) was taken from this worker: by another one, or by an operator")
    case .paused(let reason): warn("paused: \(reason)")
    case .resumed: note("goes on")
    case .trouble(let text):
      if text != lastTrouble { warn(text) }
      lastTrouble = text
    }
  }

  /// What stands in one line for a service manager to show; nil if nothing changed for it.
  func status(after event: QueueEvent) -> String? {
    var now = "watching"
    switch event {
    case .started(let job, _): now = "computing \(job)"
    case .committed: committed += 1
    case .failed(_, _, .quarantine), .refused: failed += 1
    case .paused(let reason): now = "paused: \(FileError.printable(reason))"
    case .resumed: break
    case .trouble(let text): now = FileError.printable(text)
    default: return nil
    }
    return "\(now); \(committed) committed, \(failed) failed"
  }

  private func fail(_ job: JobID, _ failure: Failure, _ state: JobState) {
    let next =
      switch state {
      case .quarantine: "given up"
      case .done: "committed all the same"
      default: "will be tried again"
      }
    warn("\(job) failed (\(failure.code)): \(failure.text); \(next)")
  }

  private func progress(_ job: JobID, _ done: Int, _ total: Int) {
    guard !quiet, total > 0, .now - lastProgress > (isTerminal ? .milliseconds(200) : .seconds(30)) else { return }
    lastProgress = .now
    let line = "\(job) \(done)/\(total) evaluations"
    guard isTerminal else { return Terminal.say("pellucid: \(line)") }
    Terminal.put("\r\u{1B}[K\(line)")
    lineIsOpen = true
  }

  private func note(_ line: String) { if !quiet { say(line) } }
  private func warn(_ line: String) { say(line) }

  private func say(_ line: String) {
    close()
    Terminal.say("pellucid: \(FileError.printable(line))")
  }

  func close() {
    if lineIsOpen { Terminal.put("\r\u{1B}[K") }
    lineIsOpen = false
  }
}
