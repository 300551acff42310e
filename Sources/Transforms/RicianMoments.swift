import Foundation

/// The mean and the variance of magnitudes, in which noise of standard deviation σ in both channels of a receiver is no longer
/// Gaussian where the signal is weak (Gudbjartsson and Patz 1995; Koay and Basser 2006).
struct RicianMoments {
  /// Of both channels, in the unit of the signal; from 0 on.
  let sigma: Double

  /// Means of signals of 0, 1/64, 2/64 … 8 in units of σ; between them lines are true to 2e-5.
  private static let table = (0...8 * perUnit).map { mean(ofUnits: Double($0) / Double(perUnit)) }
  private static let perUnit = 64

  /// ₁F₁(-½; 1; -z)·√(π/2) with z = a²/2, as e⁻ᶻ·₁F₁(3/2; 1; z), of whose series every term is positive.
  private static func mean(ofUnits signal: Double) -> Double {
    let z = signal * signal / 2
    var (term, sum, n) = (exp(-z), exp(-z), 0.0)
    while term > 1e-18 * sum || n < z {
      term *= z * (1.5 + n) / ((1 + n) * (1 + n))
      sum += term
      n += 1
    }
    return sum * (Double.pi / 2).squareRoot()
  }

  /// The mean magnitude of a signal; what is below 0 counts for 0.
  func mean(of signal: Double) -> Double {
    let signal = max(signal, 0)
    guard signal < 8 * sigma else {
      let share = sigma > 0 ? sigma / signal : 0
      let square = share * share
      return signal * (1 + square / 2 * (1 + square / 4))
    }
    let place = signal / sigma * Double(Self.perUnit)
    let below = min(Int(place), Self.table.count - 2)
    let part = place - Double(below)
    return sigma * (Self.table[below] * (1 - part) + Self.table[below + 1] * part)
  }

  /// The variance of a signal's magnitude: σ² where it is strong, 0.43 σ² where there is none.
  func variance(of signal: Double) -> Double {
    let signal = max(signal, 0)
    let mean = mean(of: signal)
    return 2 * sigma * sigma + (signal - mean) * (signal + mean)
  }

  /// What noise adds to the mean of (a − b)² of two signals' magnitudes.
  func excess(of a: Double, _ b: Double) -> Double {
    let (a, b) = (max(a, 0), max(b, 0))
    let bias = (mean(of: a) - mean(of: b)) * (mean(of: a) - mean(of: b)) - (a - b) * (a - b)
    return variance(of: a) + variance(of: b) + bias
  }
}
