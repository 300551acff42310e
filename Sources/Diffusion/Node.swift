import Foundation

/// A noise level at which a sampler's state lives, and the label that the model is told there.
///
/// A state at the node is `signal · clean + noise · (standard normal)` with `signal² + noise² = 1`.
public struct Node: Sendable, Equatable {
  /// The factor a on the clean image.
  public let signal: Double
  /// The factor s on the noise.
  public let noise: Double
  /// What the model is told; −1 for the clean end.
  public let label: Int

  /// A node from its two factors.
  public init(signal: Double, noise: Double, label: Int) {
    precondition(signal >= 0 && noise >= 0)
    self.signal = signal
    self.noise = noise
    self.label = label
  }

  /// The node with half log-SNR `lambda` = ln(a/s).
  public init(lambda: Double, label: Int) {
    self.init(
      signal: 1 / (1 + exp(-2 * lambda)).squareRoot(), noise: 1 / (1 + exp(2 * lambda)).squareRoot(), label: label)
  }

  /// The clean end of every trajectory: all signal, no noise.
  public static let clean = Node(signal: 1, noise: 0, label: -1)

  /// Half the log of the signal-to-noise ratio, ln(a/s); infinite at the clean end.
  public var lambda: Double { noise == 0 ? .infinity : log(signal / noise) }
  /// Whether this is the clean end.
  public var isClean: Bool { noise == 0 }
}
