public import TensorCore

/// How much the slices of a denoised stack differ from their neighbours, set to what the noisy stack says of the truth.
///
/// A conditional mean lacks the detail that cannot be known, and a mean over three planes lacks more. Of all results with
/// the truth's energy, the one nearest to the conditional mean is, for Gaussian signals, that mean with a gain
/// (Freirich, Michaeli and Meir 2021, section 4): here x + k·(x − Lx), where L weighs a slice by ½ and its neighbours by ¼.
/// The energy to be met needs no truth: white noise of variance σ² adds 2σ² to the mean squared difference of two slices.
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
  /// Fewer pairs of bright voxels than this say nothing of a stack.
  private static let leastPairs = 1000

  /// The gain k in 0...1.5 for a result `[frames, slices, rows, columns]` of an input whose white noise has the standard
  /// deviation `noise`, all in one unit.
  ///
  /// Only pairs of voxels count whose mean in the result exceeds a quarter of the way from the input's smallest value to
  /// its 99.9th percentile, where the noise of a magnitude image is nearly Gaussian (see `NoiseLevel`). 0 for single slices,
  /// and where differences do not fall short.
  public static func gain(for result: Tensor, of input: Tensor, noise: Double) -> Double {
    precondition(result.shape == input.shape && result.shape.count == 4, "voxels are [frames, slices, rows, columns]")
    guard result.shape[1] > 1, result.count > 0 else { return 0 }
    let ends = Percentiles.of(input, at: [0, 99.9])
    let sums = Sums(result, input, brighterThan: Float(ends[0] + (ends[1] - ends[0]) / 4))
    guard sums.pairs >= leastPairs else { return 0 }
    // |Δx + kΔh|² = |Δx|² + 2k ΔxΔh + k²|Δh|² with h = x − Lx, solved for what the noise leaves of |Δy|².
    let lack = sums.input - 2 * noise * noise * Double(sums.pairs) - sums.result
    guard lack > 0, sums.detail > 0 else { return 0 }
    let root = (sums.product * sums.product + sums.detail * lack).squareRoot()
    return min((root - sums.product) / sums.detail, largestGain)
  }

  /// Sums over pairs of voxels in neighbouring slices.
  private struct Sums {
    private(set) var pairs = 0
    /// Squared differences of the input, of the result, and of the result's detail.
    private(set) var input = 0.0, result = 0.0, detail = 0.0
    /// Differences of the result times those of its detail.
    private(set) var product = 0.0

    init(_ result: Tensor, _ input: Tensor, brighterThan threshold: Float) {
      let (slices, pixels) = (result.shape[1], result.shape[2] * result.shape[3])
      result.withUnsafeBuffer { x in
        input.withUnsafeBuffer { y in
          for frame in 0..<result.shape[0] {
            for slice in 0..<slices - 1 {
              let first = (frame * slices + slice) * pixels
              // Beyond the first and the last slice the stack goes on as it ends.
              add(
                x, y, first..<first + pixels, before: slice > 0 ? -pixels : 0, next: pixels,
                after: slice + 2 < slices ? 2 * pixels : pixels, threshold)
            }
          }
        }
      }
    }

    /// Adds the pairs of a slice's voxels with those of the `next` one.
    private mutating func add(
      _ x: UnsafeBufferPointer<Float>, _ y: UnsafeBufferPointer<Float>, _ slice: Range<Int>, before: Int, next: Int,
      after: Int, _ threshold: Float
    ) {
      for voxel in slice where x[voxel] + x[voxel + next] > 2 * threshold {
        let change = Double(x[voxel + next] - x[voxel])
        // The detail of a slice is (2x − x₋ − x₊)/4: of the next one less that of this one.
        let edges: Double = Double(x[voxel + after] - x[voxel + before])
        let detailChange = (3 * change - edges) / 4
        let inputChange = Double(y[voxel + next] - y[voxel])
        pairs += 1
        input += inputChange * inputChange
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
