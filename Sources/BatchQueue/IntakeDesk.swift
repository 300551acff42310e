import DurableFiles
import Foundation

/// Where files become jobs: a server process of its own looks at them one by one, so that neither a huge file nor one
/// that brings its reader down holds up what is being computed.
final class IntakeDesk {
  private let launch: ServerLaunch
  private let patience: Duration
  private var server: ServerProcess?
  private var waiting: [IntakeRequest] = []
  private var current: (request: IntakeRequest, since: SuspendingClock.Instant)?
  private var sequence: Int
  /// The files whose reader was brought down once.
  private var seconds: [IntakeRequest] = []

  init(_ launch: ServerLaunch, firstSequence: Int, patience: Duration) {
    self.launch = launch
    self.patience = patience
    sequence = firstSequence
  }

  /// Files that wait, or are being looked at.
  var count: Int { waiting.count + (current == nil ? 0 : 1) }
  var isIdle: Bool { waiting.isEmpty && current == nil }
  var descriptors: [Int32] { server.map { [$0.socket, $0.printed] } ?? [] }

  func add(_ requests: [IntakeRequest]) { waiting += requests }

  /// Hands over the next file, if the desk is free.
  func work() throws {
    guard current == nil, var request = waiting.first else { return }
    request.sequence = sequence
    if server?.send(.intake(request)) != true {
      server = nil
      // Where no process can be started the file goes on waiting.
      let fresh = try ServerProcess(launch)
      server = fresh
      _ = fresh.send(.intake(request))
    }
    waiting.removeFirst()
    sequence += 1
    current = (request, .now)
  }

  /// Replies that have come.
  func hear() -> (IntakeRequest, IntakeReply)? {
    guard let current, let server else { return nil }
    server.takePrinted()
    guard let events = server.events() else {
      let end = server.waitForEnd()
      self.server = nil
      self.current = nil
      guard server.wasReady else {
        let text = "the process that reads files does not start: \(server.evidence.last ?? "it says nothing")"
        return (current.request, .later(Failure(kind: .passing, code: 78, text: text)))
      }
      // A process may be killed for any reason; the same file that brings the next one down too is the reason.
      if !seconds.contains(where: { $0.isOfSameFile(as: current.request) }) {
        seconds.append(current.request)
        waiting.append(current.request)
        return nil
      }
      seconds.removeAll { $0.isOfSameFile(as: current.request) }
      let failure = Failure(
        kind: .permanent, code: 65, text: "reading the file brought its reader down (\(end)); it is not taken",
        evidence: server.evidence)
      return (current.request, .refused(failure))
    }
    for event in events {
      switch event {
      case .intake(let reply):
        self.current = nil
        seconds.removeAll { $0.isOfSameFile(as: current.request) }
        return (current.request, reply)
      case .progress: self.current?.since = .now
      case .computed, .failed, .ready: break
      }
    }
    guard .now - current.since > patience else { return nil }
    _ = server.stop()
    self.server = nil
    self.current = nil
    return (
      current.request,
      .later(Failure(kind: .passing, code: 74, text: "reading a file came to a standstill; it is tried again"))
    )
  }

  func stop() {
    _ = server?.stop()
    server = nil
  }
}

extension IntakeRequest {
  fileprivate func isOfSameFile(as other: IntakeRequest) -> Bool { folder == other.folder && path == other.path }
}
