import CKernels
import Foundation
import TensorCore
import Testing

/// What training adds to an evaluation, against the definitions written out in double.
@Suite("Backward kernels on every instruction set")
struct BackwardKernelTests {
  struct NormCase: Sendable, CustomStringConvertible {
    let parts: [Int], height: Int, width: Int, groups: Int
    var channels: Int { parts.reduce(0, +) }
    var description: String { "\(height)x\(width) \(parts) in \(groups) groups" }
  }

  /// One chunk, several chunks, parts whose border lies inside a group, one group of all.
  static let norms = [
    NormCase(parts: [32], height: 3, width: 5, groups: 32), NormCase(parts: [64], height: 7, width: 9, groups: 32),
    NormCase(parts: [96, 32], height: 9, width: 23, groups: 2),
    NormCase(parts: [32, 64], height: 8, width: 8, groups: 1),
    NormCase(parts: [64], height: 47, width: 45, groups: 32),
  ]

  @Test("Group norm's gradients equal the definition", arguments: norms, [false, true])
  func groupNorm(_ c: NormCase, _ silu: Bool) {
    let n = 2
    let parts = c.parts.enumerated().map { index, channels in
      // Far from zero, so that careless sums would cancel.
      var x = PhiloxRandomSource(seed: 1, stream: UInt64(index)).normal(shape: [n, c.height, c.width, channels])
      x.scale(by: 3, adding: Tensor(repeating: 20, shape: x.shape), times: 1)
      return x
    }
    let x = parts.dropFirst().reduce(parts[0]) { $0.concatenatingChannels($1) }
    let gamma = PhiloxRandomSource(seed: 2).normal(shape: [c.channels])
    let beta = PhiloxRandomSource(seed: 3).normal(shape: [c.channels])
    let dy = PhiloxRandomSource(seed: 4).normal(shape: x.shape)
    let norm = GroupNorm(groups: c.groups, silu: silu)
    let expected = NormReference(norm, x: x, gamma: gamma, beta: beta).gradients(dy)
    for set in ComputeBackend.InstructionSet.allCases {
      ComputeBackend.using(set) {
        let application = norm.application(to: parts.map { ChannelMoments(of: $0) }, gamma: gamma, beta: beta)
        let found = norm.gradients(parts, gamma: gamma, application, outGradient: dy)
        let whole = found.parts.dropFirst().reduce(found.parts[0]) { $0.concatenatingChannels($1) }
        #expect(relativeError(whole.values, expected.x) < 5e-6, "x, \(set)")
        #expect(relativeError(found.gamma.values, expected.gamma) < 5e-6, "gamma, \(set)")
        #expect(relativeError(found.beta.values, expected.beta) < 5e-6, "beta, \(set)")
      }
    }
  }

  @Test("The definition of group norm's gradients is the slope of group norm", arguments: [false, true])
  func slope(_ silu: Bool) {
    let shape = [1, 2, 3, 8]
    let reference = NormReference(
      GroupNorm(groups: 4, silu: silu), x: PhiloxRandomSource(seed: 1).normal(shape: shape),
      gamma: PhiloxRandomSource(seed: 2).normal(shape: [8]), beta: PhiloxRandomSource(seed: 3).normal(shape: [8]))
    let dy = PhiloxRandomSource(seed: 4).normal(shape: shape)
    let gradients = reference.gradients(dy)
    func slope(_ change: (inout NormReference, Double) -> Void) -> Float {
      let ends = [-1e-5, 1e-5].map { step in
        var moved = reference
        change(&moved, step)
        return zip(moved.normalized(), dy.values).reduce(0) { $0 + $1.0 * Double($1.1) }
      }
      return Float((ends[1] - ends[0]) / 2e-5)
    }
    #expect(relativeError(gradients.x, (0..<48).map { i in slope { $0.x[i] += $1 } }) < 1e-6)
    #expect(relativeError(gradients.gamma, (0..<8).map { i in slope { $0.gamma[i] += $1 } }) < 1e-6)
    #expect(relativeError(gradients.beta, (0..<8).map { i in slope { $0.beta[i] += $1 } }) < 1e-6)
  }

  @Test("SiLU's gradient is dy (s + x s (1 - s)) from -100 to 100")
  func silu() {
    let x = Tensor((-1000...1000).map { Float($0) / 10 }, shape: [2001])
    let dy = PhiloxRandomSource(seed: 5).normal(shape: [2001])
    for set in ComputeBackend.InstructionSet.allCases {
      let found = ComputeBackend.using(set) { x.siluGradient(dy) }
      for i in 0..<x.count {
        let z = Double(x[flat: i]), g = Double(dy[flat: i])
        let s = 1 / (1 + exp(-z))
        let expected = g * (s + z * s * (1 - s))
        // Where s is near 1, 1 - s has few digits; far below zero every digit counts, until the exponential ends.
        let tolerance = 1e-5 * abs(expected) + abs(g) * (z > -2 ? 2e-6 : 1e-36)
        #expect(abs(Double(found[flat: i]) - expected) <= tolerance, "\(set) at \(z)")
      }
    }
  }

