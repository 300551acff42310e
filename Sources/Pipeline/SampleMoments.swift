import TensorCore

/// Running mean and standard deviation of samples, element by element (Welford's recurrence).
struct SampleMoments {
  private(set) var count = 0
  private(set) var mean = Tensor(uninitialized: [])
  private var squares = Tensor(uninitialized: [])

  /// Takes in one more sample.
  mutating func add(_ sample: Tensor) {
    count += 1
    guard count > 1 else {
      mean = sample
      squares = Tensor(repeating: 0, shape: sample.shape)
      return
    }
    let weight = 1 / Float(count)
    sample.withUnsafeBuffer { x in
      mean.withUnsafeMutableBuffer { mean in
        squares.withUnsafeMutableBuffer { squares in
          for i in 0..<x.count {
            let delta = x[i] - mean[i]
            mean[i] += delta * weight
            squares[i] += delta * (x[i] - mean[i])
          }
        }
      }
    }
  }

  /// The sample standard deviation, with `count - 1` in the denominator.
  var deviation: Tensor {
    precondition(count > 1)
    var out = squares
    let scale = 1 / Float(count - 1)
    out.withUnsafeMutableBuffer { for i in 0..<$0.count { $0[i] = (max($0[i], 0) * scale).squareRoot() } }
    return out
  }
}
