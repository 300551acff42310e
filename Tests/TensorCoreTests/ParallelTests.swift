import CKernels
import Foundation
import Synchronization
import Testing

@testable import TensorCore

struct ParallelTests {
  /// How often each call was made.
  private func calls(_ count: Int) -> [Int] {
    var counts = [Int](repeating: 0, count: count)
    counts.withUnsafeMutableBufferPointer { counts in
      guard let start = counts.baseAddress else { return }
      let counts = SharedPointer(start)
      Parallel.forEach(count) { (counts + $0).pointee += 1 }
    }
    return counts
  }

  @Test("Every call is made once, whatever the number of calls and threads", arguments: [1, 2, 3, 8])
  func everyCallOnce(threads: Int) {
    Parallel.using(threads: threads) {
      for count in [0, 1, 2, 3, 7, 64, 1000] {
        #expect(calls(count) == [Int](repeating: 1, count: count))
      }
    }
  }

  @Test("Regions that follow one another at once or after a pause lose no call")
  func manyRegions() {
    Parallel.using(threads: 3) {
      for round in 0..<2000 {
        // Longer than a helper waits awake, so that both ways of waiting are gone.
        if round % 200 == 0 { usleep(2000) }
        let sum = Atomic<Int>(0)
        Parallel.forEach(5) { sum.add($0 + 1, ordering: .relaxed) }
        #expect(sum.load(ordering: .relaxed) == 15)
      }
    }
  }

  @Test("Several callers at once get all of their own calls and no other's")
  func severalCallers() async {
    let complete = await withTaskGroup(of: Bool.self) { group in
      for caller in 0..<6 {
        group.addTask {
          Parallel.using(threads: 1 + caller % 4) {
            (0..<300).allSatisfy { calls(1 + ($0 + caller) % 17).allSatisfy { $0 == 1 } }
          }
        }
      }
      return await group.reduce(true) { $0 && $1 }
    }
    #expect(complete)
  }

  @Test("A call that shares out work itself does all of it")
  func nested() {
    Parallel.using(threads: 4) {
      let sum = Atomic<Int>(0)
      Parallel.forEach(8) { outer in
        Parallel.forEach(100) { inner in sum.add(outer * 100 + inner, ordering: .relaxed) }
      }
      #expect(sum.load(ordering: .relaxed) == 799 * 800 / 2)
    }
  }

  @Test("No two calls that run at the same time have the same scratch")
  func scratchIsPrivate() {
    Parallel.using(threads: 4) {
      let clashes = Atomic<Int>(0)
      Parallel.forEach(200, scratch: 64) { item, scratch in
        scratch.update(repeating: Float(item), count: 64)
        for _ in 0..<200 { ck_pause() }
        if (0..<64).contains(where: { scratch[$0] != Float(item) }) { clashes.add(1, ordering: .relaxed) }
      }
      #expect(clashes.load(ordering: .relaxed) == 0)
    }
  }

  @Test("Helpers compute with the instruction set and, for their own calls, the one thread that the caller gave them")
  func settingsAreHandedOn() {
    ComputeBackend.using(.portable) {
      Parallel.using(threads: 3) {
        let odd = Atomic<Int>(0)
        Parallel.forEach(300) { _ in
          if ComputeBackend.instructionSet != .portable || Parallel.threadCount != 1 {
            odd.add(1, ordering: .relaxed)
          }
        }
        #expect(odd.load(ordering: .relaxed) == 0)
        #expect(Parallel.threadCount == 3)
      }
    }
  }
}
