extension SamplerPlan {
  /// Compiles a sampler over the labels to be visited, from the largest down to clean.
  ///
  /// - `clampData`: clamp D to [−1, 1] at every evaluation; nil leaves it to the sampler (DDPM clamps, the others not).
  /// - `trainedLabels`: what the model was trained on; a plan that would evaluate it elsewhere is refused unless
  ///   `allowUntrained`. Nil means all labels.
  /// - `allowSlopeAtLabelZero`: PFDiff drops label 0 from its grid, because a slope taken there leaves most of the noise
  ///   in the image (ALGORITHMS 4.7); true keeps it, for comparison with published numbers.
  ///
  /// Throws `DiffusionError`.
  public init(
    sampler: Sampler, labels: LabelSet, schedule: NoiseSchedule, clampData: Bool? = nil, trainedLabels: [Int]? = nil,
    allowUntrained: Bool = false, allowSlopeAtLabelZero: Bool = false
  ) throws {
    guard labels.labels.allSatisfy({ $0 < schedule.timesteps }) else {
      throw DiffusionError(
        .parameterOutOfRange,
        "label set \(labels.name) goes beyond the \(schedule.timesteps) labels of schedule \(schedule.name)")
    }
    var visited = Array(labels.labels.reversed())
    if case .pfdiff = sampler, !allowSlopeAtLabelZero { visited.removeAll { $0 == 0 } }
    try self.init(
      sampler: sampler, nodes: visited.map(schedule.node), clampData: clampData, trainedLabels: trainedLabels,
      allowUntrained: allowUntrained, allowSlopeAtLabelZero: allowSlopeAtLabelZero)
  }

  /// Compiles a sampler over any nodes, noisiest first; the clean end is added.
  ///
  /// The same as the form over labels, except that PFDiff with a node at label 0 is refused, not mended.
  public init(
    sampler: Sampler, nodes: [Node], clampData: Bool? = nil, trainedLabels: [Int]? = nil, allowUntrained: Bool = false,
    allowSlopeAtLabelZero: Bool = false
  ) throws {
    try sampler.validate()
    guard !nodes.isEmpty else {
      throw DiffusionError(.parameterOutOfRange, "\(sampler) has no labels to visit; choose a larger label set")
    }
    guard nodes.allSatisfy({ $0.signal > 0 }) else {
      throw DiffusionError(
        .parameterOutOfRange, "the noisiest label keeps nothing of the image; leave it out or choose another schedule")
    }
    precondition(!nodes.contains(where: \.isClean), "the clean end is added by the compiler")
    precondition(zip(nodes, nodes.dropFirst()).allSatisfy { $0.lambda <= $1.lambda }, "nodes must go towards clean")
    var compiler = Compiler(nodes: nodes + [.clean], clamps: clampData ?? sampler.clampsByDefault)
    switch sampler {
    case .ddim(let eta): compiler.ddim(eta: eta)
    case .ddpm: compiler.ancestral()
    case .pfdiff(let k, let l):
      guard allowSlopeAtLabelZero || !nodes.contains(where: { $0.label == 0 }) else {
        throw DiffusionError(.slopeAtLabelZero, "\(sampler) must not take a slope at label 0; leave that label out")
      }
      compiler.pfdiff(k: k, l: l)
    }
    self.init(sampler: sampler, operations: compiler.operations)
    try checkTrained(trainedLabels, allowUntrained)
  }

  private func checkTrained(_ trainedLabels: [Int]?, _ allowUntrained: Bool) throws {
    guard let trainedLabels, !allowUntrained else { return }
    let known = Set(trainedLabels)
    guard let stranger = labels.first(where: { !known.contains($0) }) else { return }
    throw DiffusionError(
      .untrainedLabel,
      "\(sampler) would evaluate the model at label \(stranger), which it was not trained on "
        + "(\(trainedLabels.map(String.init).joined(separator: ", "))); choose other steps")
  }
}

/// Writes the programs.
private struct Compiler {
  let nodes: [Node]
  let clamps: Bool
  var operations: [SamplerPlan.Operation] = []
  private var draws = 0

  init(nodes: [Node], clamps: Bool) {
    self.nodes = nodes
    self.clamps = clamps
  }

  private static let x = SamplerPlan.Register.state(0)
  private static let springboard = SamplerPlan.Register.state(1)
  private static let data = SamplerPlan.Register.data(0)
  private static let noise = SamplerPlan.Register.noise(0)

