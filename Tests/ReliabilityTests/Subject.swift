import CPosix
import Foundation
import Glibc

/// The built `pellucid`, in a process group of its own, so that it can be killed with all its children.
final class Subject {
  /// How much slower than alone a process may be among all tests on two cores, and on a machine that is shared.
  static let slowness = 6.0
  /// The executable, and the library that makes file-system calls go wrong, lie beside the test bundle.
  private static let products = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
  static let executable = products.appendingPathComponent("pellucid").path
  static let faultShim = products.appendingPathComponent("libFaultShim.so").path

  /// How a process ended: its exit code, or 128 + the signal.
  struct Ending: CustomStringConvertible {
    var code: Int32
    var output: String
    var messages: String
    var description: String { "code \(code): \(messages)" }
  }

  let process: pid_t
  private let streams: [String]
  private var code: Int32?

  /// Orphans of killed processes become our children, so that waiting for a group means waiting for all of it.
  private static let adoptsOrphans: Bool = {
    typealias Control = @convention(c) (Int32, UInt, UInt, UInt, UInt) -> Int32
    guard let symbol = dlsym(nil, "prctl") else { return false }
    let setChildSubreaper: Int32 = 36
    return unsafeBitCast(symbol, to: Control.self)(setChildSubreaper, 1, 0, 0, 0) == 0
  }()

  init(_ arguments: [String], executable: String = Subject.executable, environment: [String: String] = [:]) throws {
    precondition(Self.adoptsOrphans)
    let name = FileManager.default.temporaryDirectory.appendingPathComponent("pellucid-\(UUID().uuidString)").path
    streams = [name + ".out", name + ".err"]
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    for (descriptor, stream) in zip([STDOUT_FILENO, STDERR_FILENO], streams) {
      posix_spawn_file_actions_addopen(&actions, descriptor, stream, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0o600)
    }
    // What other tests are writing at this moment is not open in this process too.
    _ = cposix_spawn_closes_from(&actions, 3)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // The threads of tests block signals, and a child would inherit that.
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK))
    posix_spawnattr_setpgroup(&attributes, 0)
    // Variables that steer the tests are none of its settings.
    let ours = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("PELLUCID_") }
    let all = ours.merging(environment) { _, new in new }
    let words = ([executable] + arguments).map { strdup($0) } + [nil]
    let variables = all.map { strdup("\($0)=\($1)") } + [nil]
    defer { for text in words + variables { free(text) } }
    var process: pid_t = 0
    let failure = posix_spawn(&process, executable, &actions, &attributes, words, variables)
    guard failure == 0 else { throw POSIXError(POSIXErrorCode(rawValue: failure) ?? .EIO) }
    self.process = process
  }

  deinit {
    end()
    for stream in streams { unlink(stream) }
  }

  /// Sends a signal to the process and its children.
  func signal(_ number: Int32) { kill(-process, number) }

  /// Sends a signal to the process alone.
  func signalOnlyItself(_ number: Int32) { kill(process, number) }

  /// Whether it has ended.
  var hasEnded: Bool { poll() != nil }

  /// Whether it is stopped by a signal.
  var isStopped: Bool {
    let text = (try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)) ?? ""
    return text.split(separator: ")").last?.split(separator: " ").first == "T"
  }

  /// What was printed so far.
  var messages: String { (try? String(contentsOfFile: streams[1], encoding: .utf8)) ?? "" }

  /// Kills the process and its children.
  func end() {
    guard poll() == nil else { return }
    signal(SIGKILL)
    _ = wait()
  }

  /// Waits for its end and that of its children; one that takes longer than `limit` seconds is killed (code 137).
  ///
  /// Limits are seconds on a machine that is doing nothing else; only what is wrong reaches them.
  func wait(limit: Double = 120) -> Ending {
    let start = ContinuousClock.now
    let limit = limit * Self.slowness
    while poll() == nil {
      if .now - start > .seconds(limit) { signal(SIGKILL) }
      usleep(1000)
    }
    // Children that the process left behind have seconds to go by themselves.
    var status: Int32 = 0
    while true {
      let child = waitpid(-process, &status, WNOHANG)
      if child < 0 && errno == ECHILD { break }
      if .now - start > .seconds(limit) { signal(SIGKILL) }
      if child == 0 { usleep(1000) }
    }
    let output = (try? String(contentsOfFile: streams[0], encoding: .utf8)) ?? ""
    return Ending(code: code ?? -1, output: output, messages: messages)
  }

  private func poll() -> Int32? {
    if let code { return code }
    var status: Int32 = 0
    guard waitpid(process, &status, WNOHANG) == process else { return nil }
    code = status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f
    return code
  }

  /// Runs to the end.
  static func run(_ arguments: [String], environment: [String: String] = [:], limit: Double = 120) throws -> Ending {
    try Subject(arguments, environment: environment).wait(limit: limit)
  }
}
