import DurableFiles
import Foundation

/// A worker: takes files in, claims jobs, has them computed in child processes, commits what they make.
///
/// One loop on one thread that never waits for long: it looks at what is due, and sleeps until a child speaks or the next
/// thing is due. Everything that can hang or crash is done by the children.
public final class QueueRunner {
  private let spool: Spool
  private let options: RunnerOptions
  private let tell: (QueueEvent) -> Void
  private let worker: WorkerName
  private let slots: [Slot]
  private let desk: IntakeDesk
  private let source: (any DropSource)?
  private var observer: LeaseObserver
  private var picker: TicketPicker
  private var backOff: BackOff
  private var summary = RunnerSummary()
  private var expected: Set<JobID> = []
  private var claimed = 0
  private var pauseReason: String?
  private var isResting = false
  private var troubles = 0
  private let startedAt = SuspendingClock.now
  private var failedLooks = 0
  private var unsettled: [(claim: Claim, failure: Failure)] = []
  private var end: (any Error)?
  private var falseStarts = 0
  private var nextStart = SuspendingClock.now
  private var cannotStart: QueueError?
  private var nextLook = SuspendingClock.now
  private var lastChange = SuspendingClock.now
  private var lastLook: SuspendingClock.Instant?
  private var nextObservation = SuspendingClock.now

  /// A worker on a spool; `launch` says how its child processes are started.
  ///
  /// Throws `FileError`.
  public init(
    _ spool: Spool, launch: ServerLaunch, source: (any DropSource)? = nil, options: RunnerOptions = RunnerOptions(),
    tell: @escaping (QueueEvent) -> Void = { _ in }
  ) throws {
    self.spool = spool
    self.options = options
    self.source = source
    self.tell = tell
    worker = WorkerName(label: options.label)
    slots = (0..<max(1, options.slots)).map { _ in Slot(launch, options) }
    desk = IntakeDesk(
      launch, firstSequence: try spool.nextSequence(), patience: max(options.stallTimeout, .seconds(600)))
    observer = LeaseObserver(spool, expiry: options.lease.expiry)
    picker = TicketPicker(spool)
    backOff = BackOff(spool)
  }

  /// Works until the goal is reached, or `shouldStop` says so; then children are stopped and their jobs given back.
  public func run(shouldStop: () -> Bool = { false }) throws -> RunnerSummary {
    defer {
      for slot in slots { slot.stopServer() }
      desk.stop()
    }
    while true {
      if shouldStop() {
        summary.stoppedEarly = true
        giveBack()
        return summary
      }
      let isOver = try resist { try turn() } ?? false
      if let cannotStart {
        giveBack()
        throw cannotStart
      }
      // What can be computed is computed first.
      if let end, slots.allSatisfy(\.isIdle), unsettled.isEmpty, try isAtRest() { throw end }
      if isOver { return summary }
      sleep()
    }
  }

  /// One turn of the loop; true when the goal is reached.
  private func turn() throws -> Bool {
    lookForDrops()
    try takeIn()
    try settle()
    for slot in slots where !slot.isIdle { try attend(slot) }
    try observe()
    try claim()
    return try isOver()
  }

  // MARK: Files

  private func lookForDrops() {
    guard let source, .now >= nextLook, desk.isIdle else { return }
    do {
      desk.add(try source.look())
      for error in source.takeTroubles() { tell(.trouble("\(error)")) }
      if failedLooks > 0 { tell(.resumed) }
      failedLooks = 0
      lastLook = .now
      nextLook = .now + source.interval
    } catch {
      // What is being computed goes on meanwhile.
      failedLooks += 1
      tell(.trouble((error as? FileError)?.withoutName ?? "\(error)"))
      if options.goal != .forever, failedLooks >= Self.patience { end = error }
      nextLook = .now + .milliseconds(200 * min(failedLooks, 25))
    }
  }

  private func takeIn() throws {
    while let (request, reply) = desk.hear() {
      source?.hear(reply, about: request)
      // A service would gather them for ever.
      if options.goal != .forever { summary.replies.append((request, reply)) }
      lastChange = .now
      switch reply {
      case .job(let id, let known):
        if options.goal == .answered { expected.insert(id) }
        picker.forget()
        tell(.submitted(id, known: known))
      case .refused(let failure):
        summary.failedCount += 1
        tell(.refused(failure))
      case .later(let failure): tell(.trouble(failure.text))
      case .incomplete(let reason): tell(.waiting(reason))
      case .changed: break
      }
      try desk.work()
    }
    try desk.work()
  }

