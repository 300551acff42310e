import ArgumentParser
import BatchQueue
import Configuration
import DurableFiles
import Foundation
import TensorCore

/// How a worker works, on the command line of every command that has one.
struct WorkerFlags: ParsableArguments {
  @Option(within: 1...256, help: "Cases computed at the same time, each in a process of its own.") var jobs = 1
  @Option(within: threadCounts, help: "Threads per case; 0 shares the processors out among --jobs.") var threads = 0
  @Option(help: ArgumentHelp("A folder of workflows that goes before all others.", valueName: "folder"))
  var workflows: String?
  @Option(
    help: ArgumentHelp(
      "A case without progress for so long is stopped, at the least; ten evaluations' time if that is more (default: 2m).",
      valueName: "time"),
    transform: duration) var stallTimeout = Duration.seconds(120)
  @Option(help: ArgumentHelp("While this file exists nothing is begun.", valueName: "file")) var pauseFile: String?
  @Option(
    help: ArgumentHelp("Begin only jobs of priority 0 outside these hours, such as 22:00-06:00.", valueName: "hours"),
    transform: hours) var offpeak: DailyHours?
  @Option(within: 1...1_000_000, help: "Begin this many cases at most.") var limit: Int?
  @Option(help: ArgumentHelp("Begin nothing after this time, such as 50m.", valueName: "time"), transform: duration)
  var maxRuntime: Duration?
  @Flag(help: "Print a summary as JSON on stdout.") var json = false
  @Flag(name: .shortAndLong, help: "Say only what needs somebody.") var quiet = false

  /// Threads that each case gets.
  var threadsPerCase: Int {
    threads > 0 ? threads : max(1, ProcessInfo.processInfo.activeProcessorCount / jobs)
  }

  func options(_ goal: RunnerOptions.Goal) -> RunnerOptions {
    var options = RunnerOptions()
    options.goal = goal
    options.slots = jobs
    options.stallTimeout = stallTimeout
    options.pauseFile = pauseFile.map { URL(fileURLWithPath: $0) }
    if let offpeak {
      options.mayClaimOrdinary = {
        let now = Calendar.current.dateComponents([.hour, .minute], from: Date())
        return offpeak.contains(hour: now.hour ?? 0, minute: now.minute ?? 0)
      }
    }
    options.maximumJobs = limit
    options.maximumRuntime = maxRuntime
    return options
  }

  func launch(_ spool: Spool) -> ServerLaunch {
    var arguments = ["serve-cases", "--spool", spool.root.path(percentEncoded: false), "--parent", String(getpid())]
    arguments += ["--threads", String(threadsPerCase)]
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

private func hours(_ text: String) throws -> DailyHours {
  guard let hours = DailyHours(text) else { throw ValidationError("it must be hours such as 22:00-06:00") }
  return hours
}
