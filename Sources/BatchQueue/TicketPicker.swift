import DurableFiles
import Foundation

/// Which ticket to reach for next: the folder is listed now and then, not for every claim.
struct TicketPicker {
  private let spool: Spool
  private var tickets: ArraySlice<Ticket> = []
  private var listedAt: SuspendingClock.Instant?
  private var validity = Duration.seconds(1)

  init(_ spool: Spool) { self.spool = spool }

  /// The most urgent ticket that was there when the folder was listed last; nil if there is none.
  mutating func next(where isWanted: (Ticket) -> Bool = { _ in true }) throws -> Ticket? {
    if let listedAt, .now - listedAt < validity {
      if let i = tickets.firstIndex(where: isWanted) { return take(i) }
      // Off-peak a long list of what is not wanted yet need not be made again at every look.
      if !tickets.isEmpty { return nil }
    }
    try list()
    return tickets.firstIndex(where: isWanted).map { take($0) }
  }

  /// Makes the next call list anew: a ticket came.
  mutating func forget() { listedAt = nil }

  private mutating func take(_ index: Int) -> Ticket {
    if index == tickets.startIndex { return tickets.removeFirst() }
    return tickets.remove(at: index)
  }

  /// A long list is believed for longer, so that listing takes a fiftieth of the time at most.
  private mutating func list() throws {
    let start = SuspendingClock.now
    tickets = try spool.tickets(.ready)[...]
    let end = SuspendingClock.now
    listedAt = end
    validity = max(.seconds(1), (end - start) * 50)
  }
}

/// Makes jobs ready again whose back-off is over.
///
/// The time of a failure is compared with this machine's clock once, and what is left is waited out by the monotonic one. A
/// clock that was set back makes a job ready early, one that was set forward too: back-off is a courtesy, nothing relies
/// on it.
struct BackOff {
  private let spool: Spool
  private var due: [Ticket: SuspendingClock.Instant] = [:]

  init(_ spool: Spool) { self.spool = spool }

  /// Looks at all jobs that wait after a failure; the records of each are read once.
  mutating func promote() throws {
    let waiting = try spool.tickets(.failed)
    let all = Set(waiting)
    due = due.filter { all.contains($0.key) }
    for ticket in waiting {
      let folder = spool.folder(.failed).appendingPathComponent(ticket.name, isDirectory: true)
      if due[ticket] == nil { due[ticket] = .now + wait(ticket, folder) }
      guard let instant = due[ticket], .now >= instant else { continue }
      due[ticket] = nil
      do {
        try FolderChanges.move(
          folder, to: spool.folder(.ready).appendingPathComponent(ticket.name, isDirectory: true))
      } catch {
        guard error.kind == .notFound || error.kind == .exists else { throw error }
      }
    }
  }

  /// What is left of a job's back-off; where its records cannot be read, as long as after a first failure.
  private func wait(_ ticket: Ticket, _ folder: URL) -> Duration {
    let failures = FailureRecords.read(in: folder)
    guard let job = try? spool.job(ticket.job), let last = failures.last else { return .seconds(spool.retryAfter) }
    guard case .retry(let delay) = Verdict(failures, retries: job.retries, wait: spool.retryAfter) else { return .zero }
    let waited = Date().timeIntervalSince1970 - last.time
    return waited < -1 ? .zero : .seconds(max(0, delay - waited))
  }
}
