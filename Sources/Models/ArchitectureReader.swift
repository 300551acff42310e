/// The shape of a U-Net, read off the names and shapes of its tensors (ALGORITHMS 2.6).
///
/// It looks only at what it needs; whether all the other tensors fit is checked afterwards against the network.
enum ArchitectureReader {
  /// Throws a `ModelError` if the tensors do not begin to look like such a network.
  static func configuration(of tensors: [(name: String, shape: [Int])], in source: String) throws(ModelError)
    -> UNetConfiguration
  {
    let shapes = Dictionary(tensors.map { ($0.name, $0.shape) }) { first, _ in first }
    func unlike(_ what: String) -> ModelError {
      let names = tensors.isEmpty ? "nothing" : ModelError.list(tensors.map(\.name), limit: 3)
      return ModelError(.mismatch, "\(source) does not hold a Fast-DDPM U-Net: \(what); it holds \(names)")
    }
    func convolution(_ name: String) throws(ModelError) -> [Int] {
      guard let shape = shapes["\(name).weight"] else { throw unlike("missing: \(name).weight") }
      guard shape.count == 4 else { throw unlike("\(name).weight has \(shape.count) dimensions") }
      return shape
    }
    let first = try convolution("conv_in")
    let last = try convolution("conv_out")
    let base = first[0]
    guard base > 0 else { throw unlike("conv_in.weight is empty") }
    let levels = count { shapes["down.\($0).block.0.conv1.weight"] != nil }
    guard levels > 0 else { throw unlike("missing: down.0.block.0.conv1.weight") }
    var multipliers: [Int] = []
    for level in 0..<levels {
      let width = try convolution("down.\(level).block.0.conv1")[0]
      guard width % base == 0 else { throw unlike("level \(level) has \(width) channels, no multiple of \(base)") }
      multipliers.append(width / base)
    }
    return UNetConfiguration(
      inputChannels: first[1], outputChannels: last[0], baseChannels: base, channelMultipliers: multipliers,
      residualBlocks: count { shapes["down.0.block.\($0).conv1.weight"] != nil },
      attentionLevels: (0..<levels).filter { shapes["down.\($0).attn.0.q.weight"] != nil },
      bottleneckAttention: shapes["mid.attn_1.q.weight"] != nil)
  }

  /// How many numbers from 0 on satisfy a condition.
  private static func count(_ condition: (Int) -> Bool) -> Int {
    var number = 0
    while condition(number) { number += 1 }
    return number
  }
}
