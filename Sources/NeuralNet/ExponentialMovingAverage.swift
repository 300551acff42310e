import TensorCore

/// An exponential moving average of parameters: `shadow ← decay · shadow + (1 − decay) · parameters`.
public struct ExponentialMovingAverage: Sendable, Equatable {
  /// The decay that is reached.
  public var decay: Double
  /// With warm-up the decay of step t is `min(decay, (1 + t) / (10 + t))`, so that early weights are forgotten.
  public var warmUp: Bool

  /// An average; Fast-DDPM uses 0.999 without warm-up.
  public init(decay: Double = 0.999, warmUp: Bool = false) {
    self.decay = decay
    self.warmUp = warmUp
  }

  /// Takes in the parameters after step `step` (the first step is 1).
  public func update(_ shadow: inout ParameterSet, with parameters: ParameterSet, step: Int) {
    let decay = warmUp ? min(self.decay, Double(1 + step) / Double(10 + step)) : self.decay
    for position in shadow.names.indices {
      shadow[position: position].scale(
        by: Float(decay), adding: parameters[position: position], times: Float(1 - decay))
    }
  }
}
