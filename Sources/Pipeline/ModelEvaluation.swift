public import Diffusion
public import Evaluation
public import Models
import TensorCore
import Transforms
public import Volumes

/// Measures a model on a volume whose truth is known, beside its input and classical methods.
///
/// Everything is measured in the model's intensity window, fitted to the truth: what lies outside is clipped.
public struct ModelEvaluation: Sendable {
  /// The model's card.
  public let card: ModelCard
  /// Samplers to try.
  public let samplers: [Sampler]
  /// The K of the label set; nil takes the labels that the model was trained on.
  public let steps: Int?
  /// Seeds of the sampling noise; each is a run of its own.
  public let seeds: [UInt64]
  /// Whether Gaussian blur and non-local means are measured too.
  public let baselines: Bool
  private let makeDenoiser: DenoiserMaker

  /// An evaluation from its parts; at least one sampler and one seed.
  ///
  /// Throws what making a restorer throws, before any work is done.
  public init(
    card: ModelCard, samplers: [Sampler], steps: Int? = nil, seeds: [UInt64], baselines: Bool,
    makeDenoiser: @escaping DenoiserMaker
  ) throws {
    precondition(!samplers.isEmpty && !seeds.isEmpty)
    self.card = card
    self.samplers = samplers
    self.steps = steps
    self.seeds = seeds
    self.baselines = baselines
    self.makeDenoiser = makeDenoiser
    for sampler in samplers { _ = try restorer(sampler, seed: 0, batch: 1) }
  }

  /// One line of the result: one method on one input.
  public struct Row: Sendable, Equatable, Codable {
    /// What was restored, for people.
    public var data: String
    /// The strength of the degradation; nil where the input was given.
    public var level: Double?
    /// `input`, a sampler with its labels, or a classical method with its parameters.
    public var method: String
    /// Network evaluations per slice and seed; nil without a network.
    public var evaluations: Int?
    /// Wall-clock seconds per seed for all slices; nil for the input.
    public var seconds: Double?
    /// Slices measured.
    public var slices: Int
    /// Seeds that the figures are means of; nil without a network.
    public var seeds: Int?
    /// Mean over voxels of the standard deviation over seeds, in the volume's unit; nil for fewer than two seeds.
    public var seedSpread: Double?
    /// The figures.
    public var figures: RestorationFigures
  }

  /// Rows for an input and its truth: volumes of one frame and one shape, or for super-resolution a truth with slices
  /// between those of the input.
  ///
  /// Of a super-resolved volume the slices that were made are measured, and how the whole stack hangs together; its
  /// input is linear interpolation.
  /// `progress` is told before each method which one comes next; what it throws ends the work.
  public func rows(
    input: Volume, truth: Volume, data: String, level: Double? = nil, progress: (String) throws -> Void = { _ in }
  ) throws -> [Row] {
    // An input with gaps says which way it has them.
    let plane = SlicingPlane(for: card.task == .superResolve ? input : truth)
    let (input, truth) = (plane.arranged(input), plane.arranged(truth))
    let factor = try sliceFactor(input, truth, data)
    // Both must be finite numbers; whether the model is meant for them is the caller's choice here.
    _ = try InputCheck(truth, for: card)
    _ = try InputCheck(input, for: card)
    let transform = try IntensityTransform(IntensityRule(card.intensity), fitting: truth)
    let scene = Scene(
      input: Self.stack(try restorer(samplers[0], seed: 0, factor, batch: 1).inputOnOutputGrid(input)),
      truth: Self.stack(truth), window: transform.low...transform.high, data: data, level: level,
      made: card.task == .superResolve ? (0..<truth.slices).filter { $0 % factor != 0 } : nil)
    var rows = [scene.row(card.task == .superResolve ? "linear interpolation" : "input", output: scene.input)]
    if baselines {
      try progress("\(data): classical methods")
      rows += [
        Self.timed { ClassicalBaseline.gaussian(scene.input, truth: scene.truth, window: scene.window) },
        Self.timed { ClassicalBaseline.nonLocalMeans(scene.input, truth: scene.truth, window: scene.window) },
      ].compactMap { baseline, seconds in
        baseline.map { scene.row("\($0.description) (chosen on these slices)", output: $0.output, seconds: seconds) }
      }
    }
    let batch = try MemoryPlan(for: input, card: card, samples: 1, sliceFactor: factor, limit: nil).batch
    for sampler in samplers {
      rows.append(try row(sampler, input, scene, factor, batch) { try progress("\(data): \(sampler), \($0)") })
    }
    return rows
  }

