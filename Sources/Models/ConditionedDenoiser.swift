public import Diffusion
public import TensorCore

/// A network with the images that it is to restore: what a sampler sees of a model.
///
/// The network's input is the condition images first, then the noisy one (ALGORITHMS 2.3); its raw output becomes a
/// prediction as the card says.
public struct ConditionedDenoiser: Denoiser {
  /// Condition images `[n, h, w, conditions]` in [-1, 1].
  public let conditions: Tensor
  private let model: PackedModel

  /// Binds condition images `[n, h, w, conditions]` to a model.
  ///
  /// `h` and `w` are multiples of the network's `sizeMultiple`.
  public init(_ model: PackedModel, conditions: Tensor) {
    let architecture = model.card.architecture
    precondition(conditions.shape.count == 4, "conditions are [n, h, w, channels]")
    precondition(conditions.shape[3] + architecture.outputChannels == architecture.inputChannels)
    self.model = model
    self.conditions = conditions
  }

  /// What the model says of noisy images `[n, h, w, 1]` at a label.
  public func predict(_ x: Tensor, label: Int) throws -> Prediction<Tensor> {
    precondition(
      Array(x.shape.dropLast()) == Array(conditions.shape.dropLast()), "\(x.shape) beside \(conditions.shape)")
    let output = model.evaluate([conditions, x], label: label)
    let prediction = model.card.prediction
    switch prediction.kind {
    case .noise: return .noise(output)
    case .velocity: return .velocity(output)
    case .data: return .data(Self.data(from: output, conditions: conditions, prediction))
    }
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