  @Test("Softmax's gradient equals the definition, also in place", arguments: [1, 3, 16, 37, 256])
  func softmax(_ columns: Int) {
    let rows = 4
    let x = PhiloxRandomSource(seed: 6).normal(shape: [rows, columns])
    let dp = PhiloxRandomSource(seed: 7).normal(shape: [rows, columns])
    let scale: Float = 0.25
    var p: [Float] = []
    var expected: [Float] = []
    for row in 0..<rows {
      let places = row * columns..<(row + 1) * columns
      let e = places.map { exp(Double(x[flat: $0]) * Double(scale)) }
      let weights = e.map { Float($0 / e.reduce(0, +)) }
      let dot = zip(weights, places).reduce(0.0) { $0 + Double($1.0) * Double(dp[flat: $1.1]) }
      p += weights
      expected += zip(weights, places).map { Float(Double($0) * (Double(dp[flat: $1]) - dot) * Double(scale)) }
    }
    for set in ComputeBackend.InstructionSet.allCases {
      ComputeBackend.using(set) {
        var found = dp.values
        found.withUnsafeMutableBufferPointer {
          ck_softmax_gradient_rows(p, $0.baseAddress!, rows, columns, scale, $0.baseAddress!)
        }
        // One weight of 1 has no gradient at all: what is left is rounding.
        if columns == 1 {
          #expect(found.allSatisfy { abs($0) < 1e-6 }, "\(set)")
        } else {
          #expect(relativeError(found, expected) < 1e-6, "\(set)")
        }
      }
    }
  }

  @Test("Attention's gradients equal the definition, over more queries than one block")
  func attention() {
    let (n, pixels, c) = (2, 70, 5)
    let shape = [n, pixels, c]
    let q = PhiloxRandomSource(seed: 1).normal(shape: shape), k = PhiloxRandomSource(seed: 2).normal(shape: shape)
    let v = PhiloxRandomSource(seed: 3).normal(shape: shape), dy = PhiloxRandomSource(seed: 4).normal(shape: shape)
    var (dq, dk, dv) = (
      [Double](repeating: 0, count: q.count), [Double](repeating: 0, count: q.count),
      [Double](repeating: 0, count: q.count)
    )
    let scale = 1 / Double(c).squareRoot()
    func dot(_ a: Tensor, _ i: Int, _ b: Tensor, _ j: Int) -> Double {
      (0..<c).reduce(0) { $0 + Double(a[flat: i * c + $1]) * Double(b[flat: j * c + $1]) }
    }
    for image in 0..<n {
      let places = image * pixels..<(image + 1) * pixels
      for i in places {
        let e = places.map { exp(scale * dot(q, i, k, $0)) }
        let weights = e.map { $0 / e.reduce(0, +) }
        let byWeight = places.map { dot(dy, i, v, $0) }
        let mean = zip(weights, byWeight).reduce(0) { $0 + $1.0 * $1.1 }
        for (at, j) in places.enumerated() {
          let byScore = weights[at] * (byWeight[at] - mean) * scale
          for channel in 0..<c {
            dq[i * c + channel] += byScore * Double(k[flat: j * c + channel])
            dk[j * c + channel] += byScore * Double(q[flat: i * c + channel])
            dv[j * c + channel] += weights[at] * Double(dy[flat: i * c + channel])
          }
        }
      }
    }
    for set in ComputeBackend.InstructionSet.allCases {
      let found = ComputeBackend.using(set) { Attention.gradients(q: q, k: k, v: v, outGradient: dy) }
      #expect(relativeError(found.q.values, dq.map { Float($0) }) < 5e-6, "q, \(set)")
      #expect(relativeError(found.k.values, dk.map { Float($0) }) < 5e-6, "k, \(set)")
      #expect(relativeError(found.v.values, dv.map { Float($0) }) < 5e-6, "v, \(set)")
    }
  }

