import Foundation

extension SamplerPlan.Register: CustomStringConvertible {
  /// x0, x1, D0, E0.
  public var description: String {
    switch self {
    case .state(let index): "x\(index)"
    case .data(let index): "D\(index)"
    case .noise(let index): "E\(index)"
    }
  }
}

extension SamplerPlan.Operation: CustomStringConvertible {
  /// One line, such as `LIN   x0 = 0.0165893 D0 + 0.999862 E0`.
  public var description: String {
    switch self {
    case .evaluate(let slot, let state, let node):
      "EVAL  D\(slot), E\(slot) = model(\(state), label \(node.label))"
    case .combine(let target, let terms):
      "LIN   \(target) = "
        + terms.enumerated().map { index, term in
          let sign = index == 0 ? (term.coefficient < 0 ? "-" : "") : term.coefficient < 0 ? " - " : " + "
          return "\(sign)\(Self.number(abs(term.coefficient))) \(term.register)"
        }.joined()
    case .addNoise(let target, let coefficient, let draw):
      "NOISE \(target) += \(Self.number(coefficient)) z\(draw)"
    case .clamp(let target):
      "CLAMP \(target) to [-1, 1]"
    }
  }

  private static func number(_ value: Double) -> String { String(format: "%.6g", value) }
}
