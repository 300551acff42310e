import Foundation
import TensorCore

/// Adam (Kingma & Ba 2015, algorithm 1), with clipping of the gradient's global norm.
public struct Adam: Sendable, Equatable {
  /// Decay of the first moment.
  public var beta1: Float
  /// Decay of the second moment.
  public var beta2: Float
  /// Added to the root of the second moment.
  public var epsilon: Float
  /// The largest global norm of the gradient; nil for no clipping.
  public var clipNorm: Double?

  /// An optimiser; the defaults are Fast-DDPM's.
  public init(beta1: Float = 0.9, beta2: Float = 0.999, epsilon: Float = 1e-8, clipNorm: Double? = nil) {
    self.beta1 = beta1
    self.beta2 = beta2
    self.epsilon = epsilon
    self.clipNorm = clipNorm
  }

  /// What Adam remembers between steps.
  public struct State: Sendable, Equatable {
    /// Steps taken.
    public var step: Int
    /// First moments.
    public var first: ParameterSet
    /// Second moments.
    public var second: ParameterSet

    /// A state from its parts.
    public init(step: Int, first: ParameterSet, second: ParameterSet) {
      self.step = step
      self.first = first
      self.second = second
    }

    /// The state before the first step.
    public init(for parameters: ParameterSet) {
      self.init(step: 0, first: parameters.zeros, second: parameters.zeros)
    }
  }

  /// One step.
  ///
  /// - Returns: the gradient's norm before clipping.
  @discardableResult
  public func step(
    _ parameters: inout ParameterSet, gradients: ParameterSet, state: inout State, learningRate: Double
  ) -> Double {
    precondition(parameters.names == gradients.names)
    let norm = gradients.norm
    let clip = clipNorm.map { norm > $0 ? $0 / norm : 1 } ?? 1
    state.step += 1
    for position in parameters.names.indices {
      parameters[position: position].adamStep(
        gradient: gradients[position: position], first: &state.first[position: position],
        second: &state.second[position: position],
        AdamStep(
          clip: Float(clip), rate: Float(learningRate), beta1: beta1, beta2: beta2, epsilon: epsilon,
          correction1: Float(1 - pow(Double(beta1), Double(state.step))),
          correction2: Float(1 - pow(Double(beta2), Double(state.step)))))
    }
    return norm
  }
}
