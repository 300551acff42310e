/// A figure about a result that needs no truth to compare with: what it is called and what it means.
struct QualityFigure {
  /// Its name in a manifest's `qc.metrics`.
  let metric: String
  /// Its column in `cohort.tsv`.
  let column: String
  let title: String
  let description: String
  /// Whether it is in the image's own unit; otherwise it is a plain number.
  let isIntensity: Bool

  /// All figures, in the order in which they are shown.
  static let all = [
    QualityFigure(
      metric: "noiseBefore", column: "noise_before", title: "Noise before",
      description:
        "Standard deviation of the noise in a slice of the input, estimated from diagonal Haar details; mean over slices",
      isIntensity: true),
    QualityFigure(
      metric: "noiseAfter", column: "noise_after", title: "Noise after",
      description: "The same of the result", isIntensity: true),
    QualityFigure(
      metric: "interSliceBefore", column: "inter_slice_before", title: "Between slices, before",
      description: "Root mean squared difference between neighbouring slices of the input", isIntensity: true),
    QualityFigure(
      metric: "interSliceAfter", column: "inter_slice_after", title: "Between slices, after",
      description: "The same of the result; above the input's, slices flicker", isIntensity: true),
    QualityFigure(
      metric: "residualMean", column: "residual_mean", title: "Residual, mean",
      description: "Mean of input minus result; away from 0, brightness was shifted", isIntensity: true),
    QualityFigure(
      metric: "residualDeviation", column: "residual_sd", title: "Residual, standard deviation",
      description: "Standard deviation of input minus result", isIntensity: true),
    QualityFigure(
      metric: "residualAutocorrelation", column: "residual_autocorrelation",
      title: "Residual, autocorrelation at lag 1",
      description:
        "Correlation of the residual with itself one voxel further in the slicing plane, inside the object: 0 for white noise, towards 1 where structure was removed",
      isIntensity: false),
  ]
}
