import DurableFiles
import Foundation

/// One place where a case is computed: a server process that stays warm, and the claim that it works on.
final class Slot {
  /// How a case ended.
  enum Ending {
    case computed
    case failed(Failure)
    /// No process came so far as to look at it, for this reason: the case is as it was.
    case untried(String)
  }

  private let launch: ServerLaunch
  private let lease: LeaseTiming
  private let stallTimeout: Duration
  private let kernelFiles: URL
  private(set) var server: ServerProcess?
  private(set) var claim: Claim?
  private(set) var startedAt = SuspendingClock.now
  private var lastSign = SuspendingClock.now
  private var lastBeat = SuspendingClock.now
  private var longestStep = Duration.zero
  private var lastProgress: (done: Int, total: Int)?
  private var memoryKills: Int?

  init(_ launch: ServerLaunch, _ options: RunnerOptions) {
    self.launch = launch
    lease = options.lease
    stallTimeout = options.stallTimeout
    kernelFiles = options.kernelFiles
  }

  /// Whether it has nothing to do.
  var isIdle: Bool { claim == nil }

  /// Gives the server a case.
  func start(_ claim: Claim) throws {
    let request = ServerRequest.compute(
      ComputeRequest(
        job: claim.job.id, attempt: claim.attempt, staging: claim.staging.path(percentEncoded: false),
        earlierFailures: claim.failures))
    self.claim = claim
    (startedAt, lastSign, lastBeat, longestStep) = (.now, .now, .now, .zero)
    lastProgress = nil
    memoryKills = ProcessTraces.memoryKills(root: kernelFiles)
    // A server that went between two cases is no fault of this one.
    if let server, server.send(request) { return }
    server = nil
    do { server = try ServerProcess(launch) } catch {
      // Nobody would ever hear of the case.
      self.claim = nil
      try claim.giveBack()
      throw error
    }
    _ = server?.send(request)
  }

  /// What the server said; the case's ending once it has come.
  func hear(progress: (Int, Int) -> Void) -> Ending? {
    guard claim != nil else { return nil }
    guard let server else {
      return .failed(Failure(kind: .passing, code: 75, text: "no process could be started for the case"))
    }
    server.takePrinted()
    guard let events = server.events() else {
      guard server.wasReady else { return .untried(reasonOfFalseStart(server)) }
      return .failed(failureOfEnd(server))
    }
    for event in events {
      switch event {
      case .progress(let done, let total):
        longestStep = max(longestStep, .now - lastSign)
        lastSign = .now
        if total > 0 { lastProgress = (done, total) }
        progress(done, total)
      case .computed: return .computed
      case .failed(var failure):
        failure.evidence = server.evidence
        return .failed(failure)
      case .intake, .ready: break
      }
    }
    return nil
  }

  private func reasonOfFalseStart(_ server: ServerProcess) -> String {
    _ = server.waitForEnd()
    self.server = nil
    return "the process for cases does not start: \(server.evidence.last ?? "it says nothing")"
  }

  private func failureOfEnd(_ server: ServerProcess) -> Failure {
    let end = server.waitForEnd()
    self.server = nil
    let text =
      switch end {
      case .signalled(SIGKILL): reasonOfKill
      case .signalled(let signal): "the process crashed with signal \(signal)"
      case .exited(let code): "the process ended with code \(code) in the middle of the case"
      }
    return Failure(
      kind: .killed, code: end == .signalled(SIGKILL) ? 75 : 70, text: text,
      evidence: [progressLine, Self.line(end)] + server.evidence)
  }

  /// How far the case had come.
  private var progressLine: String {
    lastProgress.map { "last progress: \($0.done) of \($0.total) evaluations" } ?? "no evaluation was begun"
  }

  /// How the process ended.
  private static func line(_ end: ServerProcess.End) -> String {
    switch end {
    case .signalled(let signal): "ended by signal \(signal)"
    case .exited(let code): "ended with code \(code)"
    }
  }

  private var reasonOfKill: String {
    switch (memoryKills, ProcessTraces.memoryKills(root: kernelFiles)) {
    case (let before?, let after?) where after > before:
      "the kernel killed the process for lack of memory; give the workflow a bound (memory: 4G), or the machine more"
    case (_?, _?): "the process was killed by hand, or by the machine's own limits"
    default: "the process was killed: out of memory, or by hand"
    }
  }

  /// Shows that the worker lives, where it is time to; throws `QueueError.leaseLost`.
  func beatIfDue() throws {
    guard let claim, .now - lastBeat >= lease.beat else { return }
    lastBeat = .now
    try claim.beat()
  }

  /// The failure of a case without progress for too long; its process is killed.
  func stall() -> Failure? {
    let limit = max(stallTimeout, longestStep * 10)
    guard claim != nil, let server, .now - lastSign > limit else { return nil }
    let threads = ProcessTraces.threads(of: server.process)
    let end = server.stop()
    self.server = nil
    return Failure(
      kind: .stalled, code: 75, text: "no progress for \(limit.components.seconds) s; the process was killed",
      evidence: [progressLine, Self.line(end)] + threads + server.evidence)
  }

  /// Ends the case; the server stays for the next one unless it is not fit for it.
  func release() -> Claim? {
    defer { claim = nil }
    return claim
  }

  /// Kills the server, in the middle of whatever it does.
  func stopServer() {
    _ = server?.stop()
    server = nil
  }
}
