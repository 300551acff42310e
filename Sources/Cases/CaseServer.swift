public import BatchQueue
import CPosix
public import Configuration
import DurableFiles
import Foundation
public import Models
import Pipeline
import Volumes

/// The child process's side of the queue: reads requests from standard input, answers on the same socket.
///
/// It serves until its parent closes the socket or goes. What fails is reported and not thrown: the next request finds the
/// process as it was.
public struct CaseServer {
  private let spool: Spool
  private let shelf: ModelShelf
  private let intake: Intake
  private let bounds: CaseBounds
  private let classify: (any Error) -> (code: Int, text: String)

  /// A server on a spool; `classify` gives an error its exit code and its one line.
  public init(
    _ spool: Spool, library: WorkflowLibrary, models: ModelLocator, bounds: CaseBounds = CaseBounds(),
    classify: @escaping (any Error) -> (code: Int, text: String)
  ) {
    self.spool = spool
    self.bounds = bounds
    self.classify = classify
    shelf = ModelShelf(models)
    intake = Intake(spool, library: library, shelf: shelf)
  }

  /// Serves until there is nobody to serve; false if `parent` is not this process's parent any more.
  @discardableResult
  public func serve(parent: Int32) -> Bool {
    guard cposix_die_with_parent(parent) == 0 else { return false }
    say(.ready)
    while let line = readLine(strippingNewline: true) {
      guard let request = try? JSONDecoder().decode(ServerRequest.self, from: Data(line.utf8)) else { continue }
      switch request {
      case .intake(let request): say(.intake(take(request)))
      case .compute(let request): say(compute(request))
      }
    }
    return true
  }

  private func take(_ request: IntakeRequest) -> IntakeReply {
    var lastSaid = SuspendingClock.now
    do {
      return try intake.take(request) {
        guard .now - lastSaid > .seconds(1) else { return }
        lastSaid = .now
        say(.progress(done: 0, of: 0))
      }
    } catch {
      let (code, text) = described(error)
      var failure = Failure(kind: kind(code), code: code, text: text)
      if Intake.isOfSite(error, request) { failure.isOfSite = true }
      return failure.kind == .passing ? .later(failure) : .refused(failure)
    }
  }

  private func compute(_ request: ComputeRequest) -> ServerEvent {
    var lastSaid = SuspendingClock.now - .seconds(1)
    do {
      try CaseComputation(spool, shelf: shelf, bounds: bounds).compute(request) { done, total in
        guard .now - lastSaid > .milliseconds(200) || done == total else { return }
        lastSaid = .now
        say(.progress(done: done, of: total))
      }
      return .computed
    } catch {
      let (code, text) = described(error)
      // A bound that was reckoned to be too small stays so.
      let isHopeless = (error as? PipelineError)?.kind == .notEnoughMemory
      let kind = isHopeless ? .permanent : kind(code)
      return .failed(Failure(kind: kind, code: code, text: text, attempt: request.attempt))
    }
  }

  /// The code and the line of an error; no line names a file, for it is written down where others read it.
  private func described(_ error: any Error) -> (code: Int, text: String) {
    let (code, text) = classify(error)
    switch error {
    case let error as FileError: return (code, error.withoutName)
    case let error as VolumeError: return (code, error.shortReason)
    default: return (code, text)
    }
  }

  /// Full disks and missing memory may pass; a bug of ours is tried once more, as after a crash.
  private func kind(_ code: Int) -> Failure.Kind {
    switch code {
    case 74, 75: .passing
    case 70: .killed
    default: .permanent
    }
  }

  private func say(_ event: ServerEvent) {
    guard let data = try? JSONEncoder().encode(event) else { return }
    var bytes = Array(data) + [UInt8(ascii: "\n")]
    while !bytes.isEmpty {
      let sent = send(STDIN_FILENO, bytes, bytes.count, Int32(MSG_NOSIGNAL))
      if sent < 0, errno == EINTR { continue }
      // The parent has gone: nobody will commit what is computed here.
      guard sent > 0 else { _exit(0) }
      bytes.removeFirst(sent)
    }
  }
}
