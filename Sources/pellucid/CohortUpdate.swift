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

  /// Whether results were committed after the page was made, by the file system's own clock.
  static func isOutdated(_ results: URL) -> Bool {
    func changed(_ url: URL) -> Date? {
      (try? FileManager.default.attributesOfItem(atPath: url.path))?[.modificationDate] as? Date
    }
    let manifests = results.appendingPathComponent(".pellucid/manifests")
    let commits = ((try? FolderChanges.names(in: manifests)) ?? []).compactMap {
      changed(manifests.appendingPathComponent($0))
    }
    guard let last = commits.max() else { return false }
    return changed(results.appendingPathComponent("index.html")).map { $0 < last } ?? true
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
  private var process: pid_t?
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
    guard isStale, .now - lastStart >= interval, !isRunning() else { return }
    isStale = false
    lastStart = .now
    process = Self.spawn(arguments)
  }

  private func isRunning() -> Bool {
    guard let child = process else { return false }
    var status: Int32 = 0
    if waitpid(child, &status, WNOHANG) == 0 { return true }
    process = nil
    return false
  }

  /// Starts this executable, deaf and dumb; nil if that fails.
  ///
  /// Not by Foundation's `Process`: it hears of a child's end through an internet socket, which a service may be denied, and
  /// then takes every child for running.
  private static func spawn(_ arguments: [String]) -> pid_t? {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for descriptor in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] {
      posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_RDWR, 0)
    }
    let words = (["pellucid"] + arguments).map { strdup($0) } + [nil]
    let variables = ProcessInfo.processInfo.environment.map { strdup("\($0)=\($1)") } + [nil]
    defer { for text in words + variables { free(text) } }
    var child: pid_t = 0
    let code = posix_spawn(&child, "/proc/self/exe", &actions, nil, words, variables)
    return code == 0 ? child : nil
  }
}
