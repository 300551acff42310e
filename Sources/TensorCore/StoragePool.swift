import Foundation
import Synchronization

/// Blocks of memory for tensors, those that were used before kept by size.
///
/// A network evaluation asks for the same sizes again and again, so after the first one nothing is allocated. A block
/// is used again for its own capacity only; the pool keeps at most `limit` idle floats, what comes back beyond that is
/// freed.
final class StoragePool: Sendable {
  /// A piece of memory, or the record of one that a plan would take.
  struct Block: @unchecked Sendable {
    /// Nil in a pool that only plans.
    let pointer: UnsafeMutablePointer<Float>?
    let capacity: Int
    /// The most floats that were ever asked for: what lies behind them was never touched and takes no memory.
    fileprivate(set) var used: Int
  }

  /// The pool of the process.
  static let shared = StoragePool()
  /// The pool that new tensors take their blocks from.
  @TaskLocal static var current = StoragePool.shared

  /// 1 GiB of idle blocks at most.
  private static let limit = 1 << 28
  /// Blocks from 1 MiB on come from the system one by one, so that freeing them gives their memory back.
  private static let mapped = 1 << 18

  private struct State {
    var idle: [Int: [Block]] = [:]
    var idleFloats = 0
    var allocatedFloats = 0
    var usedFloats = 0
    var peakFloats = 0

    /// An idle block of that capacity: the one in which the least is touched anew, and of those the least touched one.
    mutating func idleBlock(_ capacity: Int, for count: Int) -> Block? {
      func cost(_ block: Block) -> (Int, Int) { (max(count - block.used, 0), block.used) }
      let best = idle[capacity].flatMap { blocks in blocks.indices.min { cost(blocks[$0]) < cost(blocks[$1]) } }
      return best.flatMap { idle[capacity]?.remove(at: $0) }
    }

    mutating func use(_ block: inout Block, _ count: Int) {
      usedFloats += max(count - block.used, 0)
      block.used = max(count, block.used)
      peakFloats = max(peakFloats, usedFloats)
    }
  }
  private let state = Mutex(State())
  private let plans: Bool

  /// A pool of its own; one that `plans` takes no memory and only keeps count.
  init(plans: Bool = false) { self.plans = plans }

  deinit { releaseIdle() }

  /// Bytes of all blocks taken so far, those that were freed again included.
  var bytesAllocated: Int { state.withLock { $0.allocatedFloats } * MemoryLayout<Float>.stride }

  /// The most bytes that were in memory at a time, idle ones included.
  var peakBytes: Int { state.withLock { $0.peakFloats } * MemoryLayout<Float>.stride }

  /// Capacities are rounded up to 16 floats (one cache line), large ones to an eighth of their power of two, so that
  /// nearly equal sizes share blocks.
  static func capacity(for count: Int) -> Int {
    let lines = max(16, (count + 15) & ~15)
    guard lines > 4096 else { return lines }
    let step = 1 << (Int.bitWidth - 1 - lines.leadingZeroBitCount - 3)
    return (lines + step - 1) / step * step
  }

  /// Scratch has few capacities, 1 MiB or powers of two beyond, so that one layer uses what another has left.
  ///
  /// What that wastes is address space, not memory.
  static func capacity(forScratch count: Int) -> Int {
    count <= mapped ? mapped : 1 << (Int.bitWidth - (count - 1).leadingZeroBitCount)
  }

  /// A block whose first `count` floats may be written.
  func take(_ count: Int, capacity: Int) -> Block {
    let known = state.withLock { state -> Block? in
      guard var block = state.idleBlock(capacity, for: count) else {
        state.allocatedFloats += capacity
        return nil
      }
      state.idleFloats -= capacity
      state.use(&block, count)
      return block
    }
    if let known { return known }
    var block = Block(pointer: plans ? nil : Self.allocate(capacity), capacity: capacity, used: 0)
    state.withLock { $0.use(&block, count) }
    return block
  }

  /// Takes back a block.
  func give(_ block: Block) {
    let kept = state.withLock { state -> Bool in
      guard state.idleFloats + block.capacity <= Self.limit else {
        state.usedFloats -= block.used
        return false
      }
      state.idle[block.capacity, default: []].append(block)
      state.idleFloats += block.capacity
      return true
    }
    if !kept { Self.free(block) }
  }

  /// Gives all idle blocks back to the system.
  func releaseIdle() {
    let blocks = state.withLock { state in
      let blocks = state.idle.values.flatMap { $0 }
      state.usedFloats -= blocks.reduce(0) { $0 + $1.used }
      state.idle = [:]
      state.idleFloats = 0
      return blocks
    }
    for block in blocks { Self.free(block) }
  }

  private static func allocate(_ capacity: Int) -> UnsafeMutablePointer<Float> {
    let bytes = capacity * MemoryLayout<Float>.stride
    guard capacity >= mapped else {
      let raw = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
      return raw.bindMemory(to: Float.self, capacity: capacity)
    }
    let raw = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let raw, raw != MAP_FAILED else { fatalError("the system has no \(bytes) bytes of memory") }
    return raw.bindMemory(to: Float.self, capacity: capacity)
  }

  private static func free(_ block: Block) {
    guard let pointer = block.pointer else { return }
    if block.capacity >= mapped {
      munmap(pointer, block.capacity * MemoryLayout<Float>.stride)
    } else {
      UnsafeMutableRawPointer(pointer).deallocate()
    }
  }
}
