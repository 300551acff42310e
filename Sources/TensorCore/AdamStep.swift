import CKernels

/// The scalars of one step of Adam.
public struct AdamStep: Sendable {
  /// Factor on the gradient.
  public var clip: Float
  /// Learning rate.
  public var rate: Float
  /// Decay of the first moment.
  public var beta1: Float
  /// Decay of the second moment.
  public var beta2: Float
  /// Added to the root of the second moment.
  public var epsilon: Float
  /// 1 − beta1^t.
  public var correction1: Float
  /// 1 − beta2^t.
  public var correction2: Float

  /// The scalars.
  public init(
    clip: Float, rate: Float, beta1: Float, beta2: Float, epsilon: Float, correction1: Float, correction2: Float
  ) {
    self.clip = clip
    self.rate = rate
    self.beta1 = beta1
    self.beta2 = beta2
    self.epsilon = epsilon
    self.correction1 = correction1
    self.correction2 = correction2
  }
}

extension Tensor {
  /// One step of Adam on this parameter; `first` and `second` are its moments.
  public mutating func adamStep(gradient: Tensor, first: inout Tensor, second: inout Tensor, _ s: AdamStep) {
    precondition(shape == gradient.shape && shape == first.shape && shape == second.shape)
    withUnsafeMutableBuffer { w in
      first.withUnsafeMutableBuffer { m in
        second.withUnsafeMutableBuffer { v in
          guard let w0 = w.baseAddress, let m0 = m.baseAddress, let v0 = v.baseAddress else { return }
          let (count, piece) = (w.count, 1 << 14)
          let (w, m, v, g) = (
            SharedPointer(w0), SharedPointer(m0), SharedPointer(v0), SharedPointer(reading: gradient.base)
          )
          Parallel.forEach((count + piece - 1) / piece) { item in
            let first = item * piece
            ck_adam(
              w + first, m + first, v + first, g + first, min(piece, count - first), s.clip, s.rate, s.beta1, s.beta2,
              s.epsilon, s.correction1, s.correction2)
          }
        }
      }
    }
  }
}