  @Test("Adam's step equals Kingma and Ba's algorithm 1", arguments: [1, 7, 16, 37, 100])
  func adam(_ count: Int) {
    let start = PhiloxRandomSource(seed: 8).normal(shape: [count])
    var results: [[Tensor]] = []
    for set in ComputeBackend.InstructionSet.allCases {
      ComputeBackend.using(set) {
        var (w, m, v) = (start, Tensor(repeating: 0, shape: [count]), Tensor(repeating: 0, shape: [count]))
        var expected = (w: start.values.map(Double.init), m: w.values.map { _ in 0.0 }, v: w.values.map { _ in 0.0 })
        for t in 1...4 {
          let g = PhiloxRandomSource(seed: 9, stream: UInt64(t)).normal(shape: [count])
          let corrections = (1 - pow(0.875, Double(t)), 1 - pow(0.984375, Double(t)))
          w.adamStep(
            gradient: g, first: &m, second: &v,
            AdamStep(
              clip: 0.25, rate: 0.125, beta1: 0.875, beta2: 0.984375, epsilon: 1e-6, correction1: Float(corrections.0),
              correction2: Float(corrections.1)))
          for i in 0..<count {
            let gradient = 0.25 * Double(g[flat: i])
            expected.m[i] = 0.875 * expected.m[i] + 0.125 * gradient
            expected.v[i] = 0.984375 * expected.v[i] + 0.015625 * gradient * gradient
            expected.w[i] -=
              0.125 * expected.m[i] / corrections.0 / ((expected.v[i] / corrections.1).squareRoot() + 1e-6)
          }
        }
        #expect(relativeError(w.values, expected.w.map { Float($0) }) < 1e-6, "weights, \(set)")
        #expect(relativeError(m.values, expected.m.map { Float($0) }) < 1e-6, "first moments, \(set)")
        #expect(relativeError(v.values, expected.v.map { Float($0) }) < 1e-6, "second moments, \(set)")
        results.append([w, m, v])
      }
    }
    // The compiler makes the bodies of this plain loop and the loader picks one: what is forced makes no difference.
    #expect(results.allSatisfy { $0 == results[0] })
  }
}

/// Group normalisation and its gradients in double, element by element.
private struct NormReference {
  let norm: GroupNorm
  let shape: [Int]
  var x: [Double]
  var gamma: [Double]
  var beta: [Double]

  init(_ norm: GroupNorm, x: Tensor, gamma: Tensor, beta: Tensor) {
    self.norm = norm
    shape = x.shape
    self.x = x.values.map(Double.init)
    self.gamma = gamma.values.map(Double.init)
    self.beta = beta.values.map(Double.init)
  }

  /// Where the elements of every image's every group lie.
  private var groups: [[Int]] {
    let (pixels, c) = (shape[1] * shape[2], shape[3])
    let width = c / norm.groups
    return (0..<shape[0] * norm.groups).map { item in
      (0..<pixels * width).map {
        (item / norm.groups * pixels + $0 / width) * c + item % norm.groups * width + $0 % width
      }
    }
  }

  /// (x - mean) / deviation of one group, and 1 / deviation.
  private func standardized(_ places: [Int]) -> ([Double], Double) {
    let count = Double(places.count)
    let mean = places.reduce(0) { $0 + x[$1] } / count
    let variance = places.reduce(0) { $0 + (x[$1] - mean) * (x[$1] - mean) } / count
    let reciprocal = 1 / (variance + norm.epsilon).squareRoot()
    return (places.map { (x[$0] - mean) * reciprocal }, reciprocal)
  }

  func normalized() -> [Double] {
    var y = x
    for places in groups {
      for (place, xhat) in zip(places, standardized(places).0) {
        let z = gamma[place % shape[3]] * xhat + beta[place % shape[3]]
        y[place] = norm.silu ? z / (1 + exp(-z)) : z
      }
    }
    return y
  }

  func gradients(_ dy: Tensor) -> (x: [Float], gamma: [Float], beta: [Float]) {
    var (dx, dgamma, dbeta) = (x, gamma.map { _ in 0.0 }, beta.map { _ in 0.0 })
    for places in groups {
      let (xhat, reciprocal) = standardized(places)
      var byXhat: [Double] = []
      for (place, xhat) in zip(places, xhat) {
        let channel = place % shape[3]
        let z = gamma[channel] * xhat + beta[channel], s = 1 / (1 + exp(-z))
        let dz = Double(dy[flat: place]) * (norm.silu ? s + z * s * (1 - s) : 1)
        dgamma[channel] += dz * xhat
        dbeta[channel] += dz
        byXhat.append(gamma[channel] * dz)
      }
      let count = Double(places.count)
      let first = byXhat.reduce(0, +) / count
      let second = zip(byXhat, xhat).reduce(0) { $0 + $1.0 * $1.1 } / count
      for i in places.indices { dx[places[i]] = reciprocal * (byXhat[i] - first - xhat[i] * second) }
    }
    return (dx.map { Float($0) }, dgamma.map { Float($0) }, dbeta.map { Float($0) })
  }
}
