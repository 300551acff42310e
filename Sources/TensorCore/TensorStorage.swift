import Synchronization

/// A 64-byte aligned block of floats, returned to the pool when its last owner lets go.
///
/// The only `@unchecked Sendable` of the numeric code: `Tensor` writes through it solely while it is the one owner,
/// so no two tasks ever see a write.
final class TensorStorage: @unchecked Sendable {
  let pointer: UnsafeMutablePointer<Float>
  let capacity: Int

  /// Takes a block that holds at least `count` floats; its contents are unspecified.
  init(count: Int) {
    capacity = StoragePool.capacity(for: count)
    pointer = StoragePool.take(capacity)
  }

  deinit { StoragePool.give(pointer, capacity) }
}

/// Blocks that were used before, by size.
///
/// A network evaluation asks for the same sizes again and again, so after the first one nothing is allocated. The
/// pool keeps at most `limit` floats; what comes back beyond that is freed.
enum StoragePool {
  /// 1 GiB of idle blocks at most.
  private static let limit = 1 << 28

  private struct Block: @unchecked Sendable { let pointer: UnsafeMutablePointer<Float> }
  private struct State {
    var idle: [Int: [Block]] = [:]
    var idleFloats = 0
    var allocatedFloats = 0
  }
  private static let state = Mutex(State())

  static var bytesAllocated: Int { state.withLock { $0.allocatedFloats } * MemoryLayout<Float>.stride }

  /// Capacities are rounded up to 16 floats (one cache line), large ones to an eighth of their power of two, so that
  /// nearly equal sizes share blocks.
  static func capacity(for count: Int) -> Int {
    let lines = max(16, (count + 15) & ~15)
    guard lines > 4096 else { return lines }
    let step = 1 << (Int.bitWidth - 1 - lines.leadingZeroBitCount - 3)
    return (lines + step - 1) / step * step
  }

  static func take(_ capacity: Int) -> UnsafeMutablePointer<Float> {
    let block = state.withLock { state -> Block? in
      guard let block = state.idle[capacity]?.popLast() else {
        state.allocatedFloats += capacity
        return nil
      }
      state.idleFloats -= capacity
      return block
    }
    if let block { return block.pointer }
    let raw = UnsafeMutableRawPointer.allocate(byteCount: capacity * MemoryLayout<Float>.stride, alignment: 64)
    return raw.bindMemory(to: Float.self, capacity: capacity)
  }

  /// Gives all idle blocks back to the system.
  static func releaseIdle() {
    let blocks = state.withLock { state in
      defer {
        state.idle = [:]
        state.idleFloats = 0
      }
      return state.idle.values.flatMap { $0 }
    }
    for block in blocks { UnsafeMutableRawPointer(block.pointer).deallocate() }
  }

  static func give(_ pointer: UnsafeMutablePointer<Float>, _ capacity: Int) {
    let block = Block(pointer: pointer)
    let kept = state.withLock { state -> Bool in
      guard state.idleFloats + capacity <= limit else { return false }
      state.idle[capacity, default: []].append(block)
      state.idleFloats += capacity
      return true
    }
    if !kept { UnsafeMutableRawPointer(pointer).deallocate() }
  }
}
