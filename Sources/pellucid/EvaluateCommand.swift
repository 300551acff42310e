import ArgumentParser
import Diffusion
import Evaluation
import Foundation
import Models
import Pipeline
import TensorCore
import Training
import Transforms
import Volumes

/// `pellucid evaluate`.
struct EvaluateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate",
    abstract: "Measure a model on scans whose truth is known.",
    discussion: """
      Each clean scan is degraded as the model's card says, at each level, and restored; the result is compared with the \
      clean scan inside the model's intensity window. With --input the degraded scan is given instead; for super-resolution \
      one whose slices are every second, fourth … of --data. There the slices that were made are measured, beside linear \
      interpolation. Gaussian blur and non-local means choose their parameters on the very slices that are measured, which favours them.

      Columns: PSNR (dB) and SSIM are means over slices; gain is PSNR over the input's, worst the smallest gain of any \
      slice (these and PSNR without slices whose input is the truth already); MAE in the scan's unit. sharp is the mean \
      gradient as a multiple of the truth's, edges the share of the truth's gradients that is kept. slices is the squared difference of neighbouring slices as a multiple of the truth's; flicker \
      the share of the error that changes from slice to slice (1: drawn anew in each). spread is the standard deviation \
      over seeds. PSNR rewards smooth results: read it together with sharp, edges and spread.
      """)

  @Option(name: [.short, .long], help: "The model: a name or a file.")
  var model: String
  @Option(help: "A clean scan; may be given several times.")
  var data: [String]
  @Option(
    help: ArgumentHelp(
      "Slices to measure, such as 38-47 (counted from 0, as the model sees them): once for all scans or once per scan.",
      valueName: "range"))
  var slices: [SliceRange] = []
  @Option(
    within: 1...100_000,
    help: ArgumentHelp("At most so many slices per scan, from the middle of the range.", valueName: "count"))
  var limit: Int?
  @Option(
    help: "The degraded scan for each --data instead of degrading it here: on the same grid, or with fewer slices.")
  var input: [String] = []
  @Flag(help: "Take pairs of --input and --data that lie in different places voxel by voxel.")
  var ignoreGeometry = false
  @Option(
    help: ArgumentHelp("Strengths of the degradation, such as 0.25,0.1 (default: the card's).", valueName: "list"))
  var levels: Levels?
  @Option(within: 0...UInt64.max, help: "Seed of the degradation.")
  var degradationSeed: UInt64 = 1
  @Option(within: 1...1000, help: ArgumentHelp("Seeds to sample with: 0 up to this many.", valueName: "count"))
  var seeds = 1
  @Option(help: ArgumentHelp("Samplers, such as ddim,pfdiff-1_1.", valueName: "list"))
  var samplers: Samplers = Samplers(samplers: [.ddim])
  @Option(within: 1...1000, help: "The K of the label set (default: the model's own).")
  var steps: Int?
  @Flag(inversion: .prefixedNo, help: "Measure Gaussian blur and non-local means too (denoising only).")
  var baselines = true
  @Option(within: threadCounts, help: "Threads; 0 for one per processor. Results do not depend on it.")
  var threads = 0
  @Flag(help: "Print JSON instead of a table.")
  var json = false

  func validate() throws {
    guard !data.isEmpty else { throw ValidationError("Give at least one clean scan with --data.") }
    guard slices.count <= 1 || slices.count == data.count else {
      throw ValidationError("Give --slices once, or once for each --data.")
    }
    guard input.isEmpty || input.count == data.count else {
      throw ValidationError("Give --input once for each --data.")
    }
    guard !ignoreGeometry || !input.isEmpty else {
      throw ValidationError("--ignore-geometry is for pairs: give --input.")
    }
    guard input.isEmpty || levels == nil else { throw ValidationError("--levels and --input exclude each other.") }
  }

  func run() async throws {
    ComputeSettings.apply(threads: threads)
    let file = try PackedModel.read(SettingsInForce.model(model))
    let evaluation = try ModelEvaluation(
      card: file.card, samplers: samplers.samplers, steps: steps, seeds: (0..<UInt64(seeds)).map { $0 },
      baselines: baselines && file.card.task == .denoise
    ) { ConditionedDenoiser(file, conditions: $0) }
    let reporter = EvaluationReporter()
    var rows: [ModelEvaluation.Row] = []
    for index in data.indices {
      for scene in try scenes(index, card: file.card, reporter) {
        rows += try evaluation.rows(
          input: scene.input, truth: scene.truth, data: scene.name, level: scene.level, progress: reporter.tell)
      }
    }
    reporter.finish()
    print(json ? try EvaluationReport(file, rows).json() : EvaluationReport(file, rows).table())
  }

  private typealias Scene = (input: Volume, truth: Volume, name: String, level: Double?)

  /// The degraded forms of one scan, with the slices that are measured.
  private func scenes(_ index: Int, card: ModelCard, _ reporter: EvaluationReporter) throws -> [Scene] {
    let url = URL(fileURLWithPath: data[index])
    // As the network sees it: of a scan that is stored in another way, those are other slices.
    let stored = try VolumeFile.read(url)
    let given = try input.isEmpty ? nil : VolumeFile.read(URL(fileURLWithPath: input[index]))
    if let given, card.task == .superResolve { return [try gaps(given, in: stored, name(index))] }
    let plane = SlicingPlane(for: stored)
    let whole = plane.arranged(stored)
    let chosen = slices.isEmpty ? nil : slices[slices.count == 1 ? 0 : index]
    let range = try range(chosen, of: whole, named: url.lastPathComponent)
    let truth = whole.slices(range)
    let name = "\(name(index)) \(range.lowerBound)-\(range.upperBound - 1)"
    if let given {
      try GridAgreement.check(
        given, named: URL(fileURLWithPath: input[index]).lastPathComponent, against: stored,
        named: url.lastPathComponent,
        ignoringGeometry: ignoreGeometry)
      return [(plane.arranged(given).slices(range), truth, name, nil)]
    }
    guard let record = card.degradation else {
      throw PipelineError(
        .usage, "the card of \(card.name) does not say how its inputs were degraded; give degraded scans with --input")
    }
    return try (levels?.values ?? record.levels).map { level in
      try reporter.tell("\(name): \(record.kind) at \(level)")
      let degradation = try Degradation(record, level: level)
      let degraded = try degradation.apply(to: truth, seed: degradationSeed)
      if case .thickSlices(let thick) = degradation {
        // What the scanner would have seen at and between its slices.
        let between = ThickSlices.overlapping(truth, thickness: thick.factor)
        return (degraded, between.slices(0..<(degraded.slices - 1) * thick.factor + 1), name, level)
      }
      return (degraded, truth, name, level)
    }
  }

  /// What a scan is called: as it was given where another has the same name.
  private func name(_ index: Int) -> String {
    let names = data.map { URL(fileURLWithPath: $0).lastPathComponent }
    return names.count { $0 == names[index] } == 1 ? names[index] : data[index]
  }

  /// A scan and one with slices between its own, cut as it is.
  private func gaps(_ given: Volume, in truth: Volume, _ name: String) throws -> Scene {
    guard slices.isEmpty, limit == nil else {
      throw PipelineError(
        .usage, "--slices and --limit do not go with --input for super-resolution: cut both scans beforehand")
    }
    let plane = SlicingPlane(for: given)
    let (given, between) = (plane.arranged(given), plane.arranged(truth))
    if !ignoreGeometry { try Self.checkPlace(given, in: between, named: name) }
    return (given, between, "\(name) 0-\(between.slices - 1)", nil)
  }

  /// Refuses a scan that does not lie where the truth does; thick slices may lie in the middle of what they are means of.
  private static func checkPlace(_ given: Volume, in truth: Volume, named name: String) throws {
    guard given.slices > 1 else { return }
    let factor = Double(truth.slices - 1) / Double(given.slices - 1)
    let expected = Affine(rows: truth.affine.rows.map { [$0[0], $0[1], $0[2] * factor, $0[3]] })
    let shift = given.affine.largestShift(from: expected, over: given.dimensions)
    guard shift <= factor / 2 * truth.affine.spacing[2] + 0.01 * (truth.affine.spacing.min() ?? 0) else {
      throw PipelineError(
        .unsuitableInput,
        "the input for \(name) lies elsewhere, up to \(String(format: "%.3g", shift)) mm apart: give a pair, or "
          + "--ignore-geometry")
    }
  }

  private func range(_ chosen: SliceRange?, of volume: Volume, named name: String) throws -> Range<Int> {
    guard volume.frames == 1 else {
      throw PipelineError(.unsuitableInput, "\(name) has \(volume.frames) frames; evaluate takes 3D volumes")
    }
    let range = chosen.map { $0.first..<$0.last + 1 } ?? 0..<volume.slices
    guard range.upperBound <= volume.slices else {
      throw PipelineError(
        .usage,
        "\(name) has slices 0-\(volume.slices - 1), --slices asks for \(range.lowerBound)-\(range.upperBound - 1)")
    }
    guard let limit, limit < range.count else { return range }
    let first = range.lowerBound + (range.count - limit) / 2
    return first..<first + limit
  }
}

