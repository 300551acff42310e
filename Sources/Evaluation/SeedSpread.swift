public import TensorCore

/// How much a sampler's output changes with the seed.
public enum SeedSpread {
  /// The mean over voxels of the standard deviation over seeds (divisor n − 1), in the tensors' unit; nil for one seed.
  ///
  /// It tells a sampler that draws from the posterior from one that returns its mean, which PSNR prefers.
  public static func mean(_ outputs: [Tensor]) -> Double? {
    guard outputs.count > 1 else { return nil }
    precondition(outputs.allSatisfy { $0.shape == outputs[0].shape }, "outputs of different shapes")
    let deviation = deviations(outputs)
    return deviation.withUnsafeBuffer { $0.reduce(0.0) { $0 + Double($1) } } / Double(deviation.count)
  }

  /// The standard deviation over seeds of every voxel (divisor n − 1); at least two outputs.
  public static func deviations(_ outputs: [Tensor]) -> Tensor {
    precondition(outputs.count > 1)
    let count = Double(outputs.count)
    let mean = Tensor.linearCombination(outputs.map { (1 / count, $0) })
    var squares = [Double](repeating: 0, count: mean.count)
    for output in outputs {
      output.withUnsafeBuffer { x in
        mean.withUnsafeBuffer { m in
          for i in 0..<squares.count {
            let difference = Double(x[i]) - Double(m[i])
            squares[i] += difference * difference
          }
        }
      }
    }
    return Tensor(squares.map { Float(($0 / (count - 1)).squareRoot()) }, shape: mean.shape)
  }
}
