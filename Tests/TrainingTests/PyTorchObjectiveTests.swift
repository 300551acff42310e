import Diffusion
import Foundation
import Models
import TensorCore
import Testing

@testable import Training

/// The training objective against that of Workflows/pytorch, whose gradients are PyTorch's own
/// (`Fixtures/make_fixtures.py`).
@Suite struct PyTorchObjectiveTests {
  /// One of the script's cases, as a configuration file would say it.
  struct Case: Sendable, CustomTestStringConvertible {
    var name: String
    var prediction: String
    var loss = "{}"
    var changes: [(String, String)] = []
    var seen = 1
    var isOwnGuess = false

    var testDescription: String { name }
  }

  static let skip = "{kind: data, skip: condition, residualScale: 0.1}"
  static let cases = [
    Case(name: "noise", prediction: "{kind: noise, clampData: true}"),
    Case(name: "velocity", prediction: "{kind: velocity}"),
    Case(name: "relative", prediction: skip, loss: "{relativeToInput: true, guessError: 1}"),
    Case(
      name: "follows-noise",
      prediction: "{kind: data, skip: condition, residualScale: 0.1, residualFollowsNoise: true}",
      loss: "{relativeToInput: true}", changes: [("task: denoise", "task: denoise\nnoiseLevel: {scale: 1}")], seen: 2),
    Case(
      name: "own-guess", prediction: "{kind: data, residualScale: 0.5}",
      loss: "{guessError: 1, guess: own, linearBeyond: 0.02}", isOwnGuess: true),
    Case(
      name: "intensity-map", prediction: "{kind: data, skip: intensity-map, residualScale: 0.2}",
      loss: "{guessError: 1}",
      changes: [
        ("task: denoise", "task: translate"), ("degradation: {kind: rician, levels: [0.05, 0.1]}", ""),
        (".nii, ", ".nii, condition: c.nii, "),
      ]),
    Case(name: "pairs", prediction: skip, loss: "{sliceDetail: 10}"),
    Case(
      name: "neighbours", prediction: skip, loss: "{relativeToInput: true, sliceDetail: 20}",
      changes: [
        ("task: denoise", "task: super-resolve"),
        ("{kind: rician, levels: [0.05, 0.1]}", "{kind: thick-slices, levels: [2]}"), ("slices: 1-2", "slices: 0-2"),
        ("slices: 4-5", "slices: 3-5"),
      ], seen: 2),
  ]
  static let positions = [0, 0, 7, 7]

  private static func objective(_ one: Case) throws -> DiffusionObjective {
    let yaml = one.changes.reduce(TinyTraining.yaml(prediction: one.prediction, loss: one.loss)) {
      $0.replacing($1.0, with: $1.1)
    }
    var configuration = try TrainingConfiguration(yaml: yaml)
    if configuration.prediction.skip == .intensityMap {
      configuration.prediction.intensityMap = [-1, 0.5, -0.25, 0, 1]
    }
    configuration.labelWeights = (0..<11).map { 1 + 0.5 * Double($0) }
    return try DiffusionObjective(configuration)
  }

  /// `[n, c, h, w]` as `[n, h, w, c]`.
  private static func channelsLast(_ tensor: Tensor) -> Tensor {
    let (n, c, pixels) = (tensor.shape[0], tensor.shape[1], tensor.shape[2] * tensor.shape[3])
    var out = Tensor(uninitialized: [n, tensor.shape[2], tensor.shape[3], c])
    for i in 0..<n {
      for channel in 0..<c {
        for pixel in 0..<pixels {
          out[flat: (i * pixels + pixel) * c + channel] = tensor[flat: (i * c + channel) * pixels + pixel]
        }
      }
    }
    return out
  }

  private static func expectEqual(_ a: Tensor, _ b: Tensor, _ what: String) {
    let largest = b.values.map { abs($0) }.max() ?? 0
    let difference = zip(a.values, b.values).map { abs($0 - $1) }.max() ?? .infinity
    #expect(a.shape == b.shape && difference < 1e-5 * largest, "\(what): \(difference) of \(largest)")
  }

  @Test(arguments: cases) func `what a step asks, the loss and its gradient equal PyTorch's`(one: Case) throws {
    let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Fixtures/objective.safetensors")
    let stored = try SafetensorsFile(url).tensors()
    func tensor(_ name: String) throws -> Tensor { Self.channelsLast(try #require(stored[name])) }
    let conditions = try tensor(one.name == "follows-noise" ? "told" : "conditions").channels(0..<one.seen)
    let batch = PatchBatch(
      conditions: conditions, targets: try tensor("targets"), inputErrors: [0.5, 0.5, 2, 2],
      sliceDifferences: [0.25, one.name == "neighbours" ? 0 : 0.25, 1, 1])
    let objective = try Self.objective(one)
    var problem = objective.problem(
      batch, indices: Self.positions, noise: try tensor("noise"),
      guessErrors: objective.settings.guessError > 0 ? [0, 0.25, 0.5, 1] : [0, 0, 0, 0],
      guess: one.isOwnGuess ? try tensor("own") : nil)
    problem.differences = objective.differences(in: batch, objective.comparison(at: 1))
    let noisy = problem.input.channels(one.seen..<one.seen + 1)
    Self.expectEqual(noisy, try tensor("\(one.name).noisy"), "noisy images")
    let output = try tensor("output")
    let result = objective.loss(output, problem)
    let loss = Double(try #require(stored["\(one.name).loss"])[flat: 0])
    #expect(abs(result.loss - loss) < 1e-5 * loss)
    Self.expectEqual(result.gradient, try tensor("\(one.name).gradient"), "gradient")
    // And what an output stands for, where the label is far from both ends.
    let last = conditions.slice(2..<4)
    let data = objective.prediction(output.slice(2..<4), conditions: last)
      .data(of: noisy.slice(2..<4), at: objective.schedule.node(objective.labels.labels[7])).clamped(to: -1...1)
    Self.expectEqual(data, try tensor("\(one.name).data"), "data")
  }
}
