import Foundation
import Testing

/// Programs that know nothing of this one and judge what it writes, in a Python environment that is made at the first need.
enum Validators {
  /// Runs one of the environment's programs; returns its exit code and what it printed.
  static func run(_ program: String, _ arguments: [String]) throws -> (code: Int32, output: Data) {
    let setup = try start(Repository.root.appendingPathComponent("Workflows/setup.sh").path, ["--tests"])
    try #require(setup.code == 0, "the validators could not be installed")
    return try start(Repository.root.appendingPathComponent(".build/test-venv/bin/\(program)").path, arguments)
  }

  private static func start(_ path: String, _ arguments: [String]) throws -> (code: Int32, output: Data) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, data)
  }
}
