public import TensorCore

/// Exact percentiles of many values without sorting them.
///
/// Radix selection: a histogram over the upper 16 bits of the order-preserving integer form of a float finds the bin
/// of a rank, a second one over the lower 16 bits finds the value. Two passes per rank, no copy of the voxels.
public enum Percentiles {
  /// The percentiles `at` (0...100) of all elements, which must be finite and at least one.
  ///
  /// Between two ranks the value is interpolated linearly, as NumPy does by default.
  public static func of(_ values: Tensor, at percents: [Double]) -> [Double] {
    precondition(values.count > 0, "percentiles of nothing")
    return values.withUnsafeBuffer { buffer in
      var upper = [Int](repeating: 0, count: 1 << 16)
      for value in buffer { upper[Int(key(value) >> 16)] += 1 }
      return percents.map { percent in
        let position = percent / 100 * Double(buffer.count - 1)
        let rank = Int(position)
        let first = Double(element(rank: rank, of: buffer, upper: upper))
        let fraction = position - Double(rank)
        guard fraction > 0 else { return first }
        let second = Double(element(rank: rank + 1, of: buffer, upper: upper))
        return first + (second - first) * fraction
      }
    }
  }

  private static func element(rank: Int, of buffer: UnsafeBufferPointer<Float>, upper: [Int]) -> Float {
    let (bin, before) = locate(rank, in: upper)
    var lower = [Int](repeating: 0, count: 1 << 16)
    for value in buffer where Int(key(value) >> 16) == bin { lower[Int(key(value) & 0xFFFF)] += 1 }
    let (rest, _) = locate(rank - before, in: lower)
    return value(UInt32(bin) << 16 | UInt32(rest))
  }

  /// The bin that holds a rank, and how many elements lie in the bins before it.
  private static func locate(_ rank: Int, in histogram: [Int]) -> (bin: Int, before: Int) {
    var before = 0
    for (bin, count) in histogram.enumerated() {
      if before + count > rank { return (bin, before) }
      before += count
    }
    preconditionFailure("rank \(rank) of \(before) elements")
  }

  /// Unsigned integers in the order of the floats.
  private static func key(_ value: Float) -> UInt32 {
    let bits = value.bitPattern
    return bits >> 31 == 1 ? ~bits : bits | 0x8000_0000
  }

  private static func value(_ key: UInt32) -> Float {
    Float(bitPattern: key >> 31 == 1 ? key & 0x7FFF_FFFF : ~key)
  }
}
