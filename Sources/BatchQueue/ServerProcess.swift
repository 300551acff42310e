import CPosix
import DurableFiles
import Foundation

/// How server processes are started.
public struct ServerLaunch: Sendable {
  /// The executable.
  public var executable: String
  /// Its arguments.
  public var arguments: [String]
  /// What is added to the environment.
  public var environment: [String: String]

  /// A launch from its parts.
  ///
  /// The process talks JSON lines over its standard input, in both directions.
  public init(executable: String, arguments: [String], environment: [String: String] = [:]) {
    self.executable = executable
    self.arguments = arguments
    self.environment = environment
  }
}

/// A child process that computes cases, one after the other, so that what is wrong with a case hits nobody else.
///
/// Requests and events are lines of JSON over one socket, the child's standard input. What the child prints is kept as
/// evidence for the case that it fails.
final class ServerProcess {
  /// How a process ended.
  enum End: Equatable {
    case exited(Int32)
    case signalled(Int32)
  }

  let process: pid_t
  /// Readable when there is an event, or the process has gone.
  let socket: Int32
  /// Readable when the process printed something.
  let printed: Int32
  private var received: [UInt8] = []
  private var lastLines: [UInt8] = []
  private var end: End?
  /// Whether the process came so far as to listen; one that never did is no fault of what it was asked to do.
  private(set) var wasReady = false

  init(_ launch: ServerLaunch) throws {
    let talk = try Self.socketPair()
    let print: (ours: Int32, theirs: Int32)
    do { print = try Self.socketPair() } catch {
      close(talk.ours)
      close(talk.theirs)
      throw error
    }
    (socket, printed) = (talk.ours, print.ours)
    defer {
      close(talk.theirs)
      close(print.theirs)
    }
    do { process = try Self.spawn(launch, input: talk.theirs, output: print.theirs) } catch {
      close(talk.ours)
      close(print.ours)
      throw error
    }
  }

  /// Two connected sockets; only our end does not block.
  private static func socketPair() throws -> (ours: Int32, theirs: Int32) {
    var pair: [Int32] = [-1, -1]
    let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    guard socketpair(AF_UNIX, type, 0, &pair) == 0 else {
      throw FileError(.exhausted, "no socket for a child process: \(String(cString: strerror(errno)))")
    }
    _ = fcntl(pair[0], F_SETFL, O_NONBLOCK)
    return (pair[0], pair[1])
  }

  deinit {
    stop()
    close(socket)
    close(printed)
  }

  private static func spawn(_ launch: ServerLaunch, input: Int32, output: Int32) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO)
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
    posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO)
    // A file that another thread or a library has open without close-on-exec would stay open for as long as the child lives.
    _ = cposix_spawn_closes_from(&actions, 3)
    let environment = ProcessInfo.processInfo.environment.merging(launch.environment) { _, new in new }
    let arguments = ([launch.executable] + launch.arguments).map { strdup($0) } + [nil]
    let variables = environment.map { strdup("\($0)=\($1)") } + [nil]
    defer { for text in arguments + variables { free(text) } }
    var process: pid_t = 0
    let code = posix_spawn(&process, launch.executable, &actions, nil, arguments, variables)
    guard code == 0 else {
      throw FileError(.exhausted, "cannot start a child process: \(String(cString: strerror(code)))")
    }
    return process
  }

  /// Sends a request; false if the process has gone.
  func send(_ request: ServerRequest) -> Bool {
    guard let data = try? JSONEncoder().encode(request) else { return false }
    var bytes = Array(data) + [UInt8(ascii: "\n")]
    while !bytes.isEmpty {
      let sent = Glibc.send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL))
      if sent < 0 {
        // The child reads at once or is dead or stopped: waiting longer is the stall clock's business.
        guard errno == EINTR || errno == EAGAIN && waitUntilWritable() else { return false }
        continue
      }
      bytes.removeFirst(sent)
    }
    return true
  }

  private func waitUntilWritable() -> Bool {
    var entry = pollfd(fd: socket, events: Int16(POLLOUT), revents: 0)
    return poll(&entry, 1, 1000) > 0
  }

  /// What the process said since the last call; nil once it has closed its end.
  func events() -> [ServerEvent]? {
    var gone = false
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let got = read(socket, &buffer, buffer.count)
      if got > 0 {
        received += buffer[..<got]
        continue
      }
      if got < 0, errno == EINTR { continue }
      gone = got == 0 || errno != EAGAIN
      break
    }
    var events: [ServerEvent] = []
    while let line = received.firstIndex(of: UInt8(ascii: "\n")) {
      let event = try? JSONDecoder().decode(ServerEvent.self, from: Data(received[..<line]))
      if event == .ready { wasReady = true } else if let event { events.append(event) }
      received.removeFirst(line + 1)
    }
    return gone && events.isEmpty ? nil : events
  }

  /// Takes in what the process printed; only the end is kept.
  func takePrinted() {
    var buffer = [UInt8](repeating: 0, count: 1 << 14)
    while true {
      let got = read(printed, &buffer, buffer.count)
      if got < 0, errno == EINTR { continue }
      guard got > 0 else { break }
      lastLines += buffer[..<got]
      if lastLines.count > 1 << 13 { lastLines.removeFirst(lastLines.count - 1 << 13) }
    }
  }

  /// The last lines that the process printed, fit for a report.
  var evidence: [String] {
    takePrinted()
    return String(decoding: lastLines, as: UTF8.self).split(separator: "\n").suffix(20).map {
      FileError.printable(String($0))
    }
  }

  /// Kills the process if it still runs, and takes its end in.
  ///
  /// A process that waits for a disk that does not answer cannot even be killed: nobody waits for it, and its end is taken
  /// in by whoever adopts it.
  @discardableResult
  func stop() -> End {
    if let end { return end }
    kill(process, SIGKILL)
    let end = waitForEnd(tries: 50) ?? .signalled(SIGKILL)
    self.end = end
    return end
  }

  /// Waits for a process that closed its end by itself, and kills it only if it does not go.
  func waitForEnd() -> End {
    if let end { return end }
    guard let end = waitForEnd(tries: 100) else { return stop() }
    self.end = end
    return end
  }

  /// Asks so often, 20 ms apart, whether the process has ended.
  private func waitForEnd(tries: Int) -> End? {
    for attempt in 0..<tries {
      if attempt > 0 { usleep(20_000) }
      var status: Int32 = 0
      let waited = waitpid(process, &status, WNOHANG)
      if waited < 0, errno != EINTR { return .exited(-1) }
      guard waited == process else { continue }
      let signal = status & 0x7f
      return signal == 0 ? .exited(status >> 8 & 0xff) : .signalled(signal)
    }
    return nil
  }
}
