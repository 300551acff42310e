import Foundation
import TensorCore

/// Structure that is left in what was removed: how it correlates with itself one voxel further, in the slicing plane and
/// inside the object.
///
/// With r the residual (before − after), S the voxels inside the object, m and v mean and variance of r over S:
///
///     ρ(d) = mean of (r(p) − m)(r(p + d) − m) over the pairs p, p + d that both lie in S, divided by v
///     ρ    = mean of ρ(one column further) and ρ(one row further)
///
/// White noise gives 0, with a standard deviation of ½ √(1/n₁ + 1/n₂) for n₁ and n₂ pairs; the mean of 2 × 2 neighbours of
/// white noise gives ½; what changes slowly gives nearly 1. What lies around the object is left out: there nothing is
/// removed, or a reconstruction's own padding.
struct ResidualStructure: Equatable {
  /// Mean of the residual over all voxels.
  let mean: Double
  /// Standard deviation of the residual over all voxels.
  let deviation: Double
  /// ρ; 0 where nothing was removed.
  let autocorrelation: Double
  /// Twice the standard deviation of ρ for white noise: what lies nearer to 0 cannot be told from it.
  let whiteNoiseBound: Double

  /// Measures a residual of `[frames, slices, rows, columns]`; `inside` says of each voxel whether it belongs to the object.
  init(_ residual: Tensor, inside: ObjectMask) {
    let (rows, columns) = (residual.shape[2], residual.shape[3])
    (mean, deviation, autocorrelation, whiteNoiseBound) = residual.withUnsafeBuffer { r in
      inside.voxels.withUnsafeBufferPointer { mask in
        let all = Self.moments(r) { _ in true }
        let own = Self.moments(r) { mask[$0] }
        guard own.variance > 0 else { return (all.mean, all.variance.squareRoot(), 0, 0) }
        func correlation(_ distance: Int, _ has: (_ row: Int, _ column: Int) -> Bool) -> (value: Double, pairs: Int) {
          var (sum, pairs) = (0.0, 0)
          for line in 0..<r.count / columns {
            for column in 0..<columns where has(line % rows, column) {
              let i = line * columns + column
              guard mask[i], mask[i + distance] else { continue }
              sum += (Double(r[i]) - own.mean) * (Double(r[i + distance]) - own.mean)
              pairs += 1
            }
          }
          return (pairs > 0 ? sum / Double(pairs) / own.variance : 0, pairs)
        }
        let found = [
          correlation(1) { _, column in column < columns - 1 }, correlation(columns) { row, _ in row < rows - 1 },
        ].filter { $0.pairs > 0 }
        guard !found.isEmpty else { return (all.mean, all.variance.squareRoot(), 0, 0) }
        let count = Double(found.count)
        return (
          all.mean, all.variance.squareRoot(), found.reduce(0) { $0 + $1.value } / count,
          2 * found.reduce(0) { $0 + 1 / Double($1.pairs) }.squareRoot() / count
        )
      }
    }
  }

  private static func moments(_ values: UnsafeBufferPointer<Float>, _ counts: (Int) -> Bool) -> (
    mean: Double, variance: Double
  ) {
    var (sum, count) = (0.0, 0)
    for i in values.indices where counts(i) {
      sum += Double(values[i])
      count += 1
    }
    guard count > 0 else { return (0, 0) }
    let mean = sum / Double(count)
    var squares = 0.0
    for i in values.indices where counts(i) { squares += (Double(values[i]) - mean) * (Double(values[i]) - mean) }
    return (mean, squares / Double(count))
  }
}

/// Which voxels belong to what was scanned: those of the result that are at least a quarter of its grey scale bright.
///
/// Of the result and not of the input, so that what counts does not depend on the noise that is measured.
struct ObjectMask {
  let voxels: [Bool]

  init(_ result: Tensor) {
    let threshold = DisplayRange.objectThreshold(DisplayRange.of(result))
    voxels = result.withUnsafeBuffer { $0.map { $0 >= threshold } }
  }
}
