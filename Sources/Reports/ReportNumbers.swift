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
  /// Correlation of the residual with itself one voxel further, in the slicing plane and inside the object: 0 for white
  /// noise, ½ for the mean of 2 × 2 neighbours of it, towards 1 where structure was removed; see `ResidualStructure`.
  public let residualAutocorrelation: Double
  /// Magnitude below which `residualAutocorrelation` cannot be told from that of white noise (two standard deviations).
  public let whiteNoiseAutocorrelation: Double

  /// Measures a restoration, both `[frames, slices, rows, columns]`.
  public init(before: Tensor, after: Tensor) {
    precondition(before.shape == after.shape && before.shape.count == 4)
    noise = [before, after].map { image in
      NoiseEstimate.mean(image.reshaped([image.shape[0] * image.shape[1], image.shape[2], image.shape[3]]))
    }
    let differences = [before, after].compactMap(Self.interSliceDifference)
    interSlice = differences.count == 2 ? differences : nil
    let residual = Tensor.linearCombination([(1, before), (-1, after)])
    let structure = ResidualStructure(residual, inside: ObjectMask(after))
    residualMean = structure.mean
    residualDeviation = structure.deviation
    residualAutocorrelation = structure.autocorrelation
    whiteNoiseAutocorrelation = structure.whiteNoiseBound
  }

  /// The figures by name, for the manifest.
  public var metrics: [String: Double] {
    var out = [
      "noiseBefore": noise[0], "noiseAfter": noise[1], "residualMean": residualMean,
      "residualDeviation": residualDeviation, "residualAutocorrelation": residualAutocorrelation,
      "whiteNoiseAutocorrelation": whiteNoiseAutocorrelation,
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
}
