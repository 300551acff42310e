/// A way of going from noise to an image.
public enum Sampler: Sendable, Equatable {
  /// The generalised DDIM step (ALGORITHMS 3.3); `eta` 0 is deterministic and what Fast-DDPM publishes, 1 is ancestral
  /// with the small variance.
  case ddim(eta: Double)
  /// Ancestral DDPM with the large variance, as in the official code (ALGORITHMS 3.2).
  case ddpm
  /// PFDiff on a first-order base (ALGORITHMS 4.2): one evaluation per k + 1 fine steps, looking l of them ahead.
  case pfdiff(k: Int, l: Int)

  /// The deterministic sampler that Fast-DDPM publishes.
  public static let ddim = Sampler.ddim(eta: 0)

  /// A sampler from what a user writes: `ddim`, `ddim:0.5`, `ddpm`, `pfdiff` (which is `pfdiff-1_1`), `pfdiff-3_2`.
  public init(parsing text: String) throws {
    let unknown = DiffusionError(
      .unknownName, "no sampler is named '\(text)'; use ddim, ddim:ETA, ddpm, or pfdiff-K_L such as pfdiff-1_1")
    switch text {
    case "ddim": self = .ddim
    case "ddpm": self = .ddpm
    case "pfdiff": self = .pfdiff(k: 1, l: 1)
    case _ where text.hasPrefix("ddim:"):
      guard let eta = Double(text.dropFirst("ddim:".count)) else { throw unknown }
      self = .ddim(eta: eta)
    case _ where text.hasPrefix("pfdiff-"):
      let parts = text.dropFirst("pfdiff-".count).split(separator: "_", omittingEmptySubsequences: false)
      guard parts.count == 2, let k = Int(parts[0]), let l = Int(parts[1]) else { throw unknown }
      guard k >= 1, l >= 1 else {
        throw DiffusionError(.parameterOutOfRange, "'\(text)': K and L start at 1; without them it is ddim")
      }
      self = .pfdiff(k: k, l: l)
    default: throw unknown
    }
    try validate()
  }

  /// Whether D is clamped to [−1, 1] unless the caller decides: yes for DDPM, as in the official code.
  public var clampsByDefault: Bool { self == .ddpm }

  /// Throws where a parameter lies outside what the method allows.
  func validate() throws {
    switch self {
    case .ddpm: break
    case .ddim(let eta):
      guard eta >= 0, eta <= 1 else {
        throw DiffusionError(.parameterOutOfRange, "DDIM's eta must lie between 0 and 1, not \(eta)")
      }
    case .pfdiff(let k, let l):
      guard k >= 0, l >= 0, l <= k else {
        throw DiffusionError(
          .parameterOutOfRange, "pfdiff-\(k)_\(l) does not exist; the second number must not exceed the first")
      }
    }
  }
}

extension Sampler: CustomStringConvertible {
  /// The form that `init(parsing:)` reads.
  public var description: String {
    switch self {
    case .ddim(let eta): eta == 0 ? "ddim" : "ddim:\(eta)"
    case .ddpm: "ddpm"
    case .pfdiff(let k, let l): "pfdiff-\(k)_\(l)"
    }
  }
}
