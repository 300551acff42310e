public import TensorCore

/// How much the slices of a denoised stack differ from their neighbours, set to what the noisy stack says of the truth.
///
/// A conditional mean lacks the detail that cannot be known, and a mean over three planes lacks more. Of all results with
/// the truth's energy, the one nearest to the conditional mean is, for Gaussian signals, that mean with a gain
/// (Freirich, Michaeli and Meir 2021): here x + k·(x − Lx), where L weighs a slice by ½ and its neighbours by ¼.
/// The energy to be met needs no truth: what white noise adds to the mean squared difference of two slices is known, and
/// 2σ² where the signal is strong.
public enum SliceDetail {
  /// What becomes of the differences.
  public enum Choice: String, Sendable, CaseIterable {
    /// They are as the network predicts them.
    case predicted
    /// Where they fall short of the input's without its noise, they get a gain.
    case matched
  }

  /// The largest gain; more would cost more than it restores (Docs/Decisions/0019-as-different-as-the-truth.md).
  public static let largestGain = 1.5
  /// Gain and noise follow from each other; a pass leaves about a fifth of what the one before was off by.
  private static let mostPasses = 8
  /// Fewer pairs of bright voxels than this say nothing of a stack.
  private static let leastPairs = 1000

  /// The gain k in 0...1.5 for a result `[frames, slices, rows, columns]` of a magnitude image with white noise, whose
  /// `NoiseLevel.estimate` is `noise`, all in one unit.
  ///
  /// Only pairs of voxels count whose mean in the result exceeds a tenth of the way from the input's smallest value to its
  /// 99.9th percentile: air that was cut out has no noise. 0 for single slices, and where differences do not fall short.
  public static func gain(for result: Tensor, of input: Tensor, noise: Double) -> Double {
    precondition(result.shape == input.shape && result.shape.count == 4, "voxels are [frames, slices, rows, columns]")
    guard result.shape[1] > 1, result.count > 0 else { return 0 }
    let ends = Percentiles.of(input, at: [0, 99.9])
    func value(_ share: Double) -> Float { Float(ends[0] + share * (ends[1] - ends[0])) }
    let sigma = channelNoise(noise, measuredIn: result, brighterThan: value(NoiseLevel.bright))
    let moments = RicianMoments(sigma: sigma)
    // What noise adds to weak signals depends on how much they differ: on the result with its gain.
    var gain = 0.0
    for _ in 0..<mostPasses {
      let sums = Sums(result, input, moments, gain: gain, brighterThan: value(0.1))
      guard sums.pairs >= leastPairs else { return 0 }
      let next = sums.matchingGain
      defer { gain = next }
      if abs(next - gain) < 0.01 { break }
    }
    return gain
  }

  /// The σ of both channels that leads to a standard deviation `noise` of magnitudes, mean over a volume's bright voxels.
  ///
  /// A fixed point as Koay and Basser's (2006), for all brightnesses of a volume together.
  private static func channelNoise(_ noise: Double, measuredIn voxels: Tensor, brighterThan threshold: Float) -> Double
  {
    let highest = voxels.withUnsafeBuffer { $0.max() } ?? threshold
    let perBin = (highest - threshold) / 256
    guard noise > 0, perBin > 0, perBin.isFinite else { return noise }
    var counts = [Double](repeating: 0, count: 256)
    voxels.withUnsafeBuffer { values in
      for value in values where value > threshold { counts[min(Int((value - threshold) / perBin), 255)] += 1 }
    }
    let total = counts.reduce(0, +)
    var sigma = noise
    for _ in 0..<8 {
      let moments = RicianMoments(sigma: sigma)
      let variances = counts.indices.map {
        counts[$0] * moments.variance(of: Double(threshold + (Float($0) + 0.5) * perBin))
      }
      sigma *= noise / (variances.reduce(0, +) / total).squareRoot()
    }
    return sigma
  }

