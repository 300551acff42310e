import DurableFiles
import Foundation

/// The built `pellucid`, run as its users run it: a process with arguments, an exit code and two streams.
enum Executable {
  /// What a finished process left.
  struct Outcome {
    var exitCode: Int32
    var standardOutput: String
    var standardError: String

    /// The lines that people see.
    var errorLines: [String] {
      standardError.split(separator: "\n", omittingEmptySubsequences: true).map(String.init)
    }
  }

  /// The executable lies beside the test bundle.
  static let url = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
    .appendingPathComponent("pellucid")

  /// The digest of the executable's file.
  static func sha256() throws -> String { try ContentDigest.sha256(of: url) }

  /// Runs the executable to its end, in `folder`.
  ///
  /// Streams go through files, so that no full pipe can stall the process.
  static func run(
    _ arguments: [String], in folder: URL, environment: [String: String] = [:], executable: URL = url
  ) throws -> Outcome {
    let streams = try Streams()
    defer { streams.remove() }
    let process = try start(arguments, in: folder, environment: environment, streams: streams, executable)
    process.waitUntilExit()
    return Outcome(
      exitCode: process.terminationReason == .exit ? process.terminationStatus : 128 + process.terminationStatus,
      standardOutput: try streams.text(streams.output), standardError: try streams.text(streams.error))
  }

  /// Runs the executable to its end, and collects the command lines of the processes that it started meanwhile.
  static func runListingChildren(_ arguments: [String], in folder: URL, environment: [String: String]) throws -> (
    Outcome, Set<Data>
  ) {
    let streams = try Streams()
    defer { streams.remove() }
    let process = try start(arguments, in: folder, environment: environment, streams: streams)
    let parent = process.processIdentifier
    var seen: Set<Data> = []
    while process.isRunning {
      for task in (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(parent)/task")) ?? [] {
        let children = (try? String(contentsOfFile: "/proc/\(parent)/task/\(task)/children", encoding: .utf8)) ?? ""
        for child in children.split(separator: " ") {
          // Between fork and exec a child still has its parent's.
          if let line = try? Data(contentsOf: URL(fileURLWithPath: "/proc/\(child)/cmdline")), !line.isEmpty,
            line != (try? Data(contentsOf: URL(fileURLWithPath: "/proc/\(parent)/cmdline")))
          {
            seen.insert(line)
          }
        }
      }
      Thread.sleep(forTimeInterval: 0.02)
    }
    process.waitUntilExit()
    let outcome = Outcome(
      exitCode: process.terminationReason == .exit ? process.terminationStatus : 128 + process.terminationStatus,
      standardOutput: try streams.text(streams.output), standardError: try streams.text(streams.error))
    return (outcome, seen)
  }

  /// Runs the executable to its end, and says how many bytes of memory it had at most.
  static func runMeasuringMemory(_ arguments: [String], in folder: URL) throws -> (outcome: Outcome, peakBytes: Int) {
    let streams = try Streams()
    defer { streams.remove() }
    let process = try start(arguments, in: folder, environment: [:], streams: streams)
    var peak = 0
    while process.isRunning {
      let status =
        (try? String(contentsOfFile: "/proc/\(process.processIdentifier)/status", encoding: .utf8)) ?? ""
      for line in status.split(separator: "\n") where line.hasPrefix("VmHWM:") {
        peak = max(peak, line.split(whereSeparator: { !$0.isNumber }).first.flatMap { Int($0) } ?? 0)
      }
      Thread.sleep(forTimeInterval: 0.01)
    }
    process.waitUntilExit()
    let outcome = Outcome(
      exitCode: process.terminationReason == .exit ? process.terminationStatus : 128 + process.terminationStatus,
      standardOutput: try streams.text(streams.output), standardError: try streams.text(streams.error))
    return (outcome, peak * 1024)
  }

  /// Starts the executable, waits for `delay` seconds at most, and kills it with signal 9 if it still runs.
  static func runAndKill(_ arguments: [String], in folder: URL, after delay: Double) throws {
    let streams = try Streams()
    defer { streams.remove() }
    let process = try start(arguments, in: folder, environment: [:], streams: streams)
    Thread.sleep(forTimeInterval: delay)
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  private static func start(
    _ arguments: [String], in folder: URL, environment: [String: String], streams: Streams, _ executable: URL = url
  ) throws -> Process {
    let process = Process()
    process.executableURL = executable
    process.arguments = arguments
    process.currentDirectoryURL = folder
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { _, new in new }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try FileHandle(forWritingTo: streams.output)
    process.standardError = try FileHandle(forWritingTo: streams.error)
    try process.run()
    return process
  }

  /// Two files outside the folder under test, for what the process prints.
  private struct Streams {
    let output = Streams.path("out")
    let error = Streams.path("err")

    init() throws {
      try Data().write(to: output)
      try Data().write(to: error)
    }

    func text(_ url: URL) throws -> String { String(decoding: try Data(contentsOf: url), as: UTF8.self) }

    func remove() {
      try? FileManager.default.removeItem(at: output)
      try? FileManager.default.removeItem(at: error)
    }

    private static func path(_ name: String) -> URL {
      FileManager.default.temporaryDirectory.appendingPathComponent("pellucid-\(UUID().uuidString).\(name)")
    }
  }
}

/// Every path below `folder`, hidden ones too, relative and sorted.
func contents(of folder: URL) throws -> [String] {
  try FileManager.default.subpathsOfDirectory(atPath: folder.path).sorted()
}
