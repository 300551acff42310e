public import TensorCore

/// What voxel values come to, gathered piece by piece in memory that does not depend on their number.
public struct VoxelStatistics: Sendable, Equatable {
  /// Voxels.
  public private(set) var count = 0
  /// Voxels that are NaN or infinite; the rest is about the others.
  public private(set) var nonFiniteCount = 0
  /// The smallest value; infinite if there is none.
  public private(set) var minimum = Float.infinity
  /// The largest value; minus infinite if there is none.
  public private(set) var maximum = -Float.infinity
  /// Voxels below 0.
  public private(set) var negativeCount = 0
  /// Voxels below -500, as air and lung are in HU.
  public private(set) var deepCount = 0
  private var sum = 0.0

  /// Of no voxels yet.
  public init() {}

  /// Of all voxels of a tensor.
  public init(_ voxels: Tensor) { voxels.withUnsafeBuffer { add($0) } }

  /// The mean of the finite values; NaN if there is none.
  public var mean: Double { sum / Double(count - nonFiniteCount) }

  /// Takes in some voxels.
  public mutating func add(_ voxels: UnsafeBufferPointer<Float>) {
    var part = VoxelStatistics()
    for value in voxels {
      guard value.isFinite else {
        part.nonFiniteCount += 1
        continue
      }
      part.minimum = min(part.minimum, value)
      part.maximum = max(part.maximum, value)
      part.sum += Double(value)
      if value < 0 { part.negativeCount += 1 }
      if value < -500 { part.deepCount += 1 }
    }
    count += voxels.count
    nonFiniteCount += part.nonFiniteCount
    minimum = min(minimum, part.minimum)
    maximum = max(maximum, part.maximum)
    negativeCount += part.negativeCount
    deepCount += part.deepCount
    sum += part.sum
  }
}

/// How often which values occur, in 8 MiB, whatever they are.
///
/// A value is cut to 12 significant bits: whole numbers up to 4096 are kept as they are, others to a 2048th.
struct ValueHistogram {
  private var counts = [Int](repeating: 0, count: 1 << 20)
  private var total = 0

  /// Counts the finite ones among some values.
  mutating func add(_ values: UnsafeBufferPointer<Float>) {
    counts.withUnsafeMutableBufferPointer { counts in
      for value in values where value.isFinite {
        counts[Self.bin(value)] += 1
        total += 1
      }
    }
  }

  /// The smallest value that at least so many percent of the values do not exceed; NaN of no values.
  func percentile(_ percent: Double) -> Float {
    guard total > 0 else { return .nan }
    let wanted = max(1, Int((percent / 100 * Double(total)).rounded(.up)))
    var seen = 0
    for bin in counts.indices {
      seen += counts[bin]
      if seen >= wanted { return Self.value(bin) }
    }
    return .nan
  }

  /// Bins in the order of values: the bits of a float, negative ones turned round, without the last twelve.
  private static func bin(_ value: Float) -> Int {
    let bits = value.bitPattern
    return Int((bits >> 31 == 1 ? ~bits : bits | 1 << 31) >> 12)
  }

  /// The value of a bin that is nearest to zero, whose cut bits are zero.
  private static func value(_ bin: Int) -> Float {
    let bits = UInt32(bin) << 12
    return Float(bitPattern: bits >> 31 == 1 ? bits & ~(1 << 31) : ~(bits | 0xFFF))
  }
}