/// Slices as `FIRST-LAST` or one number, counted from 0.
struct SliceRange: ExpressibleByArgument {
  let first: Int
  let last: Int

  init?(argument: String) {
    let ends = argument.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
    guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1], first >= 0, last >= first,
      last < Int.max
    else { return nil }
    (self.first, self.last) = (first, last)
  }
}

/// Numbers with commas between them.
struct Levels: ExpressibleByArgument {
  let values: [Double]

  init?(argument: String) {
    let values = argument.split(separator: ",", omittingEmptySubsequences: false).map { Double($0) }
    guard !values.isEmpty, values.allSatisfy({ $0?.isFinite == true }) else { return nil }
    self.values = values.compactMap { $0 }
  }
}

/// Samplers with commas between them.
struct Samplers: ExpressibleByArgument {
  let samplers: [Sampler]

  init(samplers: [Sampler]) { self.samplers = samplers }

  init?(argument: String) {
    let names = argument.split(separator: ",", omittingEmptySubsequences: false)
    guard let samplers = try? names.map({ try Sampler(parsing: String($0)) }) else { return nil }
    self.samplers = samplers
  }

  var defaultValueDescription: String { samplers.map(\.description).joined(separator: ",") }
}

/// Tells people on stderr what is being done: on a terminal one line that is rewritten, otherwise nothing.
private struct EvaluationReporter {
  private let terminal = isatty(STDERR_FILENO) == 1

  func tell(_ what: String) throws {
    if terminal { Terminal.put("\r\u{1B}[K\(what)") }
  }

  func finish() {
    if terminal { Terminal.put("\r\u{1B}[K") }
  }
}
