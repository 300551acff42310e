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

  @Test("Convolutions", arguments: [Convolution.same3x3, .pointwise, .halving3x3], [(3, 5), (9, 33)])
  func convolution(_ c: Convolution, _ channels: (Int, Int)) {
    let (inputs, outputs) = channels
    let out = [2, c.outputExtent(6), c.outputExtent(8), outputs]
    let shapes = [
      ("x", [2, 6, 8, inputs]), ("c.weight", [c.kernel, c.kernel, inputs, outputs]), ("c.bias", [outputs]),
      ("e", [2, outputs]), ("r", out),
    ]
    check(shapes, step: 0.3) { g in
      g.convolution(
        c, ConvolutionInput([g.parameter("x")]), "c", imageBias: g.parameter("e"), residual: g.parameter("r"))
    }
  }

  @Test("Linear") func linear() {
    check([("x", [3, 7]), ("l.weight", [7, 9]), ("l.bias", [9])]) { g in g.linear(g.parameter("x"), "l") }
  }

  @Test(
    "Convolutions that normalise, activate and join what they read", arguments: [false, true],
    [Convolution.same3x3, .pointwise])
  func normalized(_ silu: Bool, _ c: Convolution) {
    let shapes = [
      ("a", [2, 5, 4, 32]), ("b", [2, 5, 4, 64]), ("gamma", [96]), ("beta", [96]),
      ("c.weight", [c.kernel, c.kernel, 96, 8]), ("c.bias", [8]),
    ]
    check(shapes, step: 0.3) { g in
      let norm = ConvolutionInput.Norm(
        GroupNorm(silu: silu), gamma: g.parameter("gamma"), beta: g.parameter("beta"))
      return g.convolution(c, ConvolutionInput([g.parameter("a"), g.parameter("b")], norm: norm), "c")
    }
  }

  @Test("A normalisation takes its moments from the convolution before") func chain() {
    let shapes = [
      ("x", [2, 9, 7, 8]), ("c.weight", [3, 3, 8, 64]), ("c.bias", [64]), ("gamma", [64]), ("beta", [64]),
      ("d.weight", [3, 3, 64, 8]), ("d.bias", [8]),
    ]
    check(shapes, step: 0.3) { g in
      let h = g.convolution(.same3x3, ConvolutionInput([g.parameter("x")]), "c")
      let norm = ConvolutionInput.Norm(
        GroupNorm(silu: true), gamma: g.parameter("gamma"), beta: g.parameter("beta"))
      return g.convolution(.same3x3, ConvolutionInput([h], norm: norm), "d")
    }
  }

  @Test("Upsampling convolutions", arguments: [(3, 5), (8, 16)]) func upsampling(_ channels: (Int, Int)) {
    let (inputs, outputs) = channels
    check([("x", [2, 3, 4, inputs]), ("c.weight", [3, 3, inputs, outputs]), ("c.bias", [outputs])], step: 0.3) { g in
      g.convolution(.same3x3, ConvolutionInput([g.parameter("x")], upsampled: true), "c")
    }
  }

  @Test("SiLU, sum, joined parts") func pointwise() {
    check([("x", [2, 3, 4, 5])]) { g in g.silu(g.parameter("x")) }
    check([("a", [2, 3, 4, 5]), ("b", [2, 3, 4, 5])]) { g in g.add(g.parameter("a"), g.silu(g.parameter("b"))) }
    check([("a", [2, 3, 4, 5]), ("b", [2, 3, 4, 2]), ("c.weight", [3, 3, 7, 4]), ("c.bias", [4])]) { g in
      g.convolution(.same3x3, ConvolutionInput([g.parameter("a"), g.parameter("b")]), "c")
    }
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