  /// Generalised DDIM: x ← a_m D + c₂ E + c₁ z.
  mutating func ddim(eta: Double) {
    for (node, next) in zip(nodes, nodes.dropFirst()) {
      evaluate(Self.x, at: node, needsNoise: !next.isClean)
      let fresh = eta * Self.smallVariance(node, next).squareRoot()
      ownStep(from: node, to: next, fresh: fresh)
    }
  }

  /// Ancestral DDPM with variance b: mean = [a_m b D + √(1−b) (1−A_m) x] / (1−A_n), which is D at the clean end.
  ///
  /// Noise is never added on the way into the clean end, whatever the last label is.
  mutating func ancestral() {
    for (node, next) in zip(nodes, nodes.dropFirst()) {
      evaluate(Self.x, at: node, needsNoise: false)
      guard !next.isClean else {
        combine(Self.x, [(1, Self.data)])
        continue
      }
      let kept = (node.signal / next.signal) * (node.signal / next.signal)
      let variance = 1 - kept
      let total = node.noise * node.noise
      combine(
        Self.x,
        [
          (next.signal * variance / total, Self.data),
          (kept.squareRoot() * next.noise * next.noise / total, Self.x),
        ])
      addNoise(variance.squareRoot())
    }
  }

  /// PFDiff, base order 1: the block program of ALGORITHMS 4.2.
  ///
  /// A springboard of no steps is an ordinary step, so k = 0 and l = 0 are DDIM on the fine and on the coarse grid.
  mutating func pfdiff(k: Int, l: Int) {
    let last = nodes.count - 1
    evaluate(Self.x, at: nodes[0], needsNoise: last > 1)
    ownStep(from: nodes[0], to: nodes[1], fresh: 0)
    var i = 1
    while i < last {
      let block = min(k + 1, last - i)
      let ahead = block == k + 1 ? l : block >= 2 ? min(l, 1) : 0
      let end = nodes[i + block]
      if ahead == 0 {
        evaluate(Self.x, at: nodes[i], needsNoise: !end.isClean)
        ownStep(from: nodes[i], to: end, fresh: 0)
      } else {
        transfer(into: Self.springboard, from: nodes[i], to: nodes[i + ahead])
        evaluate(Self.springboard, at: nodes[i + ahead], needsNoise: true)
        transfer(into: Self.x, from: nodes[i], to: end)
        // The borrowed slope may carry the state beyond what a clean image can be, though the judged D was clamped.
        if end.isClean, clamps { operations.append(.clamp(Self.x)) }
      }
      i += block
    }
  }

  /// EVAL, and CLAMP where asked for, with E made to agree.
  private mutating func evaluate(_ state: SamplerPlan.Register, at node: Node, needsNoise: Bool) {
    operations.append(.evaluate(slot: 0, state: state, node: node))
    guard clamps else { return }
    operations.append(.clamp(Self.data))
    if needsNoise { combine(Self.noise, [(1 / node.noise, state), (-node.signal / node.noise, Self.data)]) }
  }

  /// A step with the slope that was taken at the state itself; into the clean end it is D, exactly.
  private mutating func ownStep(from node: Node, to next: Node, fresh: Double) {
    guard !next.isClean else { return combine(Self.x, [(1, Self.data)]) }
    let rest = max(0, next.noise * next.noise - fresh * fresh).squareRoot()
    combine(Self.x, [(next.signal, Self.data), (rest, Self.noise)])
    if fresh > 0 { addNoise(fresh) }
  }

  /// The basic transfer Φ (ALGORITHMS 3.1) of x0 with a slope that was taken elsewhere.
  private mutating func transfer(into target: SamplerPlan.Register, from node: Node, to next: Node) {
    let ratio = next.signal / node.signal
    combine(target, [(ratio, Self.x), (next.noise - ratio * node.noise, Self.noise)])
  }

  private mutating func combine(_ target: SamplerPlan.Register, _ terms: [(Double, SamplerPlan.Register)]) {
    operations.append(.combine(into: target, terms: terms.map { .init(coefficient: $0.0, register: $0.1) }))
  }

  private mutating func addNoise(_ coefficient: Double) {
    guard coefficient > 0 else { return }
    operations.append(.addNoise(to: Self.x, coefficient: coefficient, draw: draws))
    draws += 1
  }

  /// The variance that DDIM's eta = 1 adds; 0 between nodes of one level and into the clean end.
  private static func smallVariance(_ node: Node, _ next: Node) -> Double {
    let kept = (node.signal / next.signal) * (node.signal / next.signal)
    return max(0, 1 - kept) * (next.noise * next.noise) / (node.noise * node.noise)
  }
}
