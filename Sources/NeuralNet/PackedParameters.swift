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
  }

  private let convolutions: [String: PackedConvolution]
  /// Parameters that are no weights of a layer: biases, and what belongs to normalisations.
  let rest: ParameterSet

  /// Packs the weights of the layers; each original is let go as soon as it is packed.
  ///
  /// `take` hands over a parameter by name, `[k, k, in, out]` or `[in, out]` for weights.
  public init(names: [String], layers: [Layer], take: (String) throws -> Tensor) rethrows {
    var convolutions: [String: PackedConvolution] = [:]
    let byName = Dictionary(uniqueKeysWithValues: layers.map { ($0.weights, $0) })
    var rest: [(name: String, tensor: Tensor)] = []
    for name in names {
      var tensor = try take(name)
      guard let layer = byName[name] else {
        rest.append((name, tensor))
        continue
      }
      if tensor.shape.count == 2 { tensor = tensor.reshaped([1, 1] + tensor.shape) }
      convolutions[name] = PackedConvolution(layer.convolution, weights: tensor, upsampled: layer.upsampled)
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
