import Foundation
public import NeuralNet
import TensorCore

/// The U-Net of DDIM and Fast-DDPM (ALGORITHMS 2.6), any width, depth and attention level.
///
/// Names of parameters are those of the published state dict. A value without weights: they come with the graph.
public struct UNet: Sendable, Equatable {
  /// The network's shape.
  public let configuration: UNetConfiguration

  /// A network; refuses a configuration that cannot be built.
  public init(_ configuration: UNetConfiguration) throws(ModelError) {
    let c = configuration
    func require(_ condition: Bool, _ message: String) throws(ModelError) {
      if !condition { throw ModelError(.card, "the architecture is not usable: \(message)") }
    }
    try require(c.inputChannels >= 1 && c.inputChannels <= 64, "inputChannels must be 1 to 64")
    try require(c.outputChannels >= 1 && c.outputChannels <= 64, "outputChannels must be 1 to 64")
    try require(c.baseChannels >= 32 && c.baseChannels % 32 == 0, "baseChannels must be a multiple of 32")
    try require(c.baseChannels <= 1024, "baseChannels must be 1024 at most")
    try require([nil, 1, 2, 4, 8, 16, 32].contains(c.normGroups), "normGroups must be 1, 2, 4, 8, 16 or 32")
    try require((1...10).contains(c.channelMultipliers.count), "there must be 1 to 10 channelMultipliers")
    try require(c.channelMultipliers.allSatisfy { (1...64).contains($0) }, "channelMultipliers must be 1 to 64")
    try require((1...16).contains(c.residualBlocks), "residualBlocks must be 1 to 16")
    try require(
      c.attentionLevels.allSatisfy { c.channelMultipliers.indices.contains($0) },
      "attentionLevels must be levels, 0 to \(c.channelMultipliers.count - 1)")
    self.configuration = configuration
  }

  private var levels: Int { configuration.channelMultipliers.count }
  private var timeChannels: Int { configuration.baseChannels * 4 }
  private var normGroups: Int { configuration.normGroups ?? 32 }
  private func width(_ level: Int) -> Int { configuration.baseChannels * configuration.channelMultipliers[level] }

  // MARK: Forward

  /// The raw output of the network.
  ///
  /// - Parameters:
  ///   - x: images `[n, h, w, inputChannels]`, conditions first; h and w multiples of `configuration.sizeMultiple`.
  ///   - labels: one timestep label per image.
  /// - Returns: `[n, h, w, outputChannels]`.
  public func callAsFunction(_ x: Variable, labels: [Int], in graph: Graph) -> Variable {
    precondition(labels.count == x.value.shape[0])
    check([x.value.shape])
    let layers = GraphLayers(graph: graph, time: .embedding(timeEmbedding(labels, graph)), normGroups: normGroups)
    return forward([x], layers)
  }

  /// The raw output of packed parameters, `[n, h, w, outputChannels]`.
  ///
  /// Takes images in one or two parts (conditions first) at one label, with the biases of that label.
  func evaluate(
    _ parts: [Tensor], biases: [String: Tensor], _ parameters: PackedParameters, observer: LayerObserver?
  ) -> Tensor {
    check(parts.map(\.shape))
    let graph = Graph(parameters, observer: observer)
    let layers = GraphLayers(graph: graph, time: .biases(biases), normGroups: normGroups)
    return forward(parts.map { graph.input($0) }, layers).value
  }

  /// What the timestep adds to the first convolution of every residual block, with that convolution's own bias.
  ///
  /// `[out]` by the block's name; it depends on the label alone.
  func timestepBiases(_ label: Int, _ parameters: PackedParameters) -> [String: Tensor] {
    let graph = Graph(parameters)
    let time = timeEmbedding([label], graph)
    return Dictionary(
      uniqueKeysWithValues: residualBlocks.map { name in
        let own = graph.parameter("\(name).conv1.bias").value
        return (name, own.adding(perImage: graph.linear(time, "\(name).temb_proj").value).reshaped(own.shape))
      })
  }

  private func check(_ shapes: [[Int]]) {
    precondition(shapes.allSatisfy { $0.count == 4 } && shapes.reduce(0) { $0 + $1[3] } == configuration.inputChannels)
    precondition(shapes[0][1] % configuration.sizeMultiple == 0 && shapes[0][2] % configuration.sizeMultiple == 0)
  }

