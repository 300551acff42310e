import TensorCore

/// Whether the tensors at hand are those of a network.
enum TensorCheck {
  /// Throws a `ModelError` that names what is missing, too many, or of another shape.
  static func compare(
    expected: [(name: String, shape: [Int])], found: [(name: String, shape: [Int])], in source: String,
    described: String
  ) throws(ModelError) {
    let wanted = Dictionary(uniqueKeysWithValues: expected.map { ($0.name, $0.shape) })
    let present = Dictionary(found.map { ($0.name, $0.shape) }) { first, _ in first }
    let missing = expected.filter { present[$0.name] == nil }.map(\.name)
    let extra = found.filter { wanted[$0.name] == nil }.map(\.name)
    let misshapen = found.compactMap { tensor -> String? in
      guard let shape = wanted[tensor.name], shape != tensor.shape else { return nil }
      return "\(tensor.name) is \(text(tensor.shape)) and should be \(text(shape))"
    }
    var parts: [String] = []
    if !missing.isEmpty { parts.append("missing: \(ModelError.list(missing))") }
    if !extra.isEmpty { parts.append("not in the network: \(ModelError.list(extra))") }
    if !misshapen.isEmpty { parts.append("of another shape: \(ModelError.list(misshapen))") }
    guard parts.isEmpty else {
      throw ModelError(
        .mismatch, "the tensors of \(source) are not those of \(described); \(parts.joined(separator: "; "))")
    }
  }

  static func isFinite(_ tensor: Tensor) -> Bool {
    tensor.withUnsafeBuffer { values in
      // A sum of x - x is zero for finite numbers and NaN otherwise: no branch in the loop.
      var sum: Float = 0
      for value in values { sum += value - value }
      return sum == 0
    }
  }

  private static func text(_ shape: [Int]) -> String { shape.map(String.init).joined(separator: "x") }
}
