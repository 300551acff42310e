import Foundation

/// A program of the system, run by a test.
enum Tool {
  struct Outcome {
    var exitCode: Int32
    /// Both streams, as they came.
    var output: String
  }

  /// Runs a program to its end; what is not in `environment` it does not see.
  static func run(_ path: String, _ arguments: [String], in folder: URL, environment: [String: String]) throws
    -> Outcome
  {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("pellucid-tool-\(UUID().uuidString)")
    try Data().write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    process.currentDirectoryURL = folder
    process.environment = environment
    process.standardInput = FileHandle.nullDevice
    let handle = try FileHandle(forWritingTo: file)
    process.standardOutput = handle
    process.standardError = handle
    try process.run()
    process.waitUntilExit()
    return Outcome(
      exitCode: process.terminationStatus, output: String(decoding: try Data(contentsOf: file), as: UTF8.self))
  }
}
