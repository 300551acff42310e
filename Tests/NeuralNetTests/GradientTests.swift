import Foundation
import NeuralNet
import TensorCore
import Testing

/// Every operation's gradient against central differences of ⟨output, direction⟩, one random direction per operand.
@Suite("Gradients")
struct GradientTests {
  /// Builds a graph over the named tensors and compares all gradients.
  private func check(
    _ shapes: [(String, [Int])], step: Double = 1e-2, tolerance: Double = 2e-3,
    _ build: (Graph) -> Variable
  ) {
    var parameters = ParameterSet(
      shapes.enumerated().map { ($1.0, PhiloxRandomSource(seed: 21, stream: UInt64($0)).normal(shape: $1.1)) })
    let graph = Graph(parameters: parameters, recording: true)
    let output = build(graph)
    let direction = PhiloxRandomSource(seed: 99).normal(shape: output.value.shape)
    let gradients = graph.backward(from: output, gradient: direction)
    for (index, name) in parameters.names.enumerated() {
      let original = parameters[name]
      let probe = PhiloxRandomSource(seed: 77, stream: UInt64(index)).normal(shape: original.shape)
      func value(at t: Double) -> Double {
        var moved = original
        moved.scale(by: 1, adding: probe, times: Float(t))
        parameters[name] = moved
        let y = build(Graph(parameters: parameters, recording: false)).value
        return dot(y, direction)
      }
      // Fourth-order central difference.
      let h = step / max(probe.sumOfSquares.squareRoot(), 1)
      let numeric = (8 * (value(at: h) - value(at: -h)) - (value(at: 2 * h) - value(at: -2 * h))) / (12 * h)
      parameters[name] = original
      let exact = dot(gradients[name], probe)
      let scale = max(abs(exact), gradients[name].sumOfSquares.squareRoot())
      #expect(abs(numeric - exact) <= tolerance * scale + 1e-6, "\(name): \(numeric) against \(exact)")
      #expect(gradients[name].sumOfSquares > 0, "\(name) got no gradient")
    }
  }

  private func dot(_ a: Tensor, _ b: Tensor) -> Double {
    zip(a.values, b.values).reduce(0) { $0 + Double($1.0) * Double($1.1) }
  }

  @Test("Convolutions", arguments: [Convolution.same3x3, .pointwise, .halving3x3])
  func convolution(_ c: Convolution) {
    let out = [2, c.outputExtent(6), c.outputExtent(8), 5]
    check([("x", [2, 6, 8, 3]), ("w", [c.kernel, c.kernel, 3, 5]), ("b", [5]), ("e", [2, 5]), ("r", out)]) { g in
      g.convolution(
        c, g.parameter("x"), weights: g.parameter("w"), bias: g.parameter("b"), imageBias: g.parameter("e"),
        residual: g.parameter("r"))
    }
  }

  @Test("Linear") func linear() {
    check([("x", [3, 7]), ("w", [7, 9]), ("b", [9])]) { g in
      g.linear(g.parameter("x"), weights: g.parameter("w"), bias: g.parameter("b"))
    }
  }

  @Test("Group norm with and without SiLU", arguments: [false, true], [32, 64])
  func groupNorm(_ silu: Bool, _ channels: Int) {
    check([("x", [2, 5, 4, channels]), ("gamma", [channels]), ("beta", [channels])]) { g in
      g.groupNorm(GroupNorm(silu: silu), g.parameter("x"), gamma: g.parameter("gamma"), beta: g.parameter("beta"))
    }
  }

  @Test("SiLU, sum, concatenation, upsampling") func pointwise() {
    check([("x", [2, 3, 4, 5])]) { g in g.silu(g.parameter("x")) }
    check([("a", [2, 3, 4, 5]), ("b", [2, 3, 4, 5])]) { g in g.add(g.parameter("a"), g.silu(g.parameter("b"))) }
    check([("a", [2, 3, 4, 5]), ("b", [2, 3, 4, 2])]) { g in
      g.concatenateChannels(g.parameter("a"), g.parameter("b"))
    }
    check([("x", [2, 3, 4, 5])]) { g in g.upsample(g.parameter("x")) }
  }

  @Test("A value that is used twice gets both gradients") func reuse() {
    check([("x", [1, 2, 2, 3])]) { g in g.add(g.parameter("x"), g.silu(g.parameter("x"))) }
  }

  @Test("Attention") func attention() {
    let shape = [2, 5, 6, 8]
    check([("q", shape), ("k", shape), ("v", shape)]) { g in
      g.attention(q: g.parameter("q"), k: g.parameter("k"), v: g.parameter("v"))
    }
  }

  @Test("Attention over several blocks of queries") func attentionBlocks() {
    let shape = [1, 20, 17, 4]
    check([("q", shape), ("k", shape), ("v", shape)]) { g in
      g.attention(q: g.parameter("q"), k: g.parameter("k"), v: g.parameter("v"))
    }
  }
}
