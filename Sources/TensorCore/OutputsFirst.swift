import CKernels

extension Tensor {
  /// A parameter from PyTorch's order, in which files keep it.
  ///
  /// Weights `[out, in, k, k]` become `[k, k, in, out]`, `[out, in]` becomes `[in, out]`: the output channel varies
  /// fastest. All others are the same in both.
  public init(outputsFirst numbers: UnsafeBufferPointer<Float>, shape: [Int]) {
    precondition(numbers.count == shape.reduce(1, *))
    let isWeights = shape.count == 4 || shape.count == 2
    self.init(uninitialized: isWeights ? shape.dropFirst(2) + [shape[1], shape[0]] : shape)
    withUnsafeMutableBuffer { target in
      guard let from = numbers.baseAddress, let to = target.baseAddress else { return }
      guard isWeights else { return to.update(from: from, count: numbers.count) }
      let taps = shape.dropFirst(2).reduce(1, *)
      ck_conv_turn(Int32(taps), Int32(shape[1]), Int32(shape[0]), from, to)
    }
  }
}
