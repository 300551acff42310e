import Diffusion
import Foundation
import TensorCore
import Testing

struct DDIMTests {
  let schedule = NoiseSchedule.published

  func plan(_ sampler: Sampler, _ set: String, clampData: Bool? = nil) throws -> SamplerPlan {
    try SamplerPlan(sampler: sampler, labels: LabelSet(named: set), schedule: schedule, clampData: clampData)
  }

  /// ALGORITHMS 3.9: from x = 1 at label 999 of N(0.3, 0.5²).
  @Test(arguments: [("uniform-10", 0.6741048169015), ("non-uniform-10", 0.5697369943452)])
  func `DDIM over the label sets has the reference values`(_ set: String, _ value: Double) throws {
    #expect(abs(try plan(.ddim, set).end(of: GaussianDenoiser.reference) - value) < 1e-12)
  }

  @Test func `DDIM over all labels comes near the exact flow`() throws {
    let exact = GaussianDenoiser.reference.exactEnd(from: 1, at: schedule.node(999))
    #expect(abs(exact - 0.7990546302172) < 1e-12)
    #expect(abs(try plan(.ddim, "uniform-1000").end(of: GaussianDenoiser.reference) - exact) < 2e-3)
  }

  @Test(arguments: [("uniform-10", 11), ("non-uniform-10", 10), ("uniform-5", 6), ("uniform-1000", 1001)])
  func `DDIM evaluates every label once, from the noisy end down`(_ set: String, _ count: Int) throws {
    let plan = try plan(.ddim, set)
    #expect(plan.nfe == count)
    #expect(plan.labels == Array(try LabelSet(named: set).labels.reversed()))
    #expect(plan.noiseDraws == 0)
    #expect(plan.start == schedule.node(999))
  }

  @Test func `DDIM is of first order on a uniform lambda grid`() throws {
    let order = try convergenceOrder(.ddim)
    #expect(abs(order - 0.99) < 0.02, "\(order)")
  }

  @Test func `ten steps on a uniform lambda grid have the reference value`() throws {
    // The reference stops at lambda 4.6; the last node of the plan is a step of its own from there, so the state is
    // read through a model that returns it: at the last label D is such that the end is the state.
    let nodes = lambdaGrid(steps: 10)
    let last = nodes[10]
    let model = ClosureDenoiser { x, label in
      label == last.label ? .data(x) : GaussianDenoiser.reference.on(nodes).noise(x, label)
    }
    let plan = try SamplerPlan(sampler: .ddim, nodes: nodes)
    #expect(abs(try plan.end(of: model) - 0.692655076815) < 1e-11)
  }

  @Test func `a point mass is hit exactly on any grid`() throws {
    let denoiser = GaussianDenoiser(mean: 0.25, deviation: 0, form: .data, one: 1.0)
    for set in ["uniform-10", "non-uniform-10", "uniform-3"] {
      #expect(try plan(.ddim, set).end(of: denoiser) == 0.25)
    }
  }

  @Test func `one label from n to clean returns D exactly`() throws {
    let set = try LabelSet(name: "one", labels: [499])
    let plan = try SamplerPlan(sampler: .ddim, labels: set, schedule: schedule)
    let end = try plan.end(of: ClosureDenoiser { x, label in .data(x * 0.1 + Double(label)) }, from: 0.7)
    #expect(end == 0.7 * 0.1 + 499)
  }

  @Test(arguments: [Sampler.ddim, .ddim(eta: 0.5), .ddim(eta: 1), .ddpm, .pfdiff(k: 1, l: 1), .pfdiff(k: 3, l: 2)])
  func `noise, data and velocity give the same result`(_ sampler: Sampler) throws {
    let plan = try plan(sampler, "uniform-10", clampData: false)
    let noise = PhiloxRandomSource(seed: 5).normal(shape: [max(1, plan.noiseDraws)]).values.map(Double.init)
    let ends = try GaussianDenoiser<Double>.Form.allCases.map { form in
      try plan.run(GaussianDenoiser(mean: 0.3, deviation: 0.5, form: form, one: 1), from: 1, noise: { noise[$0] })
    }
    #expect(abs(ends[1] - ends[0]) < 1e-10 && abs(ends[2] - ends[0]) < 1e-10, "\(ends)")
  }

  @Test func `with eta 1 the mean is that of ancestral sampling without clamp`() throws {
    let denoiser = GaussianDenoiser.reference
    let still: (Int) -> Double = { _ in 0 }
    for (above, below) in [(999, 899), (499, 399), (99, 0)] {
      let set = try LabelSet(name: "two", labels: [below, above])
      let means = try [Sampler.ddim(eta: 1), .ddpm].map { sampler in
        let whole = try SamplerPlan(sampler: sampler, labels: set, schedule: schedule, clampData: false)
        // D at the lower label returns its state, so the end is the mean of the single step.
        let model = ClosureDenoiser { x, label in
          label == below ? .data(x) : denoiser.noise(x, label)
        }
        return try whole.run(model, from: 0.8, noise: still)
      }
      #expect(abs(means[0] - means[1]) < 1e-13, "\(means)")
    }
  }

