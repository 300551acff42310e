import Foundation
import Models
import Transforms
import Volumes

/// Whether a volume is as noisy as what a model was trained on: a scan that was denoised already is outside, and so is one that
/// no training input was like.
struct NoiseCheck {
  /// What speaks against the input; nil where nothing does, or the model's card says nothing of noise.
  let warning: String?

  /// Estimates differ by some percent from slice to slice and scanner to scanner.
  private static let slack = 1.25

  /// `noise` estimates the noise of the volume, in its unit.
  init(_ volume: Volume, for card: ModelCard, noise: () -> Double) throws {
    guard let range = card.noiseLevel?.range else {
      warning = nil
      return
    }
    let scale = try IntensityTransform(IntensityRule(card.intensity), fitting: volume)
    let unit = (scale.high - scale.low) / 2
    let level = noise() / unit
    func percent(_ level: Double) -> String { String(format: "%.1f %%", level * 50) }
    let known = "the model knows \(percent(range[0])) to \(percent(range[1])) of its intensity range"
    if level < range[0] / Self.slack {
      warning = "the input's noise is \(percent(level)), \(known): was it denoised before, or interpolated?"
    } else if level > range[1] * Self.slack {
      warning = "the input's noise is \(percent(level)), \(known): more of it will stay"
    } else {
      warning = nil
    }
  }
}
