import DurableFiles
import Foundation

/// How long a claim lives without a sign of life.
public struct LeaseTiming: Sendable {
  /// How often a worker shows that it lives.
  public var beat: Duration
  /// How long an observer waits, by its own clock, before it takes a claim over.
  public var expiry: Duration

  /// Every 5 s, taken over after six of them.
  public init(beat: Duration = .seconds(5), expiry: Duration = .seconds(30)) {
    self.beat = beat
    self.expiry = expiry
  }
}

/// Watches other workers' claims and takes those over whose holders are gone.
///
/// A heartbeat is a number that changes; what an observer measures is for how long, on its own monotonic clock, it saw
/// the number stand still, looking at least three times. No two machines' clocks are compared. A holder that died on this machine is known at once.
struct LeaseObserver {
  private struct Sight {
    var heartbeat: String
    /// Whether its holder was seen to live.
    var isAlive: Bool
    /// For how long it was seen to stand still.
    var silence = Duration.zero
  }

  private let spool: Spool
  private let expiry: Duration
  private var sights: [ClaimName: Sight] = [:]
  private var lastLook: SuspendingClock.Instant?

  init(_ spool: Spool, expiry: Duration) {
    self.spool = spool
    self.expiry = expiry
  }

  /// Looks at all claims but those in `own`, and takes over what has expired.
  ///
  /// Returns the jobs that were taken over, with the state they are in now.
  mutating func look(except own: Set<ClaimName>, now: SuspendingClock.Instant = .now) throws -> [(JobID, JobState)] {
    let claims = try FolderChanges.names(in: spool.folder(.claimed)).compactMap { ClaimName($0) }
      .filter { !own.contains($0) }
    sights = sights.filter { claims.contains($0.key) }
    // While nobody looked, because the disk or this worker stood still, nobody can say that the others were silent.
    let passed = min(lastLook.map { now - $0 } ?? .zero, expiry / 3)
    let isFirst = lastLook == nil
    lastLook = now
    var taken: [(JobID, JobState)] = []
    for claim in claims where hasExpired(claim, after: passed, isFirst) {
      let state = try takeOver(claim)
      sights[claim] = nil
      if let state { taken.append((claim.ticket.job, state)) }
    }
    return taken
  }

  /// Whether there are claims of which nobody can say yet if their holders live: those of a machine that is gone, or of this one
  /// before it was started anew, look like those of one that computes.
  var isUndecided: Bool { sights.values.contains { !$0.isAlive && $0.silence < expiry } }

  private mutating func hasExpired(_ claim: ClaimName, after passed: Duration, _ isFirst: Bool) -> Bool {
    if claim.worker.isKnownDead { return true }
    let file = spool.folder(.claimed).appendingPathComponent("\(claim.text)/heartbeat")
    guard let isThere = try? FolderChanges.isThere(file) else { return false }
    guard let heartbeat = isThere ? try? String(contentsOf: file, encoding: .utf8) : "" else { return false }
    guard var sight = sights[claim] else {
      // One that was made since the first look was made by somebody who lives.
      sights[claim] = Sight(heartbeat: heartbeat, isAlive: !isFirst || claim.worker.isKnownAlive)
      return false
    }
    guard sight.heartbeat == heartbeat else {
      sights[claim] = Sight(heartbeat: heartbeat, isAlive: true)
      return false
    }
    sight.silence += passed
    sights[claim] = sight
    return sight.silence >= expiry
  }

  /// Takes a claim from its holder; nil if somebody else was quicker.
  private func takeOver(_ claim: ClaimName) throws -> JobState? {
    let folder = spool.folder(.claimed).appendingPathComponent(claim.text, isDirectory: true)
    let id = claim.ticket.job
    do {
      if try spool.results.isCommitted(id) {
        try spool.finish(folder, id)
        return .done
      }
      let staging = spool.results.staging(claim)
      // A holder that only stands still may commit until its claim is gone: its files stay until then.
      if claim.worker.isKnownDead { try spool.results.discard(staging, of: id) }
      let failure = Failure(
        kind: .abandoned, code: 75, text: "the worker vanished, or stood still, during this attempt")
      let state = try spool.record(failure, in: folder, claim.ticket, retries: (try? spool.job(id).retries) ?? 0)
      try? spool.results.discard(staging, of: id)
      return state
    } catch {
      if (error as? QueueError)?.kind == .leaseLost { return nil }
      if let kind = (error as? FileError)?.kind, kind == .notFound || kind == .notAFolder { return nil }
      throw error
    }
  }
}