  // MARK: Cases

  private func attend(_ slot: Slot) throws {
    guard let claim = slot.claim else { return }
    do {
      switch slot.hear(progress: { tell(.progress(claim.job.id, done: $0, of: $1)) }) {
      case .computed:
        falseStarts = 0
        try commit(slot)
      case .failed(let failure):
        falseStarts = 0
        try fail(slot, failure)
      case .untried(let reason):
        // The site's fault, such as a mistyped setting: it costs no case an attempt that counts.
        try slot.release()?.giveBack()
        claimed -= 1
        startFailed(QueueError(.unsuitable, reason))
      case nil:
        try slot.beatIfDue()
        if let failure = slot.stall() { try fail(slot, failure) }
      }
    } catch {
      guard (error as? QueueError)?.kind == .leaseLost else { throw error }
      // The server may be in the middle of a case that is no longer ours.
      slot.stopServer()
      _ = slot.release()
      tell(.lost(claim.job.id))
    }
  }

  /// Tries no other case for a while; a worker with an end in sight gives up in time.
  private func startFailed(_ error: QueueError) {
    falseStarts += 1
    nextStart = .now + .milliseconds(200 * min(falseStarts, 50))
    tell(.trouble("\(error)"))
    if options.goal != .forever, falseStarts >= Self.patience { cannotStart = error }
  }

  private func commit(_ slot: Slot) throws {
    lastChange = .now
    guard let claim = slot.release() else { return }
    do { try claim.commit() } catch {
      guard (error as? QueueError)?.kind != .leaseLost else { throw error }
      // The disk refused: the attempt failed, unless the commit itself was made.
      return try fail(claim, Failure(kind: .passing, code: 74, text: "\(error)"))
    }
    summary.committedCount += 1
    if options.goal != .forever { summary.committed.append(claim.job.id) }
    tell(.committed(claim.job.id, seconds: (SuspendingClock.now - slot.startedAt) / .seconds(1)))
  }

  private func fail(_ slot: Slot, _ failure: Failure) throws {
    lastChange = .now
    guard let claim = slot.release() else { return }
    try fail(claim, failure)
  }

  private func fail(_ claim: Claim, _ failure: Failure) throws {
    var failure = failure
    failure.attempt = claim.attempt
    let state: JobState
    do { state = try claim.fail(failure) } catch {
      // A disk that does not even take the failure: the claim must not be forgotten over it.
      if (error as? QueueError)?.kind != .leaseLost { unsettled.append((claim, failure)) }
      throw error
    }
    if state == .done, options.goal != .forever { summary.committed.append(claim.job.id) }
    if state == .quarantine { giveUp(claim.job.id, failure) }
    tell(.failed(claim.job.id, failure, state))
  }

  private func giveUp(_ job: JobID, _ failure: Failure) {
    summary.failedCount += 1
    if options.goal != .forever || options.failFast { summary.quarantined.append((job, failure)) }
  }

  /// Records failures that could not be recorded before.
  private func settle() throws {
    let waiting = unsettled
    unsettled = []
    for (index, entry) in waiting.enumerated() {
      do { try fail(entry.claim, entry.failure) } catch {
        if (error as? QueueError)?.kind == .leaseLost {
          tell(.lost(entry.claim.job.id))
          continue
        }
        unsettled += waiting[(index + 1)...]
        throw error
      }
    }
  }

  // MARK: Claims

  private func observe() throws {
    guard .now >= nextObservation else { return }
    nextObservation = .now + min(options.lease.beat, .seconds(5))
    try backOff.promote()
    let own = Set(slots.compactMap { $0.claim?.name } + unsettled.map(\.claim.name))
    for (job, state) in try observer.look(except: own) { tell(.takenOver(job, state)) }
  }

  private func claim() throws {
    guard options.computes, .now >= nextStart, try mayClaim() else { return }
    for slot in slots where slot.isIdle {
      while slot.isIdle, !isAtLimit, let ticket = try picker.next(where: isWanted) {
        switch try Claim.reach(ticket, in: spool, as: worker) {
        case .claimed(let claim):
          tell(.started(claim.job.id, attempt: claim.attempt))
          try slot.start(claim)
          claimed += 1
        // Others are at it too: the next turn lists anew.
        case .gone: break
        case .committed(let job): tell(.takenOver(job, .done))
        case .unusable(let job, let failure):
          giveUp(job, failure)
          tell(.failed(job, failure, .quarantine))
        }
      }
    }
  }

