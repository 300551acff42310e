/// A 64-byte aligned block of floats, returned to its pool when its last owner lets go.
///
/// The only `@unchecked Sendable` of the numeric code: `Tensor` writes through it solely while it is the one owner,
/// so no two tasks ever see a write.
final class TensorStorage: @unchecked Sendable {
  let pointer: UnsafeMutablePointer<Float>
  private let block: StoragePool.Block
  private let pool: StoragePool

  /// Takes a block that holds at least `count` floats; its contents are unspecified.
  convenience init(count: Int) { self.init(count: count, capacity: StoragePool.capacity(for: count)) }

  /// The same for work that is over soon.
  convenience init(scratch count: Int) { self.init(count: count, capacity: StoragePool.capacity(forScratch: count)) }

  private init(count: Int, capacity: Int) {
    pool = .current
    block = pool.take(count, capacity: capacity)
    guard let pointer = block.pointer else { preconditionFailure("a tensor in a pool that only plans") }
    self.pointer = pointer
  }

  deinit { pool.give(block) }
}
