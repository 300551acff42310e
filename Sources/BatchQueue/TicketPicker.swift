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
    if let listedAt, .now - listedAt < validity, let i = tickets.firstIndex(where: isWanted) { return take(i) }
    try list()
    return tickets.firstIndex(where: isWanted).map { take($0) }
  }

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

extension Spool {
  /// Makes jobs ready again whose back-off is over.
  ///
  /// The time of a failure is compared with this machine's clock. A clock that was set back makes a job ready early, one
  /// that was set forward too: back-off is a courtesy, nothing relies on it.
  func promoteWaiting() throws {
    for ticket in try tickets(.failed) {
      let folder = folder(.failed).appendingPathComponent(ticket.name, isDirectory: true)
      guard let job = try? job(ticket.job), let last = FailureRecords.read(in: folder).last else { continue }
      if case .retry(let delay) = Verdict(FailureRecords.read(in: folder), retries: job.retries) {
        let waited = Date().timeIntervalSince1970 - last.time
        guard waited >= delay || waited < -1 else { continue }
      }
      do {
        try FolderChanges.move(
          folder, to: self.folder(.ready).appendingPathComponent(ticket.name, isDirectory: true))
      } catch {
        guard error.kind == .notFound || error.kind == .exists else { throw error }
      }
    }
  }
}
