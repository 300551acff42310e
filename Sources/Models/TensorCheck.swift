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

  static func isFinite(_ values: UnsafeBufferPointer<Float>) -> Bool {
    // Infinities and NaNs are those whose exponent is all ones; as integers without sign, the largest numbers. No branch
    // in the loop, and no order that vectors would have to keep.
    var largest: UInt32 = 0
    for value in values { largest = max(largest, value.bitPattern & 0x7fff_ffff) }
    return largest < 0x7f80_0000
  }

  private static func text(_ shape: [Int]) -> String { shape.map(String.init).joined(separator: "x") }
}
