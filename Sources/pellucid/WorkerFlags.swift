import ArgumentParser
import BatchQueue
import Configuration
import DurableFiles
import Foundation
import TensorCore

/// How a worker works, on the command line of every command that has one; what is not given comes from the settings.
struct WorkerFlags: ParsableArguments {
  @Option(within: 1...256, help: "Cases computed at the same time, each in a process of its own (settings: jobs).")
  var jobs: Int?
  @Option(within: threadCounts, help: "Threads per case; 0 shares the processors out among --jobs (settings: threads).")
  var threads: Int?
  @Option(
    help: ArgumentHelp("A folder of workflows that goes before all others (settings: workflows).", valueName: "folder"))
  var workflows: String?
  @Option(
    help: ArgumentHelp(
      "A case without progress for so long is stopped; ten evaluations' time if that is more (settings: stallTimeout).",
      valueName: "time")) var stallTimeout: String?
  @Option(
    help: ArgumentHelp(
      "A worker that shows no sign of life for so long loses its job to another; the same for all workers of a spool (default: 30s).",
      valueName: "time"),
    transform: leaseTime) var lease = Duration.seconds(30)
  @Option(
    help: ArgumentHelp(
      "How long a job waits after a failure that may pass; then five and twenty-five times that (default: 1m).",
      valueName: "time"),
    transform: duration) var retryAfter = Duration.seconds(60)
  @Option(help: ArgumentHelp("While this file exists nothing is begun (settings: pauseFile).", valueName: "file"))
  var pauseFile: String?
  @Option(
    help: ArgumentHelp(
      "Begin only jobs of priority 0 outside these hours, such as 22:00-06:00 (settings: offPeak).", valueName: "hours")
  )
  var offpeak: String?
  @Option(
    name: [.long, .customLong("max-jobs")], within: 1...1_000_000, help: "Begin this many cases at most.")
  var limit: Int?
  @Option(help: ArgumentHelp("Begin nothing after this time, such as 50m.", valueName: "time"), transform: duration)
  var maxRuntime: Duration?
  @Flag(help: "Print a summary as JSON on stdout.") var json = false
  @Flag(name: .shortAndLong, help: "Say only what needs somebody.") var quiet = false
  @Option(help: "How stderr is written: text, or json with one object for each change of state.")
  var logFormat = LogFormat.text
  @Option(
    help: "Progress on stderr: auto, plain (a line every 30 s), json (one object for each evaluation told of), none.")
  var progress = ProgressStyle.auto

  /// Has everything said as it is wanted; the first thing that a command does.
  func startLog() { LogFormat.inForce = logFormat }

  /// The settings in force, with these flags on top, and those that only one command has.
  func settings(_ more: [Settings.Key: String?] = [:]) throws -> Settings {
    let own: [Settings.Key: String?] = [
      .jobs: jobs.map { String($0) }, .threads: threads.map { String($0) }, .workflows: workflows,
      .stallTimeout: stallTimeout, .pauseFile: pauseFile, .offPeak: offpeak,
    ]
    return try SettingsInForce.read(own.merging(more) { _, new in new })
  }

  func options(_ goal: RunnerOptions.Goal, _ settings: Settings) -> RunnerOptions {
    var options = RunnerOptions()
    options.goal = goal
    options.slots = settings.jobs.value
    options.stallTimeout = settings.stallTimeout.value
    options.lease = LeaseTiming(beat: lease / 6, expiry: lease)
    options.pauseFile = settings.pauseFile.value
    options.minimumFreeSpace = settings.minimumFreeSpace.value
    if let hours = settings.offPeak.value {
      options.mayClaimOrdinary = {
        let now = Calendar.current.dateComponents([.hour, .minute], from: Date())
        return hours.contains(hour: now.hour ?? 0, minute: now.minute ?? 0)
      }
    }
    options.maximumJobs = limit
    options.maximumRuntime = maxRuntime
    return options
  }

  /// Threads that each case gets.
  static func threadsPerCase(_ settings: Settings) -> Int {
    let share = max(1, ProcessInfo.processInfo.activeProcessorCount / settings.jobs.value)
    return settings.threads.value > 0 ? settings.threads.value : share
  }

  func launch(_ spool: Spool, _ settings: Settings) -> ServerLaunch {
    Self.launch(spool, threads: Self.threadsPerCase(settings), workflows: workflows)
  }

  /// How the child processes of this process are started.
  static func launch(_ spool: Spool, threads: Int, workflows: String? = nil) -> ServerLaunch {
    var arguments = ["serve-cases", "--spool", spool.root.path(percentEncoded: false), "--parent", String(getpid())]
    arguments += ["--threads", String(threads)]
    if let workflows { arguments += ["--workflows", workflows] }
    let executable = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? "/proc/self/exe"
    return ServerLaunch(executable: executable, arguments: arguments)
  }
}

/// A duration option's value.
func duration(_ text: String) throws -> Duration {
  guard let duration = DurationText.parse(text) else {
    throw ValidationError("it must be a time such as 20s, 5m or 1h30m")
  }
  return duration
}

private func leaseTime(_ text: String) throws -> Duration {
  let lease = try duration(text)
  guard lease >= .milliseconds(300), lease <= .seconds(3600) else {
    throw ValidationError("it must be from 300ms to 1h")
  }
  return lease
}
