import Diffusion
import Models
import TensorCore
import TestSupport
import Testing

@testable import Training

@Suite struct DiffusionObjectiveTests {
  static func objective(_ prediction: String) throws -> DiffusionObjective {
    try DiffusionObjective(TrainingConfiguration(yaml: TinyTraining.yaml(prediction: prediction)))
  }

  static let batch = PatchBatch(
    conditions: PhiloxRandomSource(seed: 1).normal(shape: [3, 4, 4, 1]),
    targets: PhiloxRandomSource(seed: 2).normal(shape: [3, 4, 4, 1]))
  static let kinds = [
    "{kind: data, skip: condition, residualScale: 0.1}", "{kind: data, residualScale: 2}", "{kind: noise}",
    "{kind: velocity}",
  ]

  @Test func `labels come in mirrored pairs, and every label is drawn equally often`() throws {
    let objective = try Self.objective("{kind: noise}")
    var counts = Array(repeating: 0, count: 11)
    for step in 0..<2000 {
      let random = PhiloxRandomSource(seed: 5, stream: UInt64(step))
      let indices = objective.antitheticIndices(count: 16, random: random)
      #expect(indices.count == 16)
      // Nine are drawn, the other seven mirror the first seven.
      for k in 0..<7 where indices[9 + k] != 10 - indices[k] { Issue.record("sample \(9 + k) mirrors nothing") }
      for index in indices { counts[index] += 1 }
    }
    // Each count is about 32000 / 11 = 2909; mirrored pairs double the variance at most.
    #expect(counts.allSatisfy { abs($0 - 2909) < 5 * 76 })
    #expect(objective.antitheticIndices(count: 1, random: PhiloxRandomSource(seed: 1)).count == 1)
  }

  @Test(arguments: kinds) func `the loss of the perfect output is zero, and a perfect output restores the target`(
    kind: String
  ) throws {
    let objective = try Self.objective(kind)
    let noise = PhiloxRandomSource(seed: 3).normal(shape: [3, 4, 4, 1])
    let problem = objective.problem(Self.batch, indices: [0, 4, 10], noise: noise)
    #expect(objective.loss(problem.goal, problem).loss == 0)
    let x = problem.input.channels(1..<2)
    let prediction = objective.prediction(problem.goal, conditions: Self.batch.conditions)
    for (sample, label) in problem.labels.enumerated() {
      let data = prediction.data(of: x, at: objective.schedule.node(label)).slice(sample..<sample + 1).values
      let target = Self.batch.targets.slice(sample..<sample + 1).values
      // At label 999 the noise form multiplies rounding by 157.
      #expect(zip(data, target).allSatisfy { abs($0 - $1) < 1e-3 }, "label \(label)")
    }
    #expect(problem.input.channels(0..<1) == Self.batch.conditions)
  }

  @Test(arguments: kinds) func `the gradient agrees with finite differences`(kind: String) throws {
    let objective = try Self.objective(kind)
    let noise = PhiloxRandomSource(seed: 3).normal(shape: [3, 4, 4, 1])
    let problem = objective.problem(Self.batch, indices: [0, 4, 10], noise: noise)
    let output = PhiloxRandomSource(seed: 6).normal(shape: [3, 4, 4, 1])
    let gradient = objective.loss(output, problem).gradient
    for index in [0, 17, 47] {
      var up = output, down = output
      up[flat: index] += 0.01
      down[flat: index] -= 0.01
      let numeric = (objective.loss(up, problem).loss - objective.loss(down, problem).loss) / 0.02
      #expect(abs(numeric - Double(gradient[flat: index])) < 1e-3 * (1 + abs(numeric)))
    }
  }

  @Test func `losses are reduced as documented`() throws {
    let noise = Tensor(repeating: 0, shape: [3, 4, 4, 1])
    let ones = Tensor(repeating: 1, shape: [3, 4, 4, 1])
    // Every pixel is off by one: 16 per patch for noise, 1 for the mean forms.
    let eps = try Self.objective("{kind: noise}")
    #expect(eps.loss(ones, eps.problem(Self.batch, indices: [0, 1, 2], noise: noise)).loss == 16)
    let data = try Self.objective("{kind: data}")
    let problem = data.problem(Self.batch, indices: [0, 1, 2], noise: noise)
    let off = Tensor.linearCombination([(1, problem.goal), (1, ones)])
    #expect(abs(data.loss(off, problem).loss - 1) < 1e-6)
  }

  @Test func `PSNR of a known error is known`() {
    let a = Tensor(repeating: 0.5, shape: [2, 4, 4, 1]), b = Tensor(repeating: 0.3, shape: [2, 4, 4, 1])
    // 20 log10(2 / 0.2) = 20.
    #expect(abs(Trainer.psnr(a, b) - 20) < 1e-4)
  }
}