  /// Sines then cosines of the label at geometric frequencies, two dense layers, and the activation that every
  /// residual block applies first.
  private func timeEmbedding(_ labels: [Int], _ graph: Graph) -> Variable {
    let rows = labels.flatMap { sinusoidalEmbedding(Double($0), channels: configuration.baseChannels) }
    let embedding = graph.input(Tensor(rows, shape: [labels.count, configuration.baseChannels]))
    return graph.silu(graph.linear(graph.silu(graph.linear(embedding, "temb.dense.0")), "temb.dense.1"))
  }

  /// The forward pass, with whatever layers: the raw output.
  func forward<Layers: UNetLayers>(_ parts: [Layers.Value], _ g: Layers) -> Layers.Value {
    var h = [g.convolution(UNetConvolution(name: "conv_in"), parts)]
    var skips = h
    for level in 0..<levels {
      for block in 0..<configuration.residualBlocks {
        g.residualBlock(&h, "down.\(level).block.\(block)")
        if configuration.attentionLevels.contains(level) { g.attentionBlock(&h, "down.\(level).attn.\(block)") }
        skips += h
      }
      if level < levels - 1 {
        h = [g.convolution(UNetConvolution(name: "down.\(level).downsample.conv", convolution: .halving3x3), h)]
        skips += h
      }
    }
    g.residualBlock(&h, "mid.block_1")
    if configuration.bottleneckAttention { g.attentionBlock(&h, "mid.attn_1") }
    g.residualBlock(&h, "mid.block_2")
    for level in (0..<levels).reversed() {
      for block in 0...configuration.residualBlocks {
        h.append(skips.removeLast())
        g.residualBlock(&h, "up.\(level).block.\(block)")
        if configuration.attentionLevels.contains(level) { g.attentionBlock(&h, "up.\(level).attn.\(block)") }
      }
      if level > 0 { h = [g.convolution(UNetConvolution(name: "up.\(level).upsample.conv", upsampled: true), h)] }
    }
    return g.convolution(UNetConvolution(name: "conv_out", norm: ("norm_out", true), normalizedLater: false), h)
  }

  // MARK: Parameters

  /// Names and shapes in registration order: temb, conv_in, down, mid, up, norm_out, conv_out.
  public var parameterShapes: [(name: String, shape: [Int])] { parameterList.entries }

  /// The convolutions and linear maps.
  public var layers: [PackedParameters.Layer] { parameterList.layers }

  private var residualBlocks: [String] { parameterList.residualBlocks }

  private var parameterList: ParameterList {
    var list = ParameterList()
    let base = configuration.baseChannels
    list.linear("temb.dense.0", base, timeChannels)
    list.linear("temb.dense.1", timeChannels, timeChannels)
    list.convolution("conv_in", 3, configuration.inputChannels, base)
    var skips = [base]
    var channels = base
    for level in 0..<levels {
      // A level registers its blocks, then its attentions, then its resampling.
      for block in 0..<configuration.residualBlocks {
        list.residualBlock("down.\(level).block.\(block)", channels, width(level), time: timeChannels)
        channels = width(level)
        skips.append(channels)
      }
      if configuration.attentionLevels.contains(level) {
        for block in 0..<configuration.residualBlocks { list.attention("down.\(level).attn.\(block)", channels) }
      }
      if level < levels - 1 {
        list.convolution("down.\(level).downsample.conv", 3, channels, channels, as: .halving3x3)
        skips.append(channels)
      }
    }
    list.residualBlock("mid.block_1", channels, channels, time: timeChannels)
    if configuration.bottleneckAttention { list.attention("mid.attn_1", channels) }
    list.residualBlock("mid.block_2", channels, channels, time: timeChannels)
    // Executed from the deepest level up, registered from level 0.
    var up = [ParameterList](repeating: ParameterList(), count: levels)
    for level in (0..<levels).reversed() {
      for block in 0...configuration.residualBlocks {
        up[level].residualBlock(
          "up.\(level).block.\(block)", channels + skips.removeLast(), width(level), time: timeChannels)
        channels = width(level)
      }
      if configuration.attentionLevels.contains(level) {
        for block in 0...configuration.residualBlocks { up[level].attention("up.\(level).attn.\(block)", channels) }
      }
      if level > 0 { up[level].convolution("up.\(level).upsample.conv", 3, channels, channels, upsampled: true) }
    }
    for level in up { list.append(level) }
    list.norm("norm_out", channels)
    list.convolution("conv_out", 3, channels, configuration.outputChannels)
    return list
  }

