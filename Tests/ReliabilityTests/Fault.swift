import Foundation

/// One thing that goes wrong in a process: which call, and how.
///
/// FaultShim.h says what is behind each.
struct Fault: CustomStringConvertible {
  enum Action: CustomStringConvertible {
    case none, killBefore, killAfter, stop, short
    case fail(Int32)
    case doneButFail(Int32)

    var description: String {
      switch self {
      case .none: "none"
      case .killBefore: "kill-before"
      case .killAfter: "kill-after"
      case .stop: "stop"
      case .short: "short"
      case .fail(let code): "errno:\(code)"
      case .doneButFail(let code): "done:\(code)"
      }
    }
  }

  var action = Action.none
  /// The number of the call, from 1.
  var at = 0
  /// How many calls in a row; 0 for all that follow.
  var span = 1
  /// Which calls count; all if empty.
  var operations: [String] = []
  /// Text that the path of a call that counts contains.
  var path: String?

  var description: String { "\(action) at call \(at)\(operations.isEmpty ? "" : " of \(operations)")" }

  /// Runs `body` with the environment that arms the fault for calls below `folder`; the second value tells how many calls
  /// were counted, and how many went wrong.
  func arm<R>(_ folder: URL, trace: URL? = nil, _ body: ([String: String]) throws -> R) throws -> (
    R, calls: Int, hits: Int
  ) {
    let state = FileManager.default.temporaryDirectory.appendingPathComponent("pellucid-\(UUID().uuidString).fault")
    try Data(count: 16).write(to: state)
    defer { try? FileManager.default.removeItem(at: state) }
    var environment = [
      "LD_PRELOAD": Subject.faultShim, "FAULT_FOLDER": folder.path, "FAULT_STATE": state.path, "FAULT_AT": String(at),
      "FAULT_SPAN": String(span), "FAULT_ACTION": action.description,
    ]
    if !operations.isEmpty { environment["FAULT_OPS"] = operations.joined(separator: ",") }
    if let path { environment["FAULT_PATH"] = path }
    if let trace { environment["FAULT_TRACE"] = trace.path }
    let result = try body(environment)
    let counters = try Data(contentsOf: state)
    func counter(_ index: Int) -> Int {
      counters.withUnsafeBytes { Int($0.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self)) }
    }
    return (result, counter(0), counter(1))
  }
}

/// Whether the full numbers are asked for (`make soak`), or the sample of every day.
let isSoak = ProcessInfo.processInfo.environment["TESTS_SOAK"] == "1"

/// Does `work` for every point with as many processes as there are processors, and gathers what it found.
///
/// Points are independent; each has a folder of its own. The result is sorted, so that two runs read alike.
func sweep<Point: Sendable>(_ points: [Point], _ work: @Sendable @escaping (Point) throws -> [String]) -> [String] {
  let found = Findings()
  DispatchQueue.concurrentPerform(iterations: points.count) { index in
    do { found.add(try work(points[index])) } catch {
      found.add(["\(points[index]): the test itself failed: \(error)"])
    }
  }
  return found.sorted
}

/// What several threads found.
final class Findings: @unchecked Sendable {
  private let lock = NSLock()
  private var lines: [String] = []

  /// Takes them down, and in an hour's run says them at once, so that a run that is cut short was not for nothing.
  func add(_ more: [String]) {
    lock.withLock { lines += more }
    guard isSoak else { return }
    for line in more { FileHandle.standardError.write(Data("\(line)\n".utf8)) }
  }
  var sorted: [String] { lock.withLock { lines.sorted() } }
}

/// Numbers for Docs/Reliability.md; printed by the soak.
enum Tally {
  static func note(_ name: String, points: Int, violations: [String]) {
    guard isSoak else { return }
    let line = "| \(name) | \(points) | \(violations.count) |\n"
    FileHandle.standardError.write(Data(line.utf8))
    guard let path = ProcessInfo.processInfo.environment["TESTS_SOAK_TABLE"] else { return }
    if let file = FileHandle(forWritingAtPath: path) {
      file.seekToEndOfFile()
      file.write(Data(line.utf8))
    }
  }
}
