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
/// A heartbeat is a number that changes; what an observer measures is how long, on its own monotonic clock, the number
/// stood still. No two machines' clocks are compared. A holder that died on this machine is known at once.
struct LeaseObserver {
  private struct Sight {
    var heartbeat: String
    var since: SuspendingClock.Instant
  }

  private let spool: Spool
  private let expiry: Duration
  private var sights: [ClaimName: Sight] = [:]

  init(_ spool: Spool, expiry: Duration) {
    self.spool = spool
    self.expiry = expiry
  }

  /// Looks at all claims but those in `own`, and takes over what has expired.
  ///
  /// Returns the jobs that were taken over, with the state they are in now, and how many claims others hold.
  mutating func look(except own: Set<ClaimName>, now: SuspendingClock.Instant = .now) throws -> (
    taken: [(JobID, JobState)], others: Int
  ) {
    let claims = try FolderChanges.names(in: spool.folder(.claimed)).compactMap { ClaimName($0) }
      .filter { !own.contains($0) }
    sights = sights.filter { claims.contains($0.key) }
    var taken: [(JobID, JobState)] = []
    for claim in claims where hasExpired(claim, now) {
      if let state = try takeOver(claim) { taken.append((claim.ticket.job, state)) }
    }
    return (taken, claims.count - taken.count)
  }

  private mutating func hasExpired(_ claim: ClaimName, _ now: SuspendingClock.Instant) -> Bool {
    if claim.worker.isKnownDead { return true }
    let file = spool.folder(.claimed).appendingPathComponent("\(claim.text)/heartbeat")
    let heartbeat = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
    if let sight = sights[claim], sight.heartbeat == heartbeat { return now - sight.since >= expiry }
    sights[claim] = Sight(heartbeat: heartbeat, since: now)
    return false
  }

  /// Takes a claim from its holder; nil if somebody else was quicker.
  private func takeOver(_ claim: ClaimName) throws -> JobState? {
    let folder = spool.folder(.claimed).appendingPathComponent(claim.text, isDirectory: true)
    let id = claim.ticket.job
    do {
      if spool.results.isCommitted(id) {
        try spool.finish(folder, id)
        return .done
      }
      let failure = Failure(
        kind: .abandoned, code: 75, text: "the worker vanished, or stood still, during this attempt")
      return try spool.record(failure, in: folder, claim.ticket, retries: (try? spool.job(id).retries) ?? 0)
    } catch {
      if (error as? QueueError)?.kind == .leaseLost { return nil }
      if let kind = (error as? FileError)?.kind, kind == .notFound || kind == .notAFolder { return nil }
      throw error
    }
  }
}
