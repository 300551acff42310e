import BatchQueue
import DurableFiles
import Foundation

/// What a worker says on stderr: a line for each change of state, and its progress.
final class QueueLog {
  private let quiet: Bool
  private let display: ProgressDisplay
  private var lastTrouble = ""
  private var committed = 0
  private var failed = 0

  /// A log that keeps quiet of all that needs nobody; progress that is asked for by name is shown all the same.
  init(quiet: Bool, progress: ProgressStyle) {
    self.quiet = quiet
    display = ProgressDisplay(quiet && progress == .auto ? .none : progress, ofMany: true)
  }

  func hear(_ event: QueueEvent) {
    switch event {
    case .progress(let job, let done, let total): return display.show(done, of: total, job: job)
    case .committed(let job, _), .failed(let job, _, _), .lost(let job):
      lastTrouble = ""
      display.forget(job)
    case .trouble(let text):
      if text == lastTrouble { return }
      lastTrouble = text
    case .resumed: lastTrouble = ""
    default: break
    }
    guard !quiet || event.needsSomebody else { return }
    display.close()
    event.line.tell()
  }

  /// What stands in one line for a service manager to show; nil if nothing changed for it.
  func status(after event: QueueEvent) -> String? {
    var now = "watching"
    switch event {
    case .started(let job, _): now = "computing \(job)"
    case .committed: committed += 1
    case .failed(_, _, .quarantine), .refused: failed += 1
    case .paused(let reason): now = "paused: \(FileError.printable(reason))"
    case .resting: now = "waiting for the off-peak hours"
    case .resumed: break
    case .trouble(let text): now = FileError.printable(text)
    default: return nil
    }
    return "\(now); \(committed) committed, \(failed) failed"
  }

  func close() { display.close() }
}

extension QueueEvent {
  /// Whether it is said even to those who want to hear only of what is wrong.
  fileprivate var needsSomebody: Bool {
    switch self {
    case .refused, .failed, .lost, .paused, .trouble: true
    default: false
    }
  }

  /// The event as it is told.
  fileprivate var line: Event {
    switch self {
    case .submitted(let job, nil): Event("queued", job: job, "queued")
    case .submitted(let job, let state?):
      Event(
        "known", job: job, with: [("state", state)], "known: \(state == .done ? "its result stands" : state.rawValue)")
    case .refused(let failure):
      Event(
        "refused", with: [("code", failure.code), ("text", failure.text)],
        "a file was refused (\(failure.code)): \(failure.text)")
    case .waiting(let reason): Event("incomplete", with: [("text", reason)], "a file is not whole yet: \(reason)")
    case .started(let job, let attempt):
      Event("started", job: job, with: [("attempt", attempt)], "started\(attempt > 1 ? ", attempt \(attempt)" : "")")
    case .progress(let job, let done, let total):
      Event("eval", job: job, with: [("i", done), ("n", total)], "\(done)/\(total) evaluations")
    case .committed(let job, let seconds):
      Event(
        "committed", job: job, with: [("seconds", (seconds * 1000).rounded() / 1000)],
        "committed after \(String(format: "%.2f", seconds)) s")
    case .failed(let job, let failure, let state): Self.failure(job, failure, state)
    case .takenOver(let job, let state):
      Event(
        "takenOver", job: job, with: [("state", state)], "taken over from a worker that is gone, now \(state.rawValue)")
    case .lost(let job): Event("lost", job: job, "was taken from this worker: by another one, or by an operator")
    case .paused(let reason): Event("paused", with: [("text", reason)], "paused: \(reason)")
    case .resting: Event("resting", "outside the off-peak hours only urgent jobs (priority 0) are begun")
    case .resumed: Event("resumed", "goes on")
    case .trouble(let text): Event("trouble", with: [("text", text)], text)
    }
  }

  private static func failure(_ job: JobID, _ failure: Failure, _ state: JobState) -> Event {
    let next =
      switch state {
      case .quarantine: "given up"
      case .done: "committed all the same"
      default: "will be tried again"
      }
    return Event(
      "failed", job: job,
      with: [
        ("attempt", failure.attempt), ("code", failure.code), ("kind", failure.kind), ("state", state),
        ("text", failure.text),
      ], "failed (\(failure.code)): \(failure.text); \(next)")
  }
}
