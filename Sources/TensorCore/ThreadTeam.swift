import CKernels
import Foundation
import Synchronization

/// The threads behind `Parallel.forEach`: helpers of whoever calls it.
///
/// A caller opens a region of work, takes part in it, closes it, and waits for the helpers that came. It never waits for
/// one that did not come, so any number of callers get on, whoever else is busy. Helpers are made when first wanted and
/// stay. The layers of a network follow one another within microseconds, sooner than a thread can be woken, so a helper
/// without work stays awake for a moment, unless the processors are wanted by others.
final class ThreadTeam: @unchecked Sendable {
  /// The team of the process.
  static let shared = ThreadTeam()

  /// Work that is shared out; `body` lies on the caller's stack until all helpers have left.
  private final class Region: @unchecked Sendable {
    private let body: UnsafePointer<@Sendable (Int) -> Void>
    /// Helpers that may still come, and those that came; guarded by `board`.
    var wanted: Int
    var joined = 0
    /// Helpers that are at it.
    let working = Atomic<Int>(0)
    /// Whether the caller sleeps until they have left.
    let callerSleeps = Atomic<Bool>(false)

    init(_ body: UnsafePointer<@Sendable (Int) -> Void>, wanted: Int) {
      self.body = body
      self.wanted = wanted
    }

    /// One share of the work; a call of its own, so that nothing of `body` is held any more when it returns.
    @inline(never)
    func work(as worker: Int) { body.pointee(worker) }
  }

  /// Guards the variables below it, and is where helpers sleep.
  private let board = NSCondition()
  private var open: [Region] = []
  /// Helpers in all, those that sleep, and those that wait awake.
  private var made = 0
  private var asleep = 0
  private var alert = 0

  /// Where callers sleep until their helpers have left.
  private let door = NSCondition()
  /// Regions that were ever opened: what helpers that wait awake look at.
  private let opened = Atomic<Int>(0)
  /// Callers that are in a region.
  private let callers = Atomic<Int>(0)

  /// How long a thread waits awake, in nanoseconds: several layers of a small network, nothing that a neighbour notices.
  private static let patience: UInt64 = 100_000

  /// Runs `body(0)` on this thread and `body(1)` … `body(helpers)`, or the first of them, on those helpers that come
  /// before it is done.
  func run(helpers: Int, _ body: @Sendable (_ worker: Int) -> Void) {
    withoutActuallyEscaping(body) { body in
      withUnsafePointer(to: body) { body in
        let region = Region(body, wanted: helpers)
        callers.add(1, ordering: .relaxed)
        begin(region)
        region.work(as: 0)
        end(region)
        callers.subtract(1, ordering: .relaxed)
      }
    }
  }

  private func begin(_ region: Region) {
    board.lock()
    while made < region.wanted {
      made += 1
      Thread { self.help() }.start()
    }
    open.append(region)
    opened.add(1, ordering: .releasing)
    let wake = min(asleep, region.wanted - alert)
    board.unlock()
    for _ in 0..<max(0, wake) { board.signal() }
  }

  private func end(_ region: Region) {
    board.lock()
    open.removeAll { $0 === region }
    let joined = region.joined
    board.unlock()
    if mayWaitAwake(helpers: joined), waitAwake({ region.working.load(ordering: .acquiring) == 0 }) { return }
    // In the one order of both variables either the last helper sees that we sleep or we see that it has left.
    region.callerSleeps.store(true, ordering: .sequentiallyConsistent)
    door.lock()
    while region.working.load(ordering: .sequentiallyConsistent) > 0 { door.wait() }
    door.unlock()
  }

  /// The life of a helper.
  private func help() {
    var signals = sigset_t()
    sigfillset(&signals)
    pthread_sigmask(SIG_BLOCK, &signals, nil)
    board.lock()
    while true {
      if let region = open.first {
        join(region)
        continue
      }
      let seen = opened.load(ordering: .relaxed)
      if mayWaitAwake(helpers: made - asleep) {
        alert += 1
        board.unlock()
        _ = waitAwake { opened.load(ordering: .acquiring) != seen }
        board.lock()
        alert -= 1
      }
      if opened.load(ordering: .relaxed) == seen {
        asleep += 1
        board.wait()
        asleep -= 1
      }
    }
  }

  /// Takes part in a region; `board` is locked before and after.
  private func join(_ region: Region) {
    region.wanted -= 1
    region.joined += 1
    if region.wanted == 0 { open.removeAll { $0 === region } }
    let worker = region.joined
    region.working.add(1, ordering: .relaxed)
    board.unlock()
    region.work(as: worker)
    let left = region.working.subtract(1, ordering: .sequentiallyConsistent).newValue
    if left == 0, region.callerSleeps.load(ordering: .sequentiallyConsistent) {
      door.lock()
      door.broadcast()
      door.unlock()
    }
    board.lock()
  }

  /// Whether there is a processor for everyone, a thread that waits included.
  private func mayWaitAwake(helpers: Int) -> Bool {
    helpers + max(1, callers.load(ordering: .relaxed)) <= Parallel.processors
  }

  /// Waits for a condition without sleeping; false if it took too long.
  private func waitAwake(_ condition: () -> Bool) -> Bool {
    let end = now() + Self.patience
    while true {
      for _ in 0..<64 {
        if condition() { return true }
        ck_pause()
      }
      if now() > end { return false }
    }
  }

  private func now() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}