  @Test func `a duplicate label is an identity step`() throws {
    for sampler in [Sampler.ddim, .ddim(eta: 1), .ddpm] {
      let once = try SamplerPlan(
        sampler: sampler, labels: LabelSet(name: "a", labels: [0, 999]), schedule: schedule, clampData: false)
      let twice = try SamplerPlan(
        sampler: sampler, labels: LabelSet(name: "b", labels: [0, 0, 999]), schedule: schedule, clampData: false)
      let ends = try [once, twice].map { try $0.run(GaussianDenoiser.reference, from: 1, noise: { _ in 0.5 }) }
      #expect(abs(ends[0] - ends[1]) < 1e-9)
      #expect(once.noiseDraws == twice.noiseDraws)
    }
  }

  @Test func `clamping keeps D in range and the trajectory on a clean image`() throws {
    let wild = ClosureDenoiser { _, _ in .data(7) }
    #expect(try plan(.ddim, "uniform-10", clampData: true).end(of: wild) == 1)
    #expect(try plan(.ddim, "uniform-10", clampData: false).end(of: wild) == 7)
    // With D clamped to 1 everywhere the trajectory must be that of a model that says 1.
    let states = StateRecorder()
    let plan = try plan(.ddim, "uniform-10", clampData: true)
    _ = try plan.end(of: states.watching { _ in .data(7) })
    let seen = states.seen
    _ = try plan.end(of: states.watching { _ in .data(1) })
    #expect(seen == states.seen && seen.count == 11)
  }

  @Test func `progress is told after each evaluation and can end the run`() throws {
    struct Enough: Error {}
    var told: [Int] = []
    let plan = try plan(.ddim, "uniform-10")
    #expect(throws: Enough.self) {
      try plan.run(GaussianDenoiser.reference, from: 1, noise: { _ in 0 }) { done, total in
        #expect(total == 11)
        told.append(done)
        if done == 3 { throw Enough() }
      }
    }
    #expect(told == [1, 2, 3])
  }
}

/// Remembers the states at which a model was asked.
final class StateRecorder: @unchecked Sendable {
  private(set) var seen: [Double] = []
  func watching(_ body: @escaping @Sendable (Double) -> Prediction<Double>) -> ClosureDenoiser {
    seen = []
    return ClosureDenoiser { [self] x, _ in
      seen.append(x)
      return body(x)
    }
  }
}

/// Nodes with lambda uniform from −5 to 4.6; labels count from 1000 up, so that none of them is 0.
func lambdaGrid(steps: Int) -> [Node] {
  (0...steps).map { Node(lambda: -5 + 9.6 * Double($0) / Double(steps), label: 1000 + $0) }
}

extension GaussianDenoiser<Double> {
  /// The same model with the labels of a grid of its own.
  func on(_ nodes: [Node]) -> Self {
    var copy = self
    copy.node = { nodes[$0 - 1000] }
    return copy
  }

  /// The noise form, as a function.
  func noise(_ x: Double, _ label: Int) -> Prediction<Double> {
    let (a, s) = (node(label).signal, node(label).noise)
    return .noise(s * (x - a * mean) / (a * a * deviation * deviation + s * s))
  }
}

/// The slope of log error against log steps between 160 and 320 steps, for N(0.3, 0.5²) and lambda from −5 to 4.6.
///
/// The error is that of the state at 4.6: the last label answers with its own state as D.
func convergenceOrder(_ sampler: Sampler, blocks: Int = 1) throws -> Double {
  func error(_ steps: Int) throws -> Double {
    let nodes = lambdaGrid(steps: steps)
    let gaussian = GaussianDenoiser.reference.on(nodes)
    let (first, last) = (nodes[0], nodes[steps])
    let model = ClosureDenoiser { x, label in label == last.label ? .data(x) : gaussian.noise(x, label) }
    let end = try SamplerPlan(sampler: sampler, nodes: nodes).end(of: model)
    func width(_ node: Node) -> Double { (node.signal * node.signal * 0.25 + node.noise * node.noise).squareRoot() }
    let exact = last.signal * 0.3 + width(last) / width(first) * (1 - first.signal * 0.3)
    return abs(end - exact)
  }
  // M fine nodes such that the first step and whole blocks end exactly at the last node of the grid.
  let (coarse, fine) = (160 * blocks + 1, 320 * blocks + 1)
  return log(try error(coarse) / error(fine)) / log(Double(fine) / Double(coarse))
}
