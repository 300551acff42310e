import CKernels
import Foundation
import Synchronization

/// The only place that uses threads (`ThreadTeam` has them).
///
/// Work is split over outputs, never over reductions, and the pieces do not depend on the number of threads: results
/// are the same bits for any thread count.
public enum Parallel {
  private static let configured = Atomic<Int>(0)
  static let processors = ProcessInfo.processInfo.activeProcessorCount

  /// Threads that `forEach` uses: what `using` or `setThreadCount` said, else the active processors.
  public static var threadCount: Int {
    let forced = Int(ck_forced_threads())
    if forced > 0 { return forced }
    let count = configured.load(ordering: .relaxed)
    return count > 0 ? count : processors
  }

  /// Runs `body` with a number of threads of its own, on this thread alone; other work in the process is left as it is.
  public static func using<R>(threads: Int, _ body: () throws -> R) rethrows -> R {
    precondition(threads > 0)
    let before = ck_forced_threads()
    ck_force_threads(Int32(threads))
    defer { ck_force_threads(before) }
    return try body()
  }

  /// Sets the number of threads for the whole process; 0 means one per active processor.
  public static func setThreadCount(_ count: Int) {
    precondition(count >= 0)
    configured.store(count, ordering: .relaxed)
  }

  /// Runs `body(0)` … `body(count - 1)`, several at a time, and returns when all are done.
  ///
  /// The calls may run in any order and on any thread; each must write to places that no other call touches. Where they
  /// are shared out, what a call itself would share out it does alone: the threads are taken.
  public static func forEach(_ count: Int, _ body: @Sendable (Int) -> Void) {
    run(count, workers: min(threadCount, count)) { index, _ in body(index) }
  }

  /// The same, with `scratch` floats of unspecified content for each call.
  ///
  /// Every thread has its own, taken before the work begins: how much memory that is does not depend on chance.
  static func forEach(
    _ count: Int, scratch: Int, _ body: @Sendable (Int, _ scratch: UnsafeMutablePointer<Float>) -> Void
  ) {
    let workers = workers(for: count)
    let blocks = (0..<workers).map { _ in TensorStorage(scratch: scratch) }
    run(count, workers: workers) { index, worker in body(index, blocks[worker].pointer) }
  }

  /// The threads that share `count` calls, each with its scratch.
  static func workers(for count: Int) -> Int { max(1, min(threadCount, count)) }

  private static func run(_ count: Int, workers: Int, _ body: @Sendable (_ index: Int, _ worker: Int) -> Void) {
    guard workers > 1 else {
      for index in 0..<max(count, 0) { body(index, 0) }
      return
    }
    let next = Atomic<Int>(0)
    // Neighbours go to the same thread, several at a time: they share cache lines.
    let some = max(1, count / (workers * 8))
    let forced = ck_forced_isa()
    ThreadTeam.shared.run(helpers: workers - 1) { worker in
      let before = ck_forced_isa()
      ck_force_isa(forced)
      defer { ck_force_isa(before) }
      using(threads: 1) {
        while true {
          let first = next.wrappingAdd(some, ordering: .relaxed).oldValue
          guard first < count else { return }
          for index in first..<min(first + some, count) { body(index, worker) }
        }
      }
    }
  }
}

/// A pointer that may cross into `Parallel.forEach`; the caller vouches that the pieces do not overlap.
public struct SharedPointer<Element>: @unchecked Sendable {
  /// The address of the first element.
  public let pointer: UnsafeMutablePointer<Element>

  /// Wraps a writable address.
  public init(_ pointer: UnsafeMutablePointer<Element>) { self.pointer = pointer }

  /// Wraps a read-only address; it must only be read.
  public init(reading pointer: UnsafePointer<Element>) { self.pointer = UnsafeMutablePointer(mutating: pointer) }

  /// The address of element `offset`.
  public static func + (a: Self, offset: Int) -> UnsafeMutablePointer<Element> { a.pointer + offset }
}
