public import TensorCore

/// What one output is worth against the truth and its input, all in one intensity window.
public struct RestorationFigures: Sendable, Equatable, Codable {
  /// Mean over slices of the PSNR, in dB; of the slices whose input is not the truth already, as are the gains.
  public var psnr: Double
  /// Mean over slices of PSNR(output) − PSNR(input).
  public var psnrGain: Double
  /// The smallest such gain of any slice: below 0 a slice came out worse than it went in.
  public var worstSliceGain: Double
  /// The position of that slice in the stack.
  public var worstSlice: Int
  /// Mean over slices of the structural similarity; nil for slices smaller than its window.
  public var ssim: Double?
  /// Mean absolute error, in the volume's unit.
  public var absoluteError: Double
  /// Mean gradient magnitude as a multiple of the truth's: see `Sharpness.ratio`.
  public var sharpness: Double
  /// Share of the truth's gradients that is kept: see `Sharpness.edgeRetention`.
  public var edgeRetention: Double
  /// Differences of neighbouring slices as a multiple of the truth's: see `InterSliceConsistency.ratio`.
  public var sliceDifference: Double?
  /// Share of the error that changes from slice to slice: see `InterSliceConsistency.errorFlicker`.
  public var errorFlicker: Double?
  /// Estimated noise, in the volume's unit: see `NoiseEstimate`.
  public var noise: Double

  /// The figures of an output; tensors are [slices, rows, columns] in the volume's unit and are clipped to the window.
  public init(output: Tensor, input: Tensor, truth: Tensor, window: ClosedRange<Double>) {
    let (output, input, truth) = (output.clamped(to: window), input.clamped(to: window), truth.clamped(to: window))
    let range = window.upperBound - window.lowerBound
    let after = PSNR.perSlice(output, against: truth, dataRange: range)
    let before = PSNR.perSlice(input, against: truth, dataRange: range)
    // Where the input is the truth there is nothing to gain, and what is lost is infinite: one such slice would be the mean.
    let flawed = before.indices.filter { before[$0].isFinite }
    let counted = flawed.isEmpty ? Array(before.indices) : flawed
    // Infinity minus infinity would be NaN.
    let gains = zip(after, before).map { $0 == $1 ? 0 : $0 - $1 }
    psnr = counted.map { after[$0] }.mean
    psnrGain = counted.map { gains[$0] }.mean
    worstSlice = counted.min { gains[$0] < gains[$1] } ?? 0
    worstSliceGain = gains[worstSlice]
    ssim =
      min(truth.shape[1], truth.shape[2]) >= SSIM.minimumExtent
      ? SSIM.mean(output, against: truth, window: window) : nil
    absoluteError = AbsoluteError.mean(output, against: truth)
    sharpness = Sharpness.ratio(output, against: truth)
    edgeRetention = Sharpness.edgeRetention(output, against: truth)
    sliceDifference = InterSliceConsistency.ratio(output, against: truth)
    errorFlicker = InterSliceConsistency.errorFlicker(output, against: truth)
    noise = NoiseEstimate.mean(output)
  }

  /// The figures of several outputs of one input (one per seed): means, and the worst of the worst slices.
  public init(averaging figures: [RestorationFigures]) {
    precondition(!figures.isEmpty)
    func mean(_ path: KeyPath<RestorationFigures, Double>) -> Double { figures.map { $0[keyPath: path] }.mean }
    func mean(_ path: KeyPath<RestorationFigures, Double?>) -> Double? {
      let values = figures.compactMap { $0[keyPath: path] }
      return values.count == figures.count ? values.mean : nil
    }
    self = figures.min { $0.worstSliceGain < $1.worstSliceGain }!
    psnr = mean(\.psnr)
    psnrGain = mean(\.psnrGain)
    ssim = mean(\.ssim)
    absoluteError = mean(\.absoluteError)
    sharpness = mean(\.sharpness)
    edgeRetention = mean(\.edgeRetention)
    sliceDifference = mean(\.sliceDifference)
    errorFlicker = mean(\.errorFlicker)
    noise = mean(\.noise)
  }
}
