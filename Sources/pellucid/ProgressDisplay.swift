import ArgumentParser
import BatchQueue
import Foundation

/// How progress is shown.
enum ProgressStyle: String, CaseIterable, ExpressibleByArgument {
  /// A line that is drawn anew on a terminal, lines elsewhere.
  case auto
  /// A line every 30 seconds.
  case plain
  /// Every event as a JSON object.
  case json
  /// Nothing.
  case none
}

/// Progress of network evaluations with the time left, on stderr.
///
/// The time left is that of the evaluations so far: they all cost the same.
final class ProgressDisplay {
  private let style: ProgressStyle
  private let draws: Bool
  /// Whether it is about one job, whose first and last evaluation are worth a line each.
  private let isOfOne: Bool
  private var starts: [JobID?: (time: ContinuousClock.Instant, done: Int)] = [:]
  private var lastShown: ContinuousClock.Instant?
  private var lineIsOpen = false

  /// A display of one job's progress, or of that of `many`.
  init(_ style: ProgressStyle, ofMany many: Bool = false) {
    self.style = style
    isOfOne = !many
    draws = style == .auto && LogFormat.inForce == .text && isatty(STDERR_FILENO) == 1
  }

  /// Shows that `done` of `total` evaluations of a job are finished; no total, nothing to show.
  func show(_ done: Int, of total: Int, job: JobID? = nil) {
    guard style != .none, total > 0 else { return }
    let now = ContinuousClock.now
    let start = start(done, job, now)
    guard style == .json || isOfOne && done == total || lastShown.map({ now - $0 >= interval }) ?? true else { return }
    lastShown = now
    let sentence = Self.sentence(done, total, now - start.time, start.done)
    let event = Event("eval", job: job, with: [("i", done), ("n", total)], sentence)
    if style == .json { return Terminal.put(event.line(.json) + "\n") }
    guard draws else { return event.tell() }
    draw(done, total, event)
  }

  private var interval: Duration { draws ? .milliseconds(200) : .seconds(30) }

  /// When a job's evaluations began, and with how many.
  private func start(_ done: Int, _ job: JobID?, _ now: ContinuousClock.Instant) -> (
    time: ContinuousClock.Instant, done: Int
  ) {
    // A count that starts again is another attempt.
    if let known = starts[job], known.done <= done { return known }
    starts[job] = (now, done)
    return (now, done)
  }

  private static func sentence(_ done: Int, _ total: Int, _ time: Duration, _ first: Int) -> String {
    let seconds = time / .seconds(1)
    let count = "\(done)/\(total) evaluations"
    if done == total { return count + ", took \(clock(seconds))" }
    guard done > first else { return count }
    return count + ", \(clock(seconds / Double(done - first) * Double(total - done))) left"
  }

  private func draw(_ done: Int, _ total: Int, _ event: Event) {
    let width = 24
    let filled = done * width / total
    let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
    let name = event.job.map { "\($0) " } ?? ""
    Terminal.put("\r\u{1B}[K\(name)\(bar) \(done * 100 / total) %  \(event.sentence)")
    lineIsOpen = true
    if isOfOne, done == total { close() }
  }

  /// Forgets a job that came to its end.
  func forget(_ job: JobID) { starts[job] = nil }

  /// Ends a line that is being drawn, so that the next message starts a new one; of many jobs none stays to be seen.
  func close() {
    guard lineIsOpen else { return }
    lineIsOpen = false
    Terminal.put(isOfOne ? "\n" : "\r\u{1B}[K")
  }

  /// `0:07`, `12:34`, `1:02:03`.
  static func clock(_ seconds: Double) -> String {
    let whole = Int(min(max(seconds, 0), 1e8).rounded())
    let (hours, minutes) = (whole / 3600, whole / 60 % 60)
    return hours > 0
      ? String(format: "%d:%02d:%02d", hours, minutes, whole % 60) : String(format: "%d:%02d", minutes, whole % 60)
  }
}
