/// A sampler as a straight-line program: network evaluations, weighted sums, noise and clamping.
///
/// All scalars are known before anything runs, so the number of evaluations and the labels visited are plain to see
/// (`nfe`, `labels`, `description`). One interpreter, `run`, executes every plan.
///
/// Clamping breaks linearity, so it is an instruction of its own. A clamped D replaces the model's, and E is computed
/// anew from the state that was judged, E = (x − a·D)/s, so that x = a·D + s·E holds for what the next step uses.
/// (Keeping the model's E instead would leave a state that belongs to no clean image.) DDPM's mean takes D and x only.
public struct SamplerPlan: Sendable, Equatable {
  /// A place that holds a sample while the plan runs.
  public enum Register: Sendable, Hashable {
    /// A state: 0 is the trajectory, 1 the springboard.
    case state(Int)
    /// The clean image D of an evaluation.
    case data(Int)
    /// The noise E of an evaluation.
    case noise(Int)
  }

  /// One term of a weighted sum.
  public struct Term: Sendable, Equatable {
    /// The factor.
    public let coefficient: Double
    /// What it multiplies.
    public let register: Register
  }

  /// One instruction.
  public enum Operation: Sendable, Equatable {
    /// EVAL: the model judges a state at a node; its D and E become readable under `slot`.
    case evaluate(slot: Int, state: Register, node: Node)
    /// LIN: a weighted sum of registers.
    case combine(into: Register, terms: [Term])
    /// NOISE: adds fresh standard normal noise, draw number `draw` of the run.
    case addNoise(to: Register, coefficient: Double, draw: Int)
    /// CLAMP: brings a register into [−1, 1].
    case clamp(Register)
  }

  /// The sampler that was compiled.
  public let sampler: Sampler
  /// The program.
  public let operations: [Operation]

  init(sampler: Sampler, operations: [Operation]) {
    self.sampler = sampler
    self.operations = operations
  }

  /// The labels at which the model is evaluated, in order.
  public var labels: [Int] {
    operations.compactMap { if case .evaluate(_, _, let node) = $0 { node.label } else { nil } }
  }

  /// The number of network evaluations.
  public var nfe: Int { labels.count }

  /// The number of times that fresh noise is asked for, beyond the starting noise.
  public var noiseDraws: Int { operations.count { if case .addNoise = $0 { true } else { false } } }

  /// The noise level at which the trajectory starts; the starting sample is standard normal noise.
  public var start: Node {
    guard case .evaluate(_, _, let node)? = operations.first else { preconditionFailure("a plan starts with EVAL") }
    return node
  }
}

extension SamplerPlan {
  /// Runs the program from a starting sample of standard normal noise and returns the clean sample.
  ///
  /// `noise(i)` supplies draw i (0 ..< `noiseDraws`); deterministic plans never call it. `progress(done, nfe)` is called
  /// after each evaluation; what it throws ends the run.
  public func run<D: Denoiser>(
    _ denoiser: D, from start: D.Sample, noise: (Int) throws -> D.Sample,
    progress: (_ done: Int, _ total: Int) throws -> Void = { _, _ in }
  ) throws -> D.Sample {
    var memory = Memory<D.Sample>(start)
    let total = nfe
    var done = 0
    for operation in operations {
      switch operation {
      case .evaluate(let slot, let state, let node):
        let x = memory[state]
        memory.judge(slot, x, node, try denoiser.predict(x, label: node.label))
        done += 1
        try progress(done, total)
      case .combine(let target, let terms):
        memory[target] = .linearCombination(terms.map { ($0.coefficient, memory[$0.register]) })
      case .addNoise(let target, let coefficient, let draw):
        memory[target] = .linearCombination([(1, memory[target]), (coefficient, try noise(draw))])
      case .clamp(let target):
        memory[target] = memory[target].clamped(to: -1...1)
      }
    }
    return memory[.state(0)]
  }

  /// The registers of a run, in which D and E are worked out from the model's answer only when they are read.
  private struct Memory<Sample: SampleSpace> {
    private var values: [Register: Sample]
    private var judgements: [Int: (x: Sample, node: Node, prediction: Prediction<Sample>)] = [:]

    init(_ start: Sample) { values = [.state(0): start] }

    mutating func judge(_ slot: Int, _ x: Sample, _ node: Node, _ prediction: Prediction<Sample>) {
      judgements[slot] = (x, node, prediction)
      values[.data(slot)] = nil
      values[.noise(slot)] = nil
    }

    subscript(register: Register) -> Sample {
      mutating get {
        if let value = values[register] { return value }
        let value: Sample
        switch register {
        case .data(let slot): value = judgement(slot).prediction.data(of: judgement(slot).x, at: judgement(slot).node)
        case .noise(let slot): value = judgement(slot).prediction.noise(of: judgement(slot).x, at: judgement(slot).node)
        case .state: preconditionFailure("the plan reads \(register) before it writes it")
        }
        values[register] = value
        return value
      }
      set { values[register] = newValue }
    }

    private func judgement(_ slot: Int) -> (x: Sample, node: Node, prediction: Prediction<Sample>) {
      guard let judgement = judgements[slot] else { preconditionFailure("the plan reads slot \(slot) before EVAL") }
      return judgement
    }
  }
}

extension SamplerPlan: CustomStringConvertible {
  /// The program, one instruction per line, under a line with the sampler, the number of evaluations and the labels.
  public var description: String {
    let head = "\(sampler): \(nfe) evaluations at labels \(labels.map(String.init).joined(separator: " "))"
    return ([head] + operations.map { "  \($0)" }).joined(separator: "\n")
  }
}
