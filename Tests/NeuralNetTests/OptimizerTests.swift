import Foundation
import NeuralNet
import TensorCore
import Testing

@Suite("Optimiser and moving average")
struct OptimizerTests {
  @Test("Adam's first steps equal the published recursion in double") func adam() {
    var parameters = ParameterSet([("w", Tensor([1, -2, 0.5], shape: [3]))])
    var state = Adam.State(for: parameters)
    let adam = Adam()
    var (w, m, v) = ([1.0, -2, 0.5], [0.0, 0, 0], [0.0, 0, 0])
    for t in 1...5 {
      let g = w.map { 2 * $0 + Double(t) }
      adam.step(
        &parameters, gradients: ParameterSet([("w", Tensor(g.map { Float($0) }, shape: [3]))]), state: &state,
        learningRate: 0.1)
      for i in 0..<3 {
        m[i] = 0.9 * m[i] + 0.1 * g[i]
        v[i] = 0.999 * v[i] + 0.001 * g[i] * g[i]
        w[i] -= 0.1 * (m[i] / (1 - pow(0.9, Double(t)))) / ((v[i] / (1 - pow(0.999, Double(t)))).squareRoot() + 1e-8)
      }
      for i in 0..<3 { #expect(abs(Double(parameters["w"][flat: i]) - w[i]) < 1e-5) }
    }
    #expect(state.step == 5)
  }

  @Test("A gradient longer than the clip norm is shortened to it, a shorter one is left") func clipping() {
    func moment(_ gradient: [Float]) -> [Float] {
      var parameters = ParameterSet([("w", Tensor([0, 0], shape: [2]))])
      var state = Adam.State(for: parameters)
      let norm = Adam(beta1: 0, clipNorm: 1).step(
        &parameters, gradients: ParameterSet([("w", Tensor(gradient, shape: [2]))]), state: &state, learningRate: 1)
      #expect(abs(norm - Double(gradient[0] * gradient[0] + gradient[1] * gradient[1]).squareRoot()) < 1e-6)
      return state.first["w"].values
    }
    let clipped = moment([3, 4])
    #expect(abs(clipped[0] - 0.6) < 1e-6 && abs(clipped[1] - 0.8) < 1e-6)
    #expect(moment([0.25, 0.5]) == [0.25, 0.5])
  }

  @Test("After k steps of constant weights w the shadow is w + 0.999^k (w0 - w)") func average() {
    let start = ParameterSet([("w", Tensor([4], shape: [1]))])
    let weights = ParameterSet([("w", Tensor([1], shape: [1]))])
    var shadow = start
    for k in 1...50 { ExponentialMovingAverage().update(&shadow, with: weights, step: k) }
    #expect(abs(Double(shadow["w"][flat: 0]) - (1 + 3 * pow(0.999, 50))) < 1e-5)
  }
}