  /// Random weights as the published code starts with them: uniform in ±1/√fan-in, norms one and zero.
  ///
  /// With `zeroOutput` the last convolution starts at zero, so that a data prediction starts as its skip.
  public func initialParameters(seed: UInt64, zeroOutput: Bool = false) -> ParameterSet {
    var fanIn = 1
    return ParameterSet(
      parameterShapes.enumerated().map { index, entry in
        let (name, shape) = entry
        let isNorm = name.contains("norm")
        if shape.count > 1 { fanIn = shape.dropLast().reduce(1, *) }
        if zeroOutput && name.hasPrefix("conv_out") { return (name, Tensor(repeating: 0, shape: shape)) }
        if isNorm { return (name, Tensor(repeating: name.hasSuffix("weight") ? 1 : 0, shape: shape)) }
        let random = PhiloxRandomSource(seed: seed, stream: UInt64(index))
        let bound = 1 / Double(fanIn).squareRoot()
        let values = (0..<shape.reduce(1, *)).map { Float((2 * random.uniform(at: UInt64($0)) - 1) * bound) }
        return (name, Tensor(values, shape: shape))
      })
  }
}

/// Collects names and shapes.
private struct ParameterList {
  var entries: [(name: String, shape: [Int])] = []
  var layers: [PackedParameters.Layer] = []
  var residualBlocks: [String] = []

  mutating func append(_ other: ParameterList) {
    entries += other.entries
    layers += other.layers
    residualBlocks += other.residualBlocks
  }
  mutating func linear(_ name: String, _ inputs: Int, _ outputs: Int) {
    entries += [("\(name).weight", [inputs, outputs]), ("\(name).bias", [outputs])]
    layers.append(PackedParameters.Layer(weights: "\(name).weight", convolution: .pointwise))
  }
  mutating func convolution(
    _ name: String, _ kernel: Int, _ inputs: Int, _ outputs: Int, as convolution: Convolution? = nil,
    upsampled: Bool = false
  ) {
    entries += [("\(name).weight", [kernel, kernel, inputs, outputs]), ("\(name).bias", [outputs])]
    layers.append(
      PackedParameters.Layer(
        weights: "\(name).weight", convolution: convolution ?? (kernel == 1 ? .pointwise : .same3x3),
        upsampled: upsampled))
  }
  mutating func norm(_ name: String, _ channels: Int) {
    entries += [("\(name).weight", [channels]), ("\(name).bias", [channels])]
  }
  mutating func residualBlock(_ name: String, _ inputs: Int, _ outputs: Int, time: Int) {
    residualBlocks.append(name)
    norm("\(name).norm1", inputs)
    convolution("\(name).conv1", 3, inputs, outputs)
    linear("\(name).temb_proj", time, outputs)
    norm("\(name).norm2", outputs)
    convolution("\(name).conv2", 3, outputs, outputs)
    if inputs != outputs { convolution("\(name).nin_shortcut", 1, inputs, outputs) }
  }
  mutating func attention(_ name: String, _ channels: Int) {
    norm("\(name).norm", channels)
    for part in ["q", "k", "v", "proj_out"] { convolution("\(name).\(part)", 1, channels, channels) }
  }
}

/// The sinusoidal embedding of a timestep label: sines of `label · f_i`, then cosines, `f_i = 10000^(−i/(half−1))`.
public func sinusoidalEmbedding(_ label: Double, channels: Int) -> [Float] {
  let half = channels / 2
  // Frequencies and angles in 32 bits, as the published networks were trained: at label 999 their rounding shows.
  let rate = Float(-log(10000) / Double(max(half - 1, 1)))
  let angles = (0..<half).map { Double(Float(label) * Float(exp(Double(Float($0) * rate)))) }
  let embedding = angles.map { Float(sin($0)) } + angles.map { Float(cos($0)) }
  return embedding + [Float](repeating: 0, count: channels - 2 * half)
}