  /// Sums over pairs of voxels in neighbouring slices.
  private struct Sums {
    private(set) var pairs = 0
    /// Squared differences of the input, of the result, and of the result's detail.
    private(set) var input = 0.0, result = 0.0, detail = 0.0
    /// What noise has added to those of the input, if the result with the gain it is given is the truth.
    private(set) var noise = 0.0
    /// Differences of the result times those of its detail.
    private(set) var product = 0.0

    /// The gain in 0...1.5 that gives the result what noise leaves of the input's energy.
    ///
    /// |Δx + kΔh|² = |Δx|² + 2k ΔxΔh + k²|Δh|² with h = x − Lx.
    var matchingGain: Double {
      let lack = input - noise - result
      guard lack > 0, detail > 0 else { return 0 }
      let gain = ((product * product + detail * lack).squareRoot() - product) / detail
      return gain.isFinite ? min(gain, largestGain) : 0
    }

    init(_ result: Tensor, _ input: Tensor, _ moments: RicianMoments, gain: Double, brighterThan threshold: Float) {
      let (slices, pixels) = (result.shape[1], result.shape[2] * result.shape[3])
      result.withUnsafeBuffer { x in
        input.withUnsafeBuffer { y in
          for frame in 0..<result.shape[0] {
            for slice in 0..<slices - 1 {
              let first = (frame * slices + slice) * pixels
              // Beyond the first and the last slice the stack goes on as it ends.
              add(
                x, y, moments, first..<first + pixels, before: slice > 0 ? -pixels : 0, next: pixels,
                after: slice + 2 < slices ? 2 * pixels : pixels, gain, threshold)
            }
          }
        }
      }
    }

    /// Adds the pairs of a slice's voxels with those of the `next` one.
    private mutating func add(
      _ x: UnsafeBufferPointer<Float>, _ y: UnsafeBufferPointer<Float>, _ moments: RicianMoments, _ slice: Range<Int>,
      before: Int, next: Int, after: Int, _ gain: Double, _ threshold: Float
    ) {
      for voxel in slice where x[voxel] + x[voxel + next] > 2 * threshold {
        let change = Double(x[voxel + next] - x[voxel])
        // The detail of a slice, (2x − x₋ − x₊)/4, is a quarter of the change up to it less the change after it.
        let ownDetail = (Double(x[voxel] - x[voxel + before]) - change) / 4
        let nextDetail = (change - Double(x[voxel + after] - x[voxel + next])) / 4
        let detailChange = nextDetail - ownDetail
        let inputChange = Double(y[voxel + next] - y[voxel])
        pairs += 1
        input += inputChange * inputChange
        noise += moments.excess(of: Double(x[voxel]) + gain * ownDetail, Double(x[voxel + next]) + gain * nextDetail)
        result += change * change
        detail += detailChange * detailChange
        product += change * detailChange
      }
    }
  }
}

extension Tensor {
  /// Adds `gain` times what a slice of `[frames, slices, rows, columns]` has beyond the mean of itself and its neighbours,
  /// and keeps to the range that the voxels had.
  public mutating func amplifySliceDetail(by gain: Double) {
    precondition(shape.count == 4, "voxels are [frames, slices, rows, columns]")
    let (frames, slices, pixels) = (shape[0], shape[1], shape[2] * shape[3])
    guard gain != 0, slices > 1 else { return }
    let factor = Float(gain / 4)
    withUnsafeMutableBuffer { x in
      guard let lowest = x.min(), let highest = x.max() else { return }
      var before = [Float](repeating: 0, count: pixels)
      for frame in 0..<frames {
        for slice in 0..<slices {
          let first = (frame * slices + slice) * pixels
          let next = slice + 1 < slices ? pixels : 0
          for pixel in 0..<pixels {
            let own = x[first + pixel]
            let previous = slice > 0 ? before[pixel] : own
            before[pixel] = own
            let detail = 2 * own - previous - x[first + pixel + next]
            x[first + pixel] = Swift.min(Swift.max(own + factor * detail, lowest), highest)
          }
        }
      }
    }
  }
}
