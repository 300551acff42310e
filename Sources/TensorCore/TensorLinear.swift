import CKernels

extension Tensor {
  /// The weighted sum of tensors of one shape; at least one term.
  ///
  /// Each element is summed in double in the order of the terms and rounded to float once: a lone term with
  /// coefficient 1 is returned bit for bit.
  public static func linearCombination(_ terms: [(coefficient: Double, sample: Tensor)]) -> Tensor {
    precondition(!terms.isEmpty, "a linear combination of nothing has no shape")
    let samples = terms.map(\.sample)
    precondition(samples.allSatisfy { $0.shape == samples[0].shape }, "shapes differ")
    let coefficients = terms.map(\.coefficient)
    return samples[0].inPieces { first, count, out in
      let inputs = samples.map { Optional(UnsafePointer($0.base + first)) }
      ck_linear_combination(count, inputs.count, coefficients, inputs, out)
    }
  }

  /// The elements brought into a range; NaN stays NaN.
  public func clamped(to range: ClosedRange<Double>) -> Tensor {
    inPieces { first, count, out in
      ck_clamp(count, Float(range.lowerBound), Float(range.upperBound), base + first, out)
    }
  }

  /// A tensor of this shape, written piece by piece: `body(first, count, target)` fills elements first ..< first + count.
  private func inPieces(_ body: @Sendable (Int, Int, UnsafeMutablePointer<Float>) -> Void) -> Tensor {
    var out = Tensor(uninitialized: shape)
    let count = count
    out.withUnsafeMutableBuffer { target in
      guard let start = target.baseAddress else { return }
      let target = SharedPointer(start)
      Parallel.forEach((count + Self.pieceCount - 1) / Self.pieceCount) { piece in
        let first = piece * Self.pieceCount
        body(first, min(Self.pieceCount, count - first), target + first)
      }
    }
    return out
  }
}
