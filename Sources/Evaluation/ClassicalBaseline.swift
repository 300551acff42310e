public import TensorCore

/// The best that a classical denoiser can do on given slices, its parameters chosen with the truth in hand.
///
/// That favours the baseline: no choice made on other slices can do better. A model that beats it beats the method.
/// `Workflows/baselines` has the same with scikit-image and parameters from training slices.
public struct ClassicalBaseline: Sendable {
  /// The method and the parameters that were chosen, for people.
  public let description: String
  /// The denoised slices.
  public let output: Tensor

  /// Gaussian blur; the width is chosen by PSNR on the middle of a few slices.
  public static func gaussian(_ input: Tensor, truth: Tensor) -> ClassicalBaseline {
    let (few, fewTruths) = sample(input, truth)
    let widths = [0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.2, 1.5, 2, 3]
    let best = best(of: widths) { SquaredError.perSlice(few.gaussianBlurred(sigma: $0), against: fewTruths).mean }
    return ClassicalBaseline(description: "Gaussian blur, sigma \(best) px", output: input.gaussianBlurred(sigma: best))
  }

  /// Non-local means with 5 × 5 patches; h and sigma are chosen by PSNR on the middle of a few slices.
  ///
  /// Nil for slices of fewer than 8 rows or columns, or without noise.
  public static func nonLocalMeans(_ input: Tensor, truth: Tensor) -> ClassicalBaseline? {
    guard min(input.shape[1], input.shape[2]) >= 8 else { return nil }
    let (few, fewTruths) = sample(input, truth)
    let noise = SquaredError.perSlice(few, against: fewTruths).mean.squareRoot()
    guard noise > 0 else { return nil }
    typealias Strength = (h: Double, sigma: Double)
    func error(_ p: Strength) -> Double {
      SquaredError.perSlice(few.nonLocalMeans(h: p.h * noise, sigma: p.sigma * noise), against: fewTruths).mean
    }
    let coarse: [Strength] = [0.3, 0.45, 0.65, 0.9, 1.2].flatMap { h in [0.0, 0.5, 1].map { (h, $0) } }
    let start = best(of: coarse, error)
    let fine: [Strength] = [0.8, 0.9, 1, 1.1, 1.2].map { (start.h * $0, start.sigma) }
    let best = best(of: fine, error)
    return ClassicalBaseline(
      description: "non-local means, h \(rounded(best.h * noise)), sigma \(rounded(best.sigma * noise)), 5 × 5 patches",
      output: input.nonLocalMeans(h: best.h * noise, sigma: best.sigma * noise))
  }

  /// The middle 256 × 256 pixels of at most three slices, spread over the stack.
  private static func sample(_ input: Tensor, _ truth: Tensor) -> (Tensor, Tensor) {
    precondition(input.shape == truth.shape && input.shape.count == 3 && input.shape[0] > 0)
    let slices = input.shape[0]
    let chosen = slices <= 3 ? Array(0..<slices) : [slices / 6, slices / 2, slices - 1 - slices / 6]
    return (middle(of: input, slices: chosen, extent: 256), middle(of: truth, slices: chosen, extent: 256))
  }

  private static func middle(of stack: Tensor, slices: [Int], extent: Int) -> Tensor {
    let (rows, columns) = (stack.shape[1], stack.shape[2])
    let (height, width) = (min(rows, extent), min(columns, extent))
    let first = (rows - height) / 2 * columns + (columns - width) / 2
    let lines = stack.reshaped([stack.count])
    return Tensor.concatenate(
      slices.flatMap { slice in
        (0..<height).map { row in
          let start = slice * rows * columns + first + row * columns
          return lines.slice(start..<start + width)
        }
      }
    ).reshaped([slices.count, height, width])
  }

  private static func best<P>(of candidates: [P], _ error: (P) -> Double) -> P {
    let errors = candidates.map(error)
    return candidates[errors.indices.min { errors[$0] < errors[$1] }!]
  }

  private static func rounded(_ value: Double) -> Double { (value * 100).rounded() / 100 }
}
