public import TensorCore

/// A network's parameters laid out for evaluation: convolutions and linear maps packed once, the rest as it is.
public struct PackedParameters: Sendable {
  /// One convolution or linear map of a network.
  public struct Layer: Sendable {
    /// The name of its weights.
    public let weights: String
    /// Its geometry; linear maps are pointwise.
    public let convolution: Convolution
    /// Whether its input is upsampled by two.
    public let upsampled: Bool

    /// A layer from its parts.
    public init(weights: String, convolution: Convolution, upsampled: Bool = false) {
      self.weights = weights
      self.convolution = convolution
      self.upsampled = upsampled
    }

    /// The layer with weights of this shape, `[k, k, in, out]` or `[in, out]`.
    public func shape(ofWeights weights: [Int]) -> ConvolutionShape {
      ConvolutionShape(convolution, weights: weights.count == 2 ? [1, 1] + weights : weights, upsampled: upsampled)
    }
  }

  /// A parameter as it is kept.
  public struct Entry: Sendable {
    let name: String
    let content: Content
    enum Content: Sendable {
      case weights(PackedConvolution)
      case other(Tensor)
    }
  }

  /// Packs parameters of a network, in any order and on any thread.
  public struct Packer: Sendable {
    private let layers: [String: Layer]

    /// A packer for a network's layers.
    public init(_ layers: [Layer]) {
      self.layers = Dictionary(uniqueKeysWithValues: layers.map { ($0.weights, $0) })
    }

    /// A parameter as it is kept; weights are `[k, k, in, out]` or `[in, out]`.
    public func pack(_ name: String, _ tensor: Tensor) -> Entry {
      guard let layer = layers[name] else { return Entry(name: name, content: .other(tensor)) }
      let weights = tensor.shape.count == 2 ? tensor.reshaped([1, 1] + tensor.shape) : tensor
      return Entry(
        name: name,
        content: .weights(PackedConvolution(layer.convolution, weights: weights, upsampled: layer.upsampled)))
    }

    /// The same for a parameter in the order of PyTorch's files, weights `[out, in, k, k]` or `[out, in]`.
    public func pack(_ name: String, outputsFirst numbers: UnsafeBufferPointer<Float>, shape: [Int]) -> Entry {
      guard let layer = layers[name] else {
        return Entry(name: name, content: .other(Tensor(outputsFirst: numbers, shape: shape)))
      }
      let packed = PackedConvolution(
        layer.convolution, outputsFirst: numbers, shape: shape.count == 2 ? shape + [1, 1] : shape,
        upsampled: layer.upsampled)
      return Entry(name: name, content: .weights(packed))
    }
  }

  private let convolutions: [String: PackedConvolution]
  /// Parameters that are no weights of a layer: biases, and what belongs to normalisations.
  let rest: ParameterSet

  /// All parameters of a network.
  public init(_ entries: [Entry]) {
    var convolutions: [String: PackedConvolution] = [:]
    var rest: [(name: String, tensor: Tensor)] = []
    for entry in entries {
      switch entry.content {
      case .weights(let packed): convolutions[entry.name] = packed
      case .other(let tensor): rest.append((entry.name, tensor))
      }
    }
    self.convolutions = convolutions
    self.rest = ParameterSet(rest)
  }

  /// Bytes of all parameters as they lie in memory.
  public var byteCount: Int { convolutions.values.reduce(rest.scalarCount * 4) { $0 + $1.byteCount } }

  func convolution(_ weights: String) -> PackedConvolution {
    guard let found = convolutions[weights] else { preconditionFailure("no layer \(weights)") }
    return found
  }
}
