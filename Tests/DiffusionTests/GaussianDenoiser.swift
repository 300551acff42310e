import Diffusion
import Foundation
import TensorCore

/// The exact denoiser of data N(mean, deviation²) (ALGORITHMS 3.9), in any of the three forms.
struct GaussianDenoiser<Sample: SampleSpace>: Denoiser {
  enum Form: CaseIterable { case noise, data, velocity }

  var mean: Double
  var deviation: Double
  var form: Form = .noise
  /// A sample whose elements are all one.
  var one: Sample
  /// The noise level behind each label.
  var node: @Sendable (Int) -> Node = { NoiseSchedule.published.node($0) }

  func predict(_ x: Sample, label: Int) throws -> Prediction<Sample> {
    let (a, s) = (node(label).signal, node(label).noise)
    let spread = a * a * deviation * deviation + s * s
    let noise: (Double, Double) = (s / spread, -s * a * mean / spread)
    let data: (Double, Double) = (a * deviation * deviation / spread, s * s * mean / spread)
    func affine(_ c: (Double, Double)) -> Sample { .linearCombination([(c.0, x), (c.1, one)]) }
    switch form {
    case .noise: return .noise(affine(noise))
    case .data: return .data(affine(data))
    case .velocity: return .velocity(affine((a * noise.0 - s * data.0, a * noise.1 - s * data.1)))
    }
  }

  /// The end of the exact flow into the clean image from state x at a node.
  func exactEnd(from x: Double, at node: Node) -> Double {
    let width = (node.signal * node.signal * deviation * deviation + node.noise * node.noise).squareRoot()
    return mean + deviation / width * (x - node.signal * mean)
  }
}

extension GaussianDenoiser<Double> {
  /// The model of the reference values: N(0.3, 0.5²).
  static let reference = GaussianDenoiser(mean: 0.3, deviation: 0.5, one: 1)
}

/// A denoiser from a closure.
struct ClosureDenoiser: Denoiser {
  var body: @Sendable (Double, Int) -> Prediction<Double>
  func predict(_ x: Double, label: Int) throws -> Prediction<Double> { body(x, label) }
}

extension SamplerPlan {
  /// Runs a deterministic plan on numbers.
  func end(of denoiser: some Denoiser<Double>, from x: Double = 1) throws -> Double {
    try run(denoiser, from: x, noise: { _ in throw NoNoise() })
  }
  struct NoNoise: Error {}
}