  private var isAtLimit: Bool {
    if let limit = options.maximumJobs, claimed >= limit { return true }
    if let limit = options.maximumRuntime, .now - startedAt >= limit { return true }
    return options.failFast && !summary.quarantined.isEmpty
  }

  private func isWanted(_ ticket: Ticket) -> Bool {
    (ticket.priority == 0 || options.mayClaimOrdinary()) && options.part?.holds(ticket.job) ?? true
  }

  private func mayClaim() throws -> Bool {
    var reason: String?
    if let file = options.pauseFile, FolderChanges.exists(file) { reason = "the pause file is there" }
    summary.outOfSpace = nil
    if reason == nil {
      do { try spool.reserve(0, margin: options.minimumFreeSpace) } catch {
        reason = "\(error)"
        summary.outOfSpace = reason
      }
    }
    // What is not urgent may wait for its hours; that is said, and stops nothing else.
    let rests = reason == nil && !options.mayClaimOrdinary()
    if reason != pauseReason || rests != isResting {
      tell(reason.map { .paused($0) } ?? (rests ? .resting : .resumed))
    }
    (pauseReason, isResting) = (reason, rests)
    return reason == nil
  }

  private func giveBack() {
    for slot in slots {
      slot.stopServer()
      try? slot.release()?.giveBack()
    }
    for entry in unsettled { try? entry.claim.giveBack() }
  }

  // MARK: The end

  private func isOver() throws -> Bool {
    guard slots.allSatisfy(\.isIdle), unsettled.isEmpty else { return false }
    if isAtLimit {
      summary.stoppedEarly = options.goal != .forever
      summary.unseen = desk.count + (source?.pending ?? 0)
      return true
    }
    guard options.goal != .forever, failedLooks == 0, desk.isIdle, source?.pending ?? 0 == 0 else { return false }
    // The source answers what came to its end, and so it looks once more after the last change.
    if source != nil, lastLook.map({ $0 < lastChange }) ?? true {
      nextLook = .now
      return false
    }
    if !options.computes { return true }
    // A full disk is for somebody to see to; the jobs wait.
    if summary.outOfSpace != nil { return true }
    if options.goal == .answered {
      // Every folder once, not once for each job.
      let states = try spool.states()
      expected = try expected.filter { job in
        guard let state = states[job] else { return try !spool.results.isCommitted(job) }
        return ![.done, .quarantine, .held].contains(state)
      }
      return expected.isEmpty
    }
    // What a worker left behind that is gone for good would otherwise wait for a sweep that happens to last.
    return try isAtRest() && (pauseReason != nil || !observer.isUndecided)
  }

  /// Whether there is nothing that may be claimed now.
  private func isAtRest() throws -> Bool {
    try !options.computes || isAtLimit || pauseReason != nil || spool.tickets(.ready).filter(isWanted).isEmpty
  }

  /// How often in a row something may fail before a worker with an end in sight ends.
  private static let patience = 5

  /// Runs a step; an error of the disk is told and waited out, for a while.
  private func resist<R>(_ step: () throws -> R) throws -> R? {
    do {
      let result = try step()
      troubles = 0
      return result
    } catch {
      troubles += 1
      tell(.trouble((error as? FileError)?.withoutName ?? "\(error)"))
      // A worker with an end in sight does not wait for ever; its claims run out by themselves.
      if options.goal != .forever, troubles >= Self.patience {
        giveBack()
        throw error
      }
      usleep(useconds_t(min(troubles, 30)) * 200_000)
      return nil
    }
  }

  /// Sleeps until something happens, half a second at most.
  private func sleep() {
    // Nobody reads what an idle server says, or looks for drops while the desk is busy: they must not keep this awake.
    let isLooking = desk.isIdle
    let hint = isLooking ? source?.hint ?? -1 : -1
    let busy = slots.filter { !$0.isIdle }.compactMap(\.server).flatMap { [$0.socket, $0.printed] }
    let sockets = busy + (isLooking ? [] : desk.descriptors) + [hint]
    var entries = sockets.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    let due = (nextLook - .now) / .milliseconds(1)
    let beat = max(10, options.lease.beat / .milliseconds(2))
    let patience = min(500, beat, source == nil || !isLooking ? 500 : max(1, due))
    guard poll(&entries, nfds_t(entries.count), Int32(patience)) > 0 else { return }
    if hint >= 0, entries.last?.revents ?? 0 != 0 { nextLook = .now }
  }
}
