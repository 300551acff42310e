/// A 64-byte aligned block of floats, returned to where it is from when its last owner lets go.
///
/// The only `@unchecked Sendable` of the numeric code: `Tensor` writes through it solely while it is the one owner,
/// so no two tasks ever see a write.
final class TensorStorage: @unchecked Sendable {
  let pointer: UnsafeMutablePointer<Float>
  private let home: Home

  /// Where a block is from.
  private enum Home {
    case pool(StoragePool, StoragePool.Block)
    case file(TensorSpill)
  }

  /// Takes a block that holds at least `count` floats; its contents are unspecified.
  convenience init(count: Int) {
    if let spill = TensorSpill.current, let raw = spill.take(count * MemoryLayout<Float>.stride) {
      self.init(raw.bindMemory(to: Float.self, capacity: count), .file(spill))
    } else {
      self.init(count: count, capacity: StoragePool.capacity(for: count))
    }
  }

  /// The same for work that is over soon.
  convenience init(scratch count: Int) { self.init(count: count, capacity: StoragePool.capacity(forScratch: count)) }

  private convenience init(count: Int, capacity: Int) {
    let pool = StoragePool.current
    let block = pool.take(count, capacity: capacity)
    guard let pointer = block.pointer else { preconditionFailure("a tensor in a pool that only plans") }
    self.init(pointer, .pool(pool, block))
  }

  private init(_ pointer: UnsafeMutablePointer<Float>, _ home: Home) {
    self.pointer = pointer
    self.home = home
  }

  deinit {
    switch home {
    case .pool(let pool, let block): pool.give(block)
    case .file(let spill): spill.give(pointer)
    }
  }
}
