import BatchQueue
import Foundation
import TestSupport

/// A spool with its results in a folder of its own, and the server process that does what jobs say.
struct QueueScene {
  let folder: URL
  let spool: Spool

  static func with<R>(_ body: (QueueScene) throws -> R) throws -> R {
    try withTemporaryFolder { folder in
      try body(QueueScene(folder: folder, spool: Spool(for: folder.appendingPathComponent("results"))))
    }
  }

  var launch: ServerLaunch {
    let executable = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
      .appendingPathComponent("QueueTestServer")
    // Without the runtime's own report of a crash, which takes longer than the tests let a case stand still.
    return ServerLaunch(
      executable: executable.path, arguments: [spool.root.path, String(getpid())],
      environment: ["SWIFT_BACKTRACE": "enable=no"])
  }

  /// A key that begins with the number, in hexadecimal digits.
  static func key(_ number: Int) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits + String(repeating: "a", count: 48)
  }

  @discardableResult
  func submit(
    _ number: Int, _ what: String = "ok", code: Int? = nil, file: URL? = nil, priority: Int = 5, retries: Int = 2
  ) throws -> JobID {
    let job = Job(key: Self.key(number), priority: priority, sequence: number, retries: retries, inputs: [])
    var work = "{\"do\": \"\(what)\""
    if let code { work += ", \"code\": \(code)" }
    if let file { work += ", \"file\": \"\(file.path)\"" }
    work += "}"
    _ = try spool.submit(job, work: Data(work.utf8))
    return job.id
  }

  func runner(
    _ change: (inout RunnerOptions) -> Void = { _ in }, source: (any DropSource)? = nil,
    tell: @escaping (QueueEvent) -> Void = { _ in }
  ) throws -> QueueRunner {
    var options = RunnerOptions()
    options.minimumFreeSpace = 0
    options.lease = LeaseTiming(beat: .milliseconds(50), expiry: .milliseconds(400))
    change(&options)
    return try QueueRunner(spool, launch: launch, source: source, options: options, tell: tell)
  }

  func text(of job: JobID) throws -> String {
    try String(contentsOf: spool.results.caseFolder(of: job).appendingPathComponent("output.txt"), encoding: .utf8)
  }

  func names(_ path: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.appendingPathComponent(path).path).sorted()
  }
}
