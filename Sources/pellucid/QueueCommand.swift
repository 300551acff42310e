public import ArgumentParser
public import BatchQueue
import Cases
import DurableFiles
import Foundation

/// `pellucid queue`: what is in a spool, and what an operator does to it.
struct QueueCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "queue", abstract: "Look at the jobs of a spool, and operate them.",
    subcommands: [List.self, Show.self, Retry.self, Hold.self, Release.self, Cancel.self, GarbageCollection.self])

  /// Which spool is meant.
  struct Place: ParsableArguments {
    @Option(help: ArgumentHelp("The spool.", valueName: "folder")) var spool: String?
    @Option(help: ArgumentHelp("The results tree whose spool is meant.", valueName: "folder")) var results: String?

    func validate() throws {
      guard (spool == nil) != (results == nil) else { throw ValidationError("give --spool or --results") }
    }

    func open() throws -> Spool {
      if let spool { return try Spool(at: URL(fileURLWithPath: spool)) }
      return try Spool(at: URL(fileURLWithPath: results!).appendingPathComponent(".pellucid/spool"))
    }
  }

  /// Jobs that an action is done to.
  struct Jobs: ParsableArguments {
    @OptionGroup var place: Place
    @Argument(help: "Job ids.") var jobs: [String] = []
    @Flag(help: "Print the jobs' new states as JSON.") var json = false

    /// Does something to each; an error at one does not keep it from the others.
    func each(_ chosen: [JobID]? = nil, _ action: (Spool, JobID) throws -> Void) throws {
      let spool = try place.open()
      let ids = try chosen ?? jobs.map(Self.id)
      guard !ids.isEmpty else { throw ValidationError("give the ids of jobs; `pellucid queue ls` lists them") }
      var firstError: (any Error)?
      for id in ids {
        do { try action(spool, id) } catch {
          if firstError == nil {
            firstError = error
          } else {
            Terminal.say("pellucid: error: \(ExitStatus.oneLine(error))")
          }
        }
      }
      if json { try Self.print(ids.compactMap { try? spool.status(of: $0) }) }
      if let firstError { throw firstError }
    }

    static func id(_ text: String) throws -> JobID {
      guard let id = JobID(text) else {
        throw ValidationError("'\(FileError.printable(text))' is no job id: it has 16 hexadecimal digits")
      }
      return id
    }

    static func print(_ value: some Encodable) throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      Swift.print(String(decoding: try encoder.encode(value), as: UTF8.self))
    }
  }

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "ls", abstract: "List jobs.")
    @OptionGroup var place: Place
    @Option(
      help: "Only jobs in this state: \(JobState.allCases.map(\.rawValue).joined(separator: ", ")). May be repeated.")
    var state: [JobState] = []
    @Option(
      help: ArgumentHelp("Only jobs that were submitted longer ago than this, such as 2h.", valueName: "time"),
      transform: duration)
    var olderThan: Duration?
    @Flag(help: "Print JSON.") var json = false

    func run() throws {
      let least = olderThan.map { $0 / .seconds(1) } ?? 0
      let jobs = try place.open().list(state.isEmpty ? Set(JobState.allCases) : Set(state)).filter {
        $0.age ?? .infinity >= least
      }
      if json { return try Jobs.print(jobs) }
      for job in jobs {
        let waits = job.waits.map { ", again in \(Int($0)) s" } ?? ""
        let why = job.failures.last.map { "  \($0.code) \($0.text)" } ?? ""
        print("\(job.job)  \(job.state.rawValue)\(waits)  priority \(job.priority)  attempt \(job.attempt)\(why)")
      }
    }
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "show", abstract: "Show jobs by id, or all jobs of a file.",
      discussion: "A file is found by its content, so it may lie anywhere and have any name.")
    @OptionGroup var place: Place
    @Argument(help: "Job ids or files.") var what: [String]
    @Flag(help: "Print JSON.") var json = false

    func run() throws {
      let spool = try place.open()
      let jobs = try what.flatMap { text -> [JobStatus] in
        if let id = JobID(text) { return [try spool.status(of: id)] }
        let found = try spool.jobs(reading: try ContentDigest.sha256(of: URL(fileURLWithPath: text)))
        guard !found.isEmpty else {
          throw QueueError(
            .unknownJob, "no job of this spool reads a file with the content of \(FileError.printable(text))")
        }
        return try found.map(spool.status)
      }
      if json { return try Jobs.print(jobs) }
      for job in jobs { print(Self.text(job)) }
    }

    private static func text(_ job: JobStatus) -> String {
      var lines = ["job       \(job.job)", "state     \(job.state.rawValue)", "priority  \(job.priority)"]
      lines.append("attempt   \(job.attempt)")
      if let worker = job.worker { lines.append("worker    \(worker)") }
      if let result = job.result { lines.append("result    \(result)") }
      lines += job.inputs.map { "input     \($0)" }
      for failure in job.failures {
        lines.append(
          "failure   attempt \(failure.attempt), \(failure.kind.rawValue), code \(failure.code): \(failure.text)")
        lines += failure.evidence.map { "          | \($0)" }
      }
      return lines.joined(separator: "\n")
    }
  }

  struct Retry: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "retry", abstract: "Try jobs again that were given up, or that wait after a failure.",
      discussion: """
        A job that is done is checked as `pellucid verify` does, and made again if its result is gone or damaged; what is \
        left of that is kept in RESULTS/.pellucid/damaged.
        """)
    @OptionGroup var jobs: Jobs
    @Flag(help: "All jobs that were given up.") var all = false

    /// The jobs that were given up and can be tried again.
    private func given(in spool: Spool) throws -> [JobID] {
      try spool.list([.quarantine]).map(\.job).filter { id in
        do { _ = try spool.job(id) } catch let error as QueueError where error.kind == .damaged {
          Terminal.say("pellucid: warning: \(error); it is passed over")
          return false
        }
        return true
      }
    }

    func run() throws {
      let chosen = all ? try given(in: jobs.place.open()) : nil
      if chosen?.isEmpty == true {
        if jobs.json { try Jobs.print([JobStatus]()) }
        return
      }
      try jobs.each(chosen) { spool, job in
        guard try spool.state(of: job) == .done else { return try spool.retry(job) }
        guard try ResultMender.mend(job, in: spool) else {
          throw QueueError(.usage, "job \(job) is done, and its result is as it was committed")
        }
      }
    }
  }

  struct Hold: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "hold", abstract: "Set waiting jobs aside.")
    @OptionGroup var jobs: Jobs
    func run() throws { try jobs.each { try $0.hold($1) } }
  }

  struct Release: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "release", abstract: "Let held jobs go on.")
    @OptionGroup var jobs: Jobs
    @Flag(help: "Also take jobs from the worker that computes them.") var force = false
    func run() throws { try jobs.each { try $0.release($1, force: force) } }
  }

  struct Cancel: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "cancel", abstract: "Give jobs up; a worker that computes one stops within seconds.")
    @OptionGroup var jobs: Jobs
    func run() throws { try jobs.each { try $0.cancel($1) } }
  }

  struct GarbageCollection: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "gc", abstract: "Remove what no job needs any more; no result is ever removed.",
      discussion: """
        Removed are folders of attempts that crashed or lost, half-made files, and copies of inputs whose results have \
        stood for --older-than. Without its input a result is verified as before; to recompute it, \
        `pellucid verify --rerun --inputs FOLDER` must find the file.
        """)
    @OptionGroup var place: Place
    @Option(
      help: ArgumentHelp("Age of results whose inputs are removed (default: 30d).", valueName: "time"),
      transform: duration)
    var olderThan = Duration.seconds(30 * 86_400)
    @Flag(help: "Say what would be removed, and remove nothing.") var dryRun = false
    @Flag(help: "Print JSON.") var json = false

    func run() throws {
      let garbage = try Garbage(in: try place.open(), inputsOlderThan: olderThan)
      if !dryRun { try garbage.remove() }
      if !garbage.unreadable.isEmpty {
        let jobs = garbage.unreadable.prefix(10).map(\.description).joined(separator: ", ")
        Terminal.say("pellucid: warning: no input is removed, for the records of jobs cannot be read: \(jobs)")
      }
      if json { return try Jobs.print(garbage.items) }
      for item in garbage.items { print("\(item.kind)  \(ByteCount.text(item.bytes))  \(item.path)") }
      print("\(dryRun ? "would free" : "freed") \(ByteCount.text(garbage.bytes)) in \(garbage.items.count) items")
    }
  }
}

extension JobState: ExpressibleByArgument {}
