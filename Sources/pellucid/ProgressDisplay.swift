import ArgumentParser
import Foundation

/// How progress is shown.
enum ProgressStyle: String, CaseIterable, ExpressibleByArgument {
  /// A bar on a terminal, lines elsewhere.
  case auto
  /// Lines: the first evaluation, one every 30 seconds, the last.
  case plain
  /// Nothing.
  case none
}

/// Progress of network evaluations with the time left, on stderr.
///
/// The time left is that of the evaluations so far: they all cost the same.
final class ProgressDisplay {
  private let draws: Bool
  private let isSilent: Bool
  private let start = ContinuousClock.now
  private var lastShown: ContinuousClock.Instant?
  private var lineIsOpen = false

  init(_ style: ProgressStyle) {
    isSilent = style == .none
    draws = style == .auto && isatty(STDERR_FILENO) == 1
  }

  /// Shows that `done` of `total` evaluations are finished.
  func show(_ done: Int, of total: Int) {
    guard !isSilent else { return }
    let now = ContinuousClock.now
    let interval: Duration = draws ? .milliseconds(200) : .seconds(30)
    guard done == total || lastShown.map({ now - $0 >= interval }) ?? true else { return }
    lastShown = now
    let elapsed = (now - start) / .seconds(1)
    let left = elapsed / Double(done) * Double(total - done)
    let text =
      "\(done)/\(total) evaluations, " + (done == total ? "took \(Self.clock(elapsed))" : "\(Self.clock(left)) left")
    if draws {
      let width = 24
      let filled = done * width / max(total, 1)
      let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
      Terminal.put("\r\u{1B}[K\(bar) \(done * 100 / max(total, 1)) %  \(text)")
      lineIsOpen = true
      if done == total { close() }
    } else {
      Terminal.say(text)
    }
  }

  /// Ends a line that is being drawn, so that the next message starts a new one.
  func close() {
    guard lineIsOpen else { return }
    lineIsOpen = false
    Terminal.put("\n")
  }

  /// `0:07`, `12:34`, `1:02:03`.
  static func clock(_ seconds: Double) -> String {
    let whole = Int(min(max(seconds, 0), 1e8).rounded())
    let (hours, minutes) = (whole / 3600, whole / 60 % 60)
    return hours > 0
      ? String(format: "%d:%02d:%02d", hours, minutes, whole % 60) : String(format: "%d:%02d", minutes, whole % 60)
  }
}
