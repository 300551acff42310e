public import TensorCore

/// The best that a classical denoiser can do on given slices, its parameters chosen with the truth in hand.
///
/// That favours the baseline: no choice made on other slices can do better. A model that beats it beats the method.
/// `Workflows/quality` has more of them, from scikit-image and dipy, with parameters from training slices.
public struct ClassicalBaseline: Sendable {
  /// The method and the parameters that were chosen, for people.
  public let description: String
  /// The denoised slices.
  public let output: Tensor

  /// Gaussian blur; the width is chosen by PSNR on the middle of a few slices.
  ///
  /// Tensors are [slices, rows, columns] in the unit of the window, in which results are judged.
  public static func gaussian(_ input: Tensor, truth: Tensor, window: ClosedRange<Double>) -> ClassicalBaseline {
    let scene = Scene(input, truth, window)
    let widths = [0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.2, 1.5, 2, 3]
    let best = scene.best(of: widths) { $0.gaussianBlurred(sigma: $1) }
    return ClassicalBaseline(
      description: "Gaussian blur, sigma \(best) px", output: scene.input.gaussianBlurred(sigma: best))
  }

  /// Non-local means with 5 × 5 patches; h and sigma are chosen by PSNR on the middle of a few slices.
  ///
  /// Nil for slices of fewer than 8 rows or columns, or without noise.
  public static func nonLocalMeans(_ input: Tensor, truth: Tensor, window: ClosedRange<Double>) -> ClassicalBaseline? {
    guard min(input.shape[1], input.shape[2]) >= 8 else { return nil }
    let scene = Scene(input, truth, window)
    let noise = scene.noise
    guard noise > 0 else { return nil }
    typealias Strength = (h: Double, sigma: Double)
    func means(_ stack: Tensor, _ p: Strength) -> Tensor {
      stack.nonLocalMeans(h: p.h * noise, sigma: p.sigma * noise)
    }
    let coarse: [Strength] = [0.3, 0.45, 0.65, 0.9, 1.2].flatMap { h in [0.0, 0.5, 1].map { (h, $0) } }
    let start = scene.best(of: coarse, means)
    let fine: [Strength] = [0.8, 0.9, 1, 1.1, 1.2].map { (start.h * $0, start.sigma) }
    let best = scene.best(of: fine, means)
    return ClassicalBaseline(
      description: "non-local means, h \(rounded(best.h * noise)), sigma \(rounded(best.sigma * noise)), 5 × 5 patches",
      output: means(scene.input, best))
  }

  private static func rounded(_ value: Double) -> Double { (value * 100).rounded() / 100 }
}

/// What parameters are chosen on.
private struct Scene {
  /// The input, clipped a tenth of the window beyond it: noise that is clipped at the window's ends has a bias that no
  /// averaging removes, but padding far below would bleed into its surroundings.
  let input: Tensor
  private let fewInputs: Tensor
  private let fewTruths: Tensor
  private let window: ClosedRange<Double>

  init(_ input: Tensor, _ truth: Tensor, _ window: ClosedRange<Double>) {
    let margin = (window.upperBound - window.lowerBound) / 10
    self.input = input.clamped(to: window.lowerBound - margin...window.upperBound + margin)
    (fewInputs, fewTruths) = Self.sample(self.input, truth.clamped(to: window))
    self.window = window
  }

  /// The root mean square error of the input.
  var noise: Double { SquaredError.perSlice(fewInputs.clamped(to: window), against: fewTruths).mean.squareRoot() }

  /// The candidate with the smallest error.
  func best<P>(of candidates: [P], _ method: (Tensor, P) -> Tensor) -> P {
    let errors = candidates.map {
      SquaredError.perSlice(method(fewInputs, $0).clamped(to: window), against: fewTruths).mean
    }
    return candidates[errors.indices.min { errors[$0] < errors[$1] }!]
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
}
