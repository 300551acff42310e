import CKernels

extension Tensor {
  /// Elements per piece of work; fixed, so that the pieces do not depend on the number of threads.
  private static let piece = 65536

  /// The weighted sum of tensors of one shape.
  ///
  /// Each element is summed in double in the order of the terms and rounded to float once: a single term with
  /// coefficient 1 is returned bit for bit.
  public static func linearCombination(_ terms: [(coefficient: Double, sample: Tensor)]) -> Tensor {
    precondition(!terms.isEmpty, "a linear combination of nothing has no shape")
    let shape = terms[0].sample.shape
    precondition(terms.allSatisfy { $0.sample.shape == shape }, "shapes differ")
    let coefficients = terms.map(\.coefficient)
    var out = Tensor(uninitialized: shape)
    withPointers(terms.map(\.sample)) { inputs in
      out.withUnsafeMutableBuffer { target in
        guard let base = target.baseAddress else { return }
        let output = SharedPointer(base)
        let count = target.count
        Parallel.forEach((count + piece - 1) / piece) { index in
          let start = index * piece
          let addresses = inputs.map { Optional(UnsafePointer($0 + start)) }
          ck_linear_combination(min(piece, count - start), coefficients.count, coefficients, addresses, output + start)
        }
      }
    }
    return out
  }

  /// The elements brought into a range; NaN stays NaN.
  public func clamped(to range: ClosedRange<Double>) -> Tensor {
    var out = Tensor(uninitialized: shape)
    withUnsafeBuffer { source in
      out.withUnsafeMutableBuffer { target in
        guard let from = source.baseAddress, let to = target.baseAddress else { return }
        let input = SharedPointer(reading: from)
        let output = SharedPointer(to)
        let count = source.count
        Parallel.forEach((count + Self.piece - 1) / Self.piece) { index in
          let start = index * Self.piece
          ck_clamp(
            min(Self.piece, count - start), Float(range.lowerBound), Float(range.upperBound), input + start,
            output + start)
        }
      }
    }
    return out
  }

  /// Opens the storage of several tensors at once.
  private static func withPointers(_ tensors: [Tensor], _ body: ([SharedPointer<Float>]) -> Void) {
    func open(_ index: Int, _ opened: [SharedPointer<Float>]) {
      guard index < tensors.count else { return body(opened) }
      tensors[index].withUnsafeBuffer { buffer in
        guard let base = buffer.baseAddress else { return }
        open(index + 1, opened + [SharedPointer(reading: base)])
      }
    }
    open(0, [])
  }
}
