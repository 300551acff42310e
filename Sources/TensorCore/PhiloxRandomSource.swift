import CKernels

/// A counter-based source of random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as
/// 1, 2, 3", SC 2011).
///
/// A number is a pure function of (seed, stream, index). There is no state to advance, so what a voxel receives does
/// not depend on the order, the batch or the thread in which it is asked for.
public struct PhiloxRandomSource: Sendable, Equatable {
  /// The Philox key.
  public let seed: UInt64
  /// Separates independent uses of one seed (the upper half of the Philox counter).
  public let stream: UInt64

  /// A source for one use of a seed.
  public init(seed: UInt64, stream: UInt64 = 0) {
    self.seed = seed
    self.stream = stream
  }

  /// Four random words: block `index` of this stream.
  public func block(_ index: UInt64) -> (UInt32, UInt32, UInt32, UInt32) {
    var words: (UInt32, UInt32, UInt32, UInt32) = (0, 0, 0, 0)
    withUnsafeMutableBytes(of: &words) {
      ck_philox_block(seed, stream, index, $0.baseAddress!.assumingMemoryBound(to: UInt32.self))
    }
    return words
  }

  /// A 64-bit word for position `index` (its own block; do not mix with the fills below on one stream).
  public func uint64(at index: UInt64) -> UInt64 {
    let words = block(index)
    return UInt64(words.0) << 32 | UInt64(words.1)
  }

  /// A number in [0, 1) with 53 random bits, for position `index`.
  public func uniform(at index: UInt64) -> Double { Double(uint64(at: index) >> 11) * 0x1p-53 }

  /// An integer in `0..<bound` for position `index`; the bias is below `bound / 2^64`.
  public func integer(below bound: Int, at index: UInt64) -> Int {
    precondition(bound > 0)
    return Int(uint64(at: index).multipliedFullWidth(by: UInt64(bound)).high)
  }

  /// Writes standard normal numbers for elements `firstIndex ..< firstIndex + target.count`.
  ///
  /// Element i is lane i mod 4 of block i / 4, by Box-Muller on pairs of lanes.
  public func fillNormal(_ target: UnsafeMutableBufferPointer<Float>, firstIndex: UInt64 = 0) {
    guard let base = target.baseAddress else { return }
    ck_philox_normal(seed, stream, firstIndex, target.count, base)
  }

  /// A tensor of standard normal numbers for elements `firstIndex ...`.
  public func normal(shape: [Int], firstIndex: UInt64 = 0) -> Tensor {
    var out = Tensor(uninitialized: shape)
    out.withUnsafeMutableBuffer { fillNormal($0, firstIndex: firstIndex) }
    return out
  }
}
