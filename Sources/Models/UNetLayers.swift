import NeuralNet
import TensorCore

/// What a U-Net's forward pass is walked with: a graph that computes, or a plan that only keeps count of memory.
///
/// What a block reads is handed over in `x` and replaced by its result as early as possible: whatever is not needed any
/// more is free for the layers that follow.
protocol UNetLayers {
  /// What flows through the network: images `[n, h, w, c]`.
  associatedtype Value

  func convolution(_ layer: UNetConvolution, _ input: [Value], residual: Value?) -> Value
  func attention(q: Value, k: Value, v: Value) -> Value
  func channels(_ value: Value) -> Int
  /// A residual block of the channels of all `x` together.
  func residualBlock(_ x: inout [Value], _ name: String)
}

/// A convolution of a U-Net.
struct UNetConvolution {
  /// The prefix of its parameters.
  var name: String
  var convolution = Convolution.same3x3
  /// The prefix of the normalisation of what it reads, and whether an activation follows; nil for none.
  var norm: (name: String, silu: Bool)?
  /// Whether it reads its input upsampled by two.
  var upsampled = false
  /// The residual block whose timestep it adds; nil for none.
  var timestepOf: String?
  /// Whether a normalisation reads the result.
  var normalizedLater = true
}

extension UNetLayers {
  func convolution(_ layer: UNetConvolution, _ input: [Value]) -> Value {
    convolution(layer, input, residual: nil)
  }

  func residualBlock(_ x: inout [Value], _ name: String) { convolveResidual(&x, name) }

  /// The convolutions of a residual block.
  func convolveResidual(_ x: inout [Value], _ name: String) {
    let h = convolution(
      UNetConvolution(name: "\(name).conv1", norm: ("\(name).norm1", true), timestepOf: name), x)
    if x.count > 1 || channels(h) != channels(x[0]) {
      x = [
        convolution(UNetConvolution(name: "\(name).nin_shortcut", convolution: .pointwise, normalizedLater: false), x)
      ]
    }
    x = [convolution(UNetConvolution(name: "\(name).conv2", norm: ("\(name).norm2", true)), [h], residual: x[0])]
  }

  /// Self-attention of the one value in `x`.
  func attentionBlock(_ x: inout [Value], _ name: String) {
    func layer(_ part: String) -> UNetConvolution {
      UNetConvolution(
        name: "\(name).\(part)", convolution: .pointwise, norm: ("\(name).norm", false), normalizedLater: false)
    }
    let mixed = attention(q: convolution(layer("q"), x), k: convolution(layer("k"), x), v: convolution(layer("v"), x))
    x = [convolution(UNetConvolution(name: "\(name).proj_out", convolution: .pointwise), [mixed], residual: x[0])]
  }
}

/// The layers as a graph computes them.
struct GraphLayers: UNetLayers {
  /// How the timestep reaches the residual blocks.
  enum Time {
    /// Its embedding, `[n, timeChannels]`.
    case embedding(Variable)
    /// The finished biases by block.
    case biases([String: Tensor])
  }

  let graph: Graph
  let time: Time
  let normGroups: Int

  func convolution(_ layer: UNetConvolution, _ input: [Variable], residual: Variable?) -> Variable {
    var (bias, imageBias): (Tensor?, Variable?)
    if let block = layer.timestepOf {
      switch time {
      case .embedding(let time): imageBias = graph.linear(time, "\(block).temb_proj")
      case .biases(let biases): bias = biases[block]
      }
    }
    let norm = layer.norm.map { norm in
      ConvolutionInput.Norm(
        GroupNorm(groups: normGroups, silu: norm.silu), gamma: graph.parameter("\(norm.name).weight"),
        beta: graph.parameter("\(norm.name).bias"))
    }
    return graph.convolution(
      layer.convolution, ConvolutionInput(input, norm: norm, upsampled: layer.upsampled), layer.name, bias: bias,
      imageBias: imageBias, residual: residual, normalizedLater: layer.normalizedLater)
  }

  /// A residual block; a recomputing graph keeps nothing of its inside.
  func residualBlock(_ x: inout [Variable], _ name: String) {
    guard case .embedding(let embedding) = time, graph.recomputing else { return convolveResidual(&x, name) }
    x = [
      graph.recomputed(x + [embedding]) { graph, inputs in
        var inside = Array(inputs.dropLast())
        GraphLayers(graph: graph, time: .embedding(inputs[inputs.count - 1]), normGroups: normGroups)
          .convolveResidual(&inside, name)
        return inside[0]
      }
    ]
  }

  func attention(q: Variable, k: Variable, v: Variable) -> Variable { graph.attention(q: q, k: k, v: v) }

  func channels(_ value: Variable) -> Int { value.value.shape[3] }
}