  private func row(
    _ sampler: Sampler, _ input: Volume, _ scene: Scene, _ factor: Int, _ batch: Int, progress: (String) throws -> Void
  ) throws -> Row {
    var outputs: [Tensor] = []
    let begin = ContinuousClock.now
    for seed in seeds {
      let restorer = try restorer(sampler, seed: seed, factor, batch: batch)
      let total = try restorer.evaluations(on: input)
      let restoration = try restorer.restore(input) { try progress("seed \(seed), \($0) of \(total) evaluations") }
      outputs.append(restoration.voxels.reshaped(scene.truth.shape))
    }
    let seconds = (ContinuousClock.now - begin) / .seconds(1) / Double(seeds.count)
    let plan = try restorer(sampler, seed: 0, batch: 1).plan
    let labels = try SamplingOptions(sampler: sampler, steps: steps).labels(for: card)
    var row = scene.row("\(sampler) \(labels.name)", output: outputs[0], seconds: seconds)
    row.figures = RestorationFigures(averaging: outputs.map(scene.figures))
    row.evaluations = plan.nfe
    row.seeds = seeds.count
    row.seedSpread = SeedSpread.mean(outputs.map { $0.clamped(to: scene.window) })
    return row
  }

  private func restorer(_ sampler: Sampler, seed: UInt64, _ factor: Int = 2, batch: Int) throws -> VolumeRestorer {
    try VolumeRestorer(
      card: card, options: SamplingOptions(sampler: sampler, steps: steps, seed: seed, sliceFactor: factor),
      batch: batch, makeDenoiser: makeDenoiser)
  }

  /// How many steps between slices of the truth make one of the input.
  private func sliceFactor(_ input: Volume, _ truth: Volume, _ data: String) throws -> Int {
    guard input.frames == 1, truth.frames == 1, input.rows == truth.rows, input.columns == truth.columns else {
      throw PipelineError(
        .unsuitableInput, "\(data): input and truth differ in columns, rows or slices, or have frames; give a 3D pair")
    }
    guard card.task == .superResolve else {
      guard input.slices == truth.slices else {
        throw PipelineError(
          .unsuitableInput, "\(data): the input has \(input.slices) slices, the truth \(truth.slices); give a pair")
      }
      return 2
    }
    guard input.slices > 1 else { throw VolumeRestorer.noGap }
    guard let factor = [2, 4, 8, 16].first(where: { (input.slices - 1) * $0 + 1 == truth.slices }) else {
      throw PipelineError(
        .unsuitableInput,
        "\(data): \(truth.slices) slices of the truth do not lie at every half, quarter … of \(input.slices) of the input"
      )
    }
    return factor
  }

  /// The volumes of one comparison as stacks of slices.
  private struct Scene {
    let input: Tensor
    let truth: Tensor
    let window: ClosedRange<Double>
    let data: String
    let level: Double?
    /// The slices that were made, where others were given.
    let made: [Int]?

    func figures(_ output: Tensor) -> RestorationFigures {
      let whole = RestorationFigures(output: output, input: input, truth: truth, window: window)
      guard let made else { return whole }
      func part(_ stack: Tensor) -> Tensor { .concatenate(made.map { stack.slice($0..<$0 + 1) }) }
      var figures = RestorationFigures(output: part(output), input: part(input), truth: part(truth), window: window)
      figures.sliceDifference = whole.sliceDifference
      figures.errorFlicker = whole.errorFlicker
      figures.worstSlice = made[figures.worstSlice]
      return figures
    }

    func row(_ method: String, output: Tensor, seconds: Double? = nil) -> Row {
      Row(
        data: data, level: level, method: method, seconds: seconds, slices: made?.count ?? truth.shape[0],
        figures: figures(output))
    }
  }

  private static func stack(_ volume: Volume) -> Tensor {
    volume.voxels.reshaped(Array(volume.voxels.shape.dropFirst()))
  }

  private static func timed(_ work: () -> ClassicalBaseline?) -> (baseline: ClassicalBaseline?, seconds: Double) {
    let begin = ContinuousClock.now
    let baseline = work()
    return (baseline, (ContinuousClock.now - begin) / .seconds(1))
  }
}

extension Volume {
  /// The slices `range` as a volume of their own, its origin moved along.
  public func slices(_ range: Range<Int>) -> Volume {
    precondition(frames == 1 && range.lowerBound >= 0 && range.upperBound <= slices)
    var part = self
    part.voxels = voxels.reshaped([slices, rows, columns]).slice(range).reshaped([1, range.count, rows, columns])
    part.affine.rows = affine.rows.map { [$0[0], $0[1], $0[2], $0[3] + $0[2] * Double(range.lowerBound)] }
    return part
  }
}
