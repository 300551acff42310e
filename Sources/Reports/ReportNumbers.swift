import Evaluation
public import TensorCore

/// Figures about an image and its restoration that need no truth to compare with.
public struct ReportNumbers: Sendable, Equatable {
  /// Standard deviation of the noise in a slice (mean over slices), before and after; see `NoiseEstimate`.
  public let noise: [Double]
  /// Root mean squared difference between neighbouring slices, before and after; nil for a single slice.
  ///
  /// A restoration that makes slices disagree comes out above its input.
  public let interSlice: [Double]?
  /// Mean of input minus output.
  public let residualMean: Double
  /// Standard deviation of input minus output.
  public let residualDeviation: Double
  /// Correlation of the residual with itself one voxel further, mean of columns and rows: 0 for white noise, towards 1
  /// where structure was removed.
  public let residualAutocorrelation: Double

  /// Measures a restoration, both `[frames, slices, rows, columns]`.
  public init(before: Tensor, after: Tensor) {
    precondition(before.shape == after.shape && before.shape.count == 4)
    noise = [before, after].map { image in
      NoiseEstimate.mean(image.reshaped([image.shape[0] * image.shape[1], image.shape[2], image.shape[3]]))
    }
    let differences = [before, after].compactMap(Self.interSliceDifference)
    interSlice = differences.count == 2 ? differences : nil
    let residual = Tensor.linearCombination([(1, before), (-1, after)])
    (residualMean, residualDeviation, residualAutocorrelation) = Self.correlation(residual)
  }

  /// The figures by name, for the manifest.
  public var metrics: [String: Double] {
    var out = [
      "noiseBefore": noise[0], "noiseAfter": noise[1], "residualMean": residualMean,
      "residualDeviation": residualDeviation, "residualAutocorrelation": residualAutocorrelation,
    ]
    if let interSlice {
      out["interSliceBefore"] = interSlice[0]
      out["interSliceAfter"] = interSlice[1]
    }
    return out
  }

  /// Differences are taken within frames only.
  private static func interSliceDifference(_ voxels: Tensor) -> Double? {
    let squares = (0..<voxels.shape[0]).compactMap { frame in
      InterSliceConsistency.meanSquaredDifference(
        voxels.slice(frame..<frame + 1).reshaped(Array(voxels.shape.dropFirst())))
    }
    return squares.isEmpty ? nil : (squares.reduce(0, +) / Double(squares.count)).squareRoot()
  }

  private static func correlation(_ residual: Tensor) -> (mean: Double, deviation: Double, lag: Double) {
    let (rows, columns) = (residual.shape[2], residual.shape[3])
    return residual.withUnsafeBuffer { source in
      let mean = source.reduce(0.0) { $0 + Double($1) } / Double(source.count)
      let variance = source.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / Double(source.count)
      guard variance > 0 else { return (mean, 0, 0) }
      func lag(_ distance: Int, across: Bool) -> Double? {
        var (sum, count) = (0.0, 0)
        for line in 0..<source.count / columns where across || line % rows != rows - 1 {
          let first = line * columns
          for i in first..<first + columns - (across ? 1 : 0) {
            sum += (Double(source[i]) - mean) * (Double(source[i + distance]) - mean)
            count += 1
          }
        }
        return count > 0 ? sum / Double(count) / variance : nil
      }
      let lags = [lag(1, across: true), lag(columns, across: false)].compactMap { $0 }
      return (mean, variance.squareRoot(), lags.isEmpty ? 0 : lags.reduce(0, +) / Double(lags.count))
    }
  }
}
