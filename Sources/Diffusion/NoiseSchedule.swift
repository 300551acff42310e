import Foundation

/// How much noise each label stands for: labels 0 ..< timesteps from nearly clean to nearly pure noise, −1 = clean.
///
/// All in double precision (ALGORITHMS 1.2); the published code multiplies float32 betas, which differs by less than
/// 1e-6 relative.
public struct NoiseSchedule: Sendable, Equatable {
  /// The name it was made by.
  public let name: String
  /// The per-step variances.
  public let betas: [Double]
  private let cumulative: [Double]

  /// The names that `init` knows.
  public static let names = [
    "linear", "quad", "sigmoid", "sigmoid_decreasing", "const", "jsd", "alpha_cosine", "alpha_sigmoid", "alpha_linear",
  ]

  /// The schedule of Fast-DDPM: linear betas from 1e-4 to 2e-2 over 1000 labels.
  public static let published = NoiseSchedule(
    name: "linear", betas: spaced(1e-4, 2e-2, count: 1000))

  /// A schedule by name.
  ///
  /// `sigmoid` increases, as in DDIM; `sigmoid_decreasing` is the one of the Fast-DDPM repository (a sign slip there).
  /// `alpha_*` ignore the end points. Throws `DiffusionError` for an unknown name or end points outside (0, 1).
  public init(named name: String, betaStart: Double = 1e-4, betaEnd: Double = 2e-2, timesteps: Int = 1000) throws {
    guard Self.names.contains(name) else {
      throw DiffusionError(
        .unknownName, "no noise schedule is named '\(name)'; known: \(Self.names.joined(separator: ", "))")
    }
    let possible = name == "alpha_sigmoid" ? 1000...1000 : 2...100_000
    guard possible.contains(timesteps) else {
      throw DiffusionError(
        .parameterOutOfRange, "schedule '\(name)' cannot have \(timesteps) timesteps; possible: \(possible)")
    }
    guard betaStart > 0, betaStart < 1, betaEnd > 0, betaEnd < 1 else {
      throw DiffusionError(.parameterOutOfRange, "betas must lie between 0 and 1, not \(betaStart) and \(betaEnd)")
    }
    self.init(name: name, betas: Self.betas(name, betaStart, betaEnd, timesteps))
  }

  private init(name: String, betas: [Double]) {
    self.name = name
    self.betas = betas
    var product = 1.0
    cumulative = betas.map { beta in
      product *= 1 - beta
      return product
    }
  }

  /// The number of labels.
  public var timesteps: Int { betas.count }

  /// The product of (1 − beta) up to a label, "alphas_cumprod"; 1 for label −1.
  public func alphaCumprod(_ label: Int) -> Double { label == -1 ? 1 : cumulative[label] }
  /// The factor on the clean image, the root of `alphaCumprod`.
  public func signal(_ label: Int) -> Double { alphaCumprod(label).squareRoot() }
  /// The factor on the noise, the root of 1 − `alphaCumprod`.
  public func noise(_ label: Int) -> Double { (1 - alphaCumprod(label)).squareRoot() }
  /// Half the log of the signal-to-noise ratio, ln(signal/noise); infinite for label −1.
  public func lambda(_ label: Int) -> Double { node(label).lambda }
  /// The noise-to-signal ratio, the sigma of EDM; 0 for label −1.
  public func kappa(_ label: Int) -> Double { noise(label) / signal(label) }
  /// The node at a label.
  public func node(_ label: Int) -> Node {
    label == -1 ? .clean : Node(signal: signal(label), noise: noise(label), label: label)
  }
}

extension NoiseSchedule {
  private static func betas(_ name: String, _ start: Double, _ end: Double, _ count: Int) -> [Double] {
    switch name {
    case "linear": spaced(start, end, count: count)
    case "quad": spaced(start.squareRoot(), end.squareRoot(), count: count).map { $0 * $0 }
    case "sigmoid": spaced(-6, 6, count: count).map { logistic($0) * (end - start) + start }
    case "sigmoid_decreasing": spaced(-6, 6, count: count).map { logistic(-$0) * (end - start) + start }
    case "const": Array(repeating: end, count: count)
    case "jsd": (0..<count).map { 1 / Double(count - $0) }
    case "alpha_cosine": betas(ofSurvival: { u in pow(cos(.pi / 2 * (u + 0.008) / 1.008), 2) }, count)
    case "alpha_sigmoid": betas(ofSurvival: { u in logistic(6 - 12 * u) }, count)
    case "alpha_linear": betas(ofSurvival: { u in 1 - u }, count)
    default: preconditionFailure("\(name) is listed but not made")
    }
  }

  /// Betas whose products follow a curve over [0, 1], capped at 0.999 so that no step destroys everything.
  private static func betas(ofSurvival survival: (Double) -> Double, _ count: Int) -> [Double] {
    (0..<count).map { i in
      min(1 - survival(Double(i + 1) / Double(count)) / survival(Double(i) / Double(count)), 0.999)
    }
  }

  private static func logistic(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

  private static func spaced(_ first: Double, _ last: Double, count: Int) -> [Double] {
    (0..<count).map { first + (last - first) * Double($0) / Double(count - 1) }
  }
}
