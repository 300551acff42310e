import Diffusion
import Evaluation
import Foundation
import Models
import Pipeline
import TensorCore
import Testing
import Volumes

@Suite("Model evaluation") struct ModelEvaluationTests {
  static let truth = testVolume(
    (0..<3 * 24 * 24).map { $0 % 24 < 10 ? -200 : 300 }, columns: 24, rows: 24, slices: 3)

  static let input: Volume = {
    var copy = truth
    let noise = PhiloxRandomSource(seed: 4).normal(shape: copy.voxels.shape)
    copy.voxels = .linearCombination([(1, copy.voxels), (50, noise)])
    return copy
  }()

  /// Halves the noise: the clean image is the mean of input and truth.
  func halving(samplers: [Sampler], seeds: [UInt64] = [0], baselines: Bool = false) throws -> ModelEvaluation {
    let clean = Tensor.linearCombination([(0.5, Self.truth.voxels), (0.5, Self.input.voxels)])
    return try ModelEvaluation(card: testCard(), samplers: samplers, seeds: seeds, baselines: baselines) { conditions in
      precondition(conditions.shape == [3, 24, 24, 1])
      return ClosedFormDenoiser(clean: Tensor.linearCombination([(0.001, clean)]).reshaped(conditions.shape))
    }
  }

  @Test("a model that halves the noise gains six decibels in every slice")
  func gain() throws {
    let rows = try halving(samplers: [.ddim, .pfdiff(k: 1, l: 1)])
      .rows(input: Self.input, truth: Self.truth, data: "edge", level: 0.5)
    #expect(rows.map(\.method) == ["input", "ddim uniform-10", "pfdiff-1_1 uniform-10"])
    #expect(rows.map(\.evaluations) == [nil, 11, 6])
    #expect(rows.allSatisfy { $0.data == "edge" && $0.level == 0.5 && $0.slices == 3 })
    #expect(rows[0].figures.psnrGain == 0 && rows[0].seconds == nil && rows[0].seeds == nil)
    for row in rows.dropFirst() {
      #expect(abs(row.figures.psnrGain - 6.0206) < 1e-2 && abs(row.figures.worstSliceGain - 6.0206) < 1e-2)
      #expect(abs(row.figures.noise / rows[0].figures.noise - 0.5) < 0.01)
      #expect(row.seeds == 1 && row.seedSpread == nil)
    }
  }

  @Test(
    "of a super-resolved volume the slices that were made are measured, beside linear interpolation", arguments: [2, 4])
  func superResolution(factor: Int) throws {
    let slices = 2 * factor + 1
    // Bent along the stack, so that straight lines between the given slices miss it.
    let bend = { (slice: Int) -> Float in Float(slice * slice) * 40 / Float(factor * factor) }
    let truth = testVolume(
      (0..<slices * 576).map { ($0 % 24 < 10 ? -200 : 300) + bend($0 / 576) }, columns: 24, rows: 24, slices: slices,
      spacing: [1, 1, 3 / Double(factor)])
    let given = Tensor.concatenate(
      (0..<3).map { truth.voxels.reshaped([slices, 24, 24]).slice($0 * factor..<$0 * factor + 1) })
    var affine = truth.affine
    for row in 0..<3 { affine.rows[row][2] *= Double(factor) }
    let input = Volume(voxels: given.reshaped([1, 3, 24, 24]), affine: affine, header: truth.header)
    let evaluation = try ModelEvaluation(
      card: testCard(task: .superResolve, conditions: 2), samplers: [.ddim], seeds: [0], baselines: false
    ) { conditions in
      ClosedFormDenoiser(
        clean: .linearCombination([(0.5, conditions.channels(0..<1)), (0.5, conditions.channels(1..<2))]))
    }
    let rows = try evaluation.rows(input: input, truth: truth, data: "bent")
    #expect(rows.map(\.method) == ["linear interpolation", "ddim uniform-10"])
    // The mean of neighbours is linear interpolation; kept slices, which have no error, do not count.
    #expect(rows.allSatisfy { $0.slices == 2 * (factor - 1) && $0.figures.psnr.isFinite })
    #expect(abs(rows[1].figures.psnrGain) < 1e-3 && abs(rows[1].figures.psnr - rows[0].figures.psnr) < 1e-3)
    #expect(rows[0].figures.worstSlice % factor != 0)
    var error = 0.0
    for slice in 0..<slices where slice % factor != 0 {
      let share = Float(slice % factor) / Float(factor), first = slice / factor * factor
      let miss = bend(slice) - (1 - share) * bend(first) - share * bend(first + factor)
      error += 20 * log10(2000 / Double(abs(miss))) / Double(2 * (factor - 1))
    }
    #expect(abs(rows[0].figures.psnr - error) < 1e-3)
    #expect { try evaluation.rows(input: truth, truth: truth, data: "bent") } throws: {
      ($0 as? PipelineError)?.kind == .unsuitableInput
    }
  }

  @Test("classical methods are measured beside the model when asked for")
  func baselines() throws {
    let rows = try halving(samplers: [.ddim], baselines: true)
      .rows(input: Self.input, truth: Self.truth, data: "edge")
    #expect(rows.count == 4)
    #expect(rows[1].method.hasPrefix("Gaussian blur") && rows[2].method.hasPrefix("non-local means"))
    #expect(rows[1].figures.psnrGain > 0 && rows[2].figures.psnrGain > rows[1].figures.psnrGain)
  }

  @Test("seeds that differ spread, and the spread is that of the sampler")
  func spread() throws {
    let evaluation = try ModelEvaluation(
      card: testCard(clampData: false), samplers: [.ddim], seeds: [0, 1, 2, 3, 4, 5], baselines: false
    ) { GaussianDenoiser(mean: $0, spread: 0.1) }
    let row = try evaluation.rows(input: Self.input, truth: Self.truth, data: "edge")[1]
    // 0.370 of 100 HU (ALGORITHMS 2.9), times 0.9515, the mean sample deviation of six normal values.
    let spread = try #require(row.seedSpread)
    #expect(abs(spread - 35.2) < 1.5, "\(spread)")
    #expect(row.seeds == 6)
  }

  @Test("pairs on different grids and samplers that the model cannot run are refused")
  func refusals() throws {
    let evaluation = try halving(samplers: [.ddim])
    #expect(throws: PipelineError.self) {
      try evaluation.rows(input: Self.input.slices(0..<2), truth: Self.truth, data: "edge")
    }
    // One slice has no gap to fill.
    let filling = try ModelEvaluation(
      card: testCard(task: .superResolve, conditions: 2), samplers: [.ddim], seeds: [0], baselines: false
    ) { ClosedFormDenoiser(clean: $0) }
    #expect(throws: PipelineError.self) {
      try filling.rows(input: Self.input.slices(0..<1), truth: Self.truth.slices(0..<1), data: "one")
    }
    #expect(throws: DiffusionError.self) {
      try ModelEvaluation(card: testCard(), samplers: [.ddim], steps: 3, seeds: [0], baselines: false) {
        ClosedFormDenoiser(clean: $0)
      }
    }
  }

  @Test("slices of a volume keep their place in space")
  func slices() {
    var volume = testVolume(scrambled(4 * 6), columns: 3, rows: 2, slices: 4, spacing: [1, 2, 5])
    volume.affine.rows[2][3] = -7
    let part = volume.slices(1..<3)
    #expect(part.voxels.shape == [1, 2, 2, 3])
    #expect(part.voxels.values == Array(volume.voxels.values[6..<18]))
    #expect(part.affine.position(of: [2, 1, 0]) == volume.affine.position(of: [2, 1, 1]))
  }
}
