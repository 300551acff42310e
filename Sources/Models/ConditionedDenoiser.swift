public import Diffusion
public import NeuralNet
public import TensorCore

/// A network with the images that it is to restore: what a sampler sees of a model.
///
/// The network's input is the condition images first, then the noisy one (ALGORITHMS 2.3); its raw output becomes a
/// prediction as the card says.
public struct ConditionedDenoiser: Denoiser {
  /// Condition images `[n, h, w, conditions]` in [-1, 1].
  public let conditions: Tensor
  /// The network.
  public let network: UNet
  private let parameters: ParameterSet
  private let prediction: PredictionRecord

  /// Binds condition images `[n, h, w, conditions]` to a model.
  ///
  /// `h` and `w` are multiples of the network's `sizeMultiple`. Throws a `ModelError` if the card's network cannot be
  /// built.
  public init(card: ModelCard, parameters: ParameterSet, conditions: Tensor) throws {
    network = try UNet(card.architecture)
    precondition(conditions.shape.count == 4, "conditions are [n, h, w, channels]")
    precondition(conditions.shape[3] + card.architecture.outputChannels == card.architecture.inputChannels)
    self.parameters = parameters
    self.conditions = conditions
    prediction = card.prediction
  }

  /// Binds condition images to a model that was read from a file.
  public init(_ model: ModelFile, conditions: Tensor) throws {
    try self.init(card: model.card, parameters: model.parameters, conditions: conditions)
  }

  /// What the model says of noisy images `[n, h, w, 1]` at a label.
  public func predict(_ x: Tensor, label: Int) throws -> Prediction<Tensor> {
    precondition(
      Array(x.shape.dropLast()) == Array(conditions.shape.dropLast()), "\(x.shape) beside \(conditions.shape)")
    let graph = Graph(parameters: parameters, recording: false)
    let input = graph.input(Self.joined(conditions, x))
    let output = network(input, labels: [Int](repeating: label, count: x.shape[0]), in: graph).value
    switch prediction.kind {
    case .noise: return .noise(output)
    case .velocity: return .velocity(output)
    case .data: return .data(Self.data(from: output, conditions: conditions, prediction))
    }
  }

  /// `[n, h, w, a]` and `[n, h, w, b]` as `[n, h, w, a + b]`.
  public static func joined(_ first: Tensor, _ second: Tensor) -> Tensor {
    let (a, b) = (first.shape[3], second.shape[3])
    let pixels = first.count / a
    precondition(second.count / b == pixels)
    var out = Tensor(uninitialized: Array(first.shape.dropLast()) + [a + b])
    out.withUnsafeMutableBuffer { target in
      first.withUnsafeBuffer { x in
        second.withUnsafeBuffer { y in
          for pixel in 0..<pixels {
            for channel in 0..<a { target[pixel * (a + b) + channel] = x[pixel * a + channel] }
            for channel in 0..<b { target[pixel * (a + b) + a + channel] = y[pixel * b + channel] }
          }
        }
      }
    }
    return out
  }

  /// The clean images of a data prediction: `skip + residualScale · output`, the skip being the mean of the conditions.
  public static func data(from output: Tensor, conditions: Tensor, _ prediction: PredictionRecord) -> Tensor {
    let channels = conditions.shape[3]
    let outputs = output.shape[3]
    let weight = prediction.skip == .condition ? 1 / Float(channels) : 0
    var out = Tensor(uninitialized: output.shape)
    out.withUnsafeMutableBuffer { target in
      output.withUnsafeBuffer { raw in
        conditions.withUnsafeBuffer { condition in
          for i in 0..<raw.count {
            let pixel = i / outputs
            var skip: Float = 0
            for channel in 0..<channels { skip += condition[pixel * channels + channel] }
            target[i] = weight * skip + prediction.residualScale * raw[i]
          }
        }
      }
    }
    return out
  }
}
