/// Which slices of its input a network sees beside each noisy slice: its condition channels, in this order.
///
/// For tasks that keep the grid, an offset counts slices from the one that is made, which is 0: `[0]` is a network that
/// sees no other, `[-1, 0, 1]` sees both neighbours too, so that it can tell noise from anatomy and neighbouring results
/// agree. For super-resolution, 0 is the slice before the gap and 1 the one after it. Beyond the ends of a volume the
/// slices are mirrored.
public struct ConditionSlices: Sendable, Equatable {
  /// The offsets, ascending.
  public let offsets: [Int]
  /// The channels that a data prediction with a skip starts from, as their mean: the slice itself, or those on the two
  /// sides of the gap.
  public let centres: [Int]

  /// Checked offsets; throws a `ModelError` when they are not ascending, lie further than 4 away or lack the centre.
  public init(_ offsets: [Int], task: ModelTask) throws(ModelError) {
    let needed = Self.nearest(task)
    let span = needed[0] - 4...needed[needed.count - 1] + 4
    guard zip(offsets, offsets.dropFirst()).allSatisfy({ $0 < $1 }), offsets.allSatisfy(span.contains),
      Set(needed).isSubset(of: offsets)
    else {
      throw ModelError(
        .card,
        "conditionSlices must be ascending, within \(span.lowerBound) to \(span.upperBound), and hold "
          + needed.map(String.init).joined(separator: " and "))
    }
    self.offsets = offsets
    centres = needed.compactMap(offsets.firstIndex)
  }

  /// The slices that the task cannot do without, which are also all that a network sees unless its card says otherwise.
  public static func nearest(_ task: ModelTask) -> [Int] { task == .superResolve ? [0, 1] : [0] }

  /// Number of condition channels.
  public var count: Int { offsets.count }
}
