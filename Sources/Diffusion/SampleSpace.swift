public import TensorCore

/// What a sampler moves through: images, or plain numbers where a test wants the exact answer.
public protocol SampleSpace: Sendable {
  /// The weighted sum of samples of one shape; at least one term.
  static func linearCombination(_ terms: [(coefficient: Double, sample: Self)]) -> Self
  /// The sample with every element brought into a range.
  func clamped(to range: ClosedRange<Double>) -> Self
}

extension Tensor: SampleSpace {}

extension Double: SampleSpace {
  /// The weighted sum of numbers.
  public static func linearCombination(_ terms: [(coefficient: Double, sample: Double)]) -> Double {
    terms.reduce(0) { $0 + $1.coefficient * $1.sample }
  }

  /// The number brought into a range.
  public func clamped(to range: ClosedRange<Double>) -> Double {
    Swift.min(Swift.max(self, range.lowerBound), range.upperBound)
  }
}
