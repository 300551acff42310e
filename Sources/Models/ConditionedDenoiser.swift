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
  private let slices: ConditionSlices

  /// Binds condition images `[n, h, w, conditions]` to a model whose card was validated.
  ///
  /// `h` and `w` are multiples of the network's `sizeMultiple`.
  public init(_ model: PackedModel, conditions: Tensor) {
    guard let slices = try? model.card.conditions, let channels = try? model.card.conditionChannels else {
      preconditionFailure("the card of \(model.card.name) is not valid")
    }
    precondition(conditions.shape.count == 4 && conditions.shape[3] == channels, "conditions are [n, h, w, channels]")
    self.model = model
    self.conditions = conditions
    self.slices = slices
  }

  /// What the model says of noisy images `[n, h, w, 1]` at a label.
  public func predict(_ x: Tensor, label: Int) throws -> Prediction<Tensor> {
    precondition(
      Array(x.shape.dropLast()) == Array(conditions.shape.dropLast()), "\(x.shape) beside \(conditions.shape)")
    let output = model.evaluate([conditions, x], label: label)
    return model.card.prediction.prediction(of: output, conditions: conditions, slices)
  }
}

extension PredictionRecord {
  /// What raw output `[n, h, w, 1]` of a network says of the noisy images, beside conditions `[n, h, w, conditions]`.
  public func prediction(of output: Tensor, conditions: Tensor, _ slices: ConditionSlices) -> Prediction<Tensor> {
    switch kind {
    case .noise: return .noise(output)
    case .velocity: return .velocity(output)
    case .data:
      var data = output
      let scales = residualScales(of: conditions)
      let pixels = output.count / max(scales.count, 1)
      data.withUnsafeMutableBuffer { for i in 0..<$0.count { $0[i] *= scales[i / pixels] } }
      if let start = start(from: conditions, slices) { data.add(start) }
      return .data(data)
    }
  }

  /// The factor on the raw output of a data prediction, for each image of conditions `[n, h, w, conditions]`.
  public func residualScales(of conditions: Tensor) -> [Float] {
    let (images, channels) = (conditions.shape[0], conditions.shape[3])
    guard residualFollowsNoise == true else { return Array(repeating: residualScale, count: images) }
    // What it is told is the last channel, the same number everywhere.
    return conditions.withUnsafeBuffer { values in
      (0..<images).map { residualScale * values[$0 * (conditions.count / images) + channels - 1] }
    }
  }

  /// What a data prediction corrects, `[n, h, w, 1]`, from conditions `[n, h, w, conditions]`; nil without a skip.
  public func start(from conditions: Tensor, _ slices: ConditionSlices) -> Tensor? {
    guard kind == .data, skip != .none else { return nil }
    let centre = slices.centre(of: conditions)
    guard skip == .intensityMap, let intensityMap else { return centre }
    return centre.mapped(through: intensityMap)
  }
}

extension ConditionSlices {
  /// The mean of the centre channels of conditions `[n, h, w, conditions]`, as `[n, h, w, 1]`.
  public func centre(of conditions: Tensor) -> Tensor {
    precondition(conditions.shape.count == 4 && conditions.shape[3] >= count)
    let channels = conditions.shape[3]
    guard channels > 1 else { return conditions }
    let weight = 1 / Float(centres.count)
    var mean = Tensor(repeating: 0, shape: Array(conditions.shape.dropLast()) + [1])
    conditions.withUnsafeBuffer { from in
      mean.withUnsafeMutableBuffer { to in
        for i in 0..<to.count {
          var sum: Float = 0
          for channel in centres { sum += from[i * channels + channel] }
          to[i] = weight * sum
        }
      }
    }
    return mean
  }
}

extension Tensor {
  /// Each element of -1...1 through a table of values at evenly spaced places, straight lines between them.
  func mapped(through table: [Float]) -> Tensor {
    var out = self
    let last = table.count - 1
    out.withUnsafeMutableBuffer { values in
      for i in values.indices {
        let place = (min(max(values[i], -1), 1) + 1) / 2 * Float(last)
        let first = min(Int(place), last - 1)
        values[i] = table[first] + (place - Float(first)) * (table[first + 1] - table[first])
      }
    }
    return out
  }
}
