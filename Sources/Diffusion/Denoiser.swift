/// A model that looks at a noisy sample and says what is noise in it.
///
/// Conditions (the image to be restored) are bound inside the denoiser, so samplers need not know of them.
public protocol Denoiser<Sample> {
  /// What it denoises.
  associatedtype Sample: SampleSpace
  /// What the model says of a sample `x` at the noise level of a label.
  func predict(_ x: Sample, label: Int) throws -> Prediction<Sample>
}

/// What a model says of a sample `x = a·data + s·noise`, in one of three equivalent forms (ALGORITHMS 1.1 and 12).
public enum Prediction<Sample: SampleSpace>: Sendable {
  /// The noise E, as published Fast-DDPM checkpoints predict it.
  case noise(Sample)
  /// The clean sample D.
  case data(Sample)
  /// The velocity V = a·E − s·D.
  case velocity(Sample)

  /// What is predicted, whichever it is.
  public var value: Sample {
    switch self {
    case .noise(let value), .data(let value), .velocity(let value): value
    }
  }

  /// Another value, predicted in the same form.
  public func replacing(_ value: Sample) -> Self {
    switch self {
    case .noise: .noise(value)
    case .data: .data(value)
    case .velocity: .velocity(value)
    }
  }

  /// The clean sample D that this prediction stands for, given the sample that was judged.
  ///
  /// From noise it is (x − s·E)/a, which multiplies the model's error by s/a: 157 at label 999 of the linear schedule.
  public func data(of x: Sample, at node: Node) -> Sample {
    let (a, s) = (node.signal, node.noise)
    switch self {
    case .data(let data): return data
    case .noise(let noise): return .linearCombination([(1 / a, x), (-s / a, noise)])
    case .velocity(let velocity): return .linearCombination([(a, x), (-s, velocity)])
    }
  }

  /// The noise E that this prediction stands for, given the sample that was judged.
  ///
  /// From data it is (x − a·D)/s, which multiplies the model's error by a/s: 100 at label 0 of the linear schedule.
  /// No plan gives that value weight.
  public func noise(of x: Sample, at node: Node) -> Sample {
    let (a, s) = (node.signal, node.noise)
    switch self {
    case .noise(let noise): return noise
    case .data(let data): return .linearCombination([(1 / s, x), (-a / s, data)])
    case .velocity(let velocity): return .linearCombination([(s, x), (a, velocity)])
    }
  }
}
