import Configuration
import Foundation
import Models
import TensorCore
import TestSupport
import Testing

@testable import Training

@Suite struct SliceDetailLossTests {
  /// One patch whose output is off by `error` from one that would be perfect; returns the loss and the gradient.
  static func loss(
    _ error: Tensor, truth: Tensor, typical: Double, scale: Float = 1, earlier: Int? = nil
  ) -> (loss: Double, gradient: Tensor) {
    var gradient = Tensor(repeating: 0, shape: error.shape)
    let difference = SliceDetailLoss.Difference(
      later: earlier == nil ? 0 : 1, earlier: earlier, truth: truth, typical: typical, scale: scale)
    let pixels = Double(truth.count)
    let loss = SliceDetailLoss(weight: 2).add(
      [difference], errors: error, weights: [1 / pixels, 1 / pixels], to: &gradient)
    return (loss, gradient)
  }

  @Test func `the loss of a block is the divergence of its energy from the truth's`() {
    // True differences of 2 everywhere, predicted ones of 3: q = 4, p = 9.
    let truth = Tensor(repeating: 2, shape: [1, 16, 16, 1])
    let off = Self.loss(Tensor(repeating: 1, shape: [1, 16, 16, 1]), truth: truth, typical: 5)
    #expect(abs(off.loss - 2 * 5 * (log(14.0 / 9) + 9.0 / 14 - 1)) < 1e-6)
    // The same energy, though every sign is wrong.
    let mirrored = Self.loss(Tensor(repeating: -4, shape: [1, 16, 16, 1]), truth: truth, typical: 5)
    #expect(abs(mirrored.loss) < 1e-6 && mirrored.gradient.values.allSatisfy { abs($0) < 1e-9 })
    // In units of the output, a tenth of the image's: the error is ten times as large, its weight a hundredth.
    let scaled = Self.loss(Tensor(repeating: 10, shape: [1, 16, 16, 1]), truth: truth, typical: 5, scale: 0.1)
    #expect(abs(scaled.loss - 100 * off.loss) < 1e-4)
  }

  @Test func `blocks are judged one by one, the narrow ones at the edge by their own size`() {
    // 20 × 20 pixels are four blocks, of which only the second, at the right edge, is wrong.
    let truth = Tensor(repeating: 1, shape: [1, 20, 20, 1])
    var error = Tensor(repeating: 0, shape: [1, 20, 20, 1])
    for row in 0..<16 { error[flat: row * 20 + 18] = 1 }
    let (loss, gradient) = Self.loss(error, truth: truth, typical: 1)
    // The second block has 64 pixels, of which 16 are 2: p = 1.75.
    #expect(abs(loss - 2 * 64.0 / 400 * (log(2.75 / 2) + 2 / 2.75 - 1)) < 1e-7)
    for i in 0..<400 { #expect((gradient[flat: i] != 0) == (i / 20 < 16 && i % 20 >= 16)) }
  }

  @Test func `the best energy is the mean of those that are possible`() {
    // Truths of energy 1 and 3 for one prediction: the slopes cancel at 2, and nowhere beside it.
    func slope(at energy: Double) -> Float {
      [1.0, 3.0].reduce(0) { sum, goal in
        let truth = Tensor(repeating: Float(goal.squareRoot()), shape: [1, 16, 16, 1])
        let error = Tensor(repeating: Float(energy.squareRoot() - goal.squareRoot()), shape: truth.shape)
        return sum + Self.loss(error, truth: truth, typical: 0.7).gradient[flat: 0]
      }
    }
    #expect(abs(slope(at: 2)) < 1e-8)
    #expect(slope(at: 1.9) < -1e-5 && slope(at: 2.1) > 1e-5)
  }

  @Test func `of a pair both slices move, against each other`() {
    let truth = PhiloxRandomSource(seed: 4).normal(shape: [1, 16, 16, 1])
    let error = PhiloxRandomSource(seed: 5).normal(shape: [2, 16, 16, 1])
    let (loss, gradient) = Self.loss(error, truth: truth, typical: 1, earlier: 0)
    let single = Self.loss(
      Tensor.linearCombination([(1, error.slice(1..<2)), (-1, error.slice(0..<1))]), truth: truth, typical: 1)
    #expect(abs(loss - single.loss) < 1e-6)
    #expect(gradient.slice(1..<2).values == single.gradient.values)
    #expect(gradient.slice(0..<1).values == single.gradient.values.map { -$0 })
  }

  @Test func `a scan without differences asks for none`() {
    let nothing = Tensor(repeating: 0, shape: [1, 16, 16, 1])
    let (loss, gradient) = Self.loss(Tensor(repeating: 1, shape: nothing.shape), truth: nothing, typical: 0)
    #expect(loss == 0 && gradient.values.allSatisfy { $0 == 0 })
  }

  /// A configuration whose loss looks at the differences of slices.
  static func configuration(_ prediction: String, superResolve: Bool = false, after: Int = 0) throws
    -> TrainingConfiguration
  {
    var yaml = TinyTraining.yaml(prediction: prediction, loss: "{sliceDetail: 3, sliceDetailAfter: \(after)}")
    if superResolve {
      yaml = yaml.replacing("task: denoise", with: "task: super-resolve\nconditionSlices: [0, 1]")
        .replacing("{kind: rician, levels: [0.05, 0.1]}", with: "{kind: thick-slices, levels: [2]}")
        .replacing("slices: 1-2", with: "slices: 0-2").replacing("slices: 4-5", with: "slices: 3-5")
    }
    return try TrainingConfiguration(yaml: yaml)
  }

  @Test func `noise predictions and scans of one slice are refused`() {
    #expect {
      _ = try Self.configuration("{kind: velocity}")
    } throws: { ($0 as? ConfigurationError)?.description.contains("sliceDetail needs a data prediction") == true }
    let one = TinyTraining.yaml(loss: "{sliceDetail: 3}").replacing("slices: 1-2", with: "slices: 1-1")
    #expect {
      _ = try TrainingConfiguration(yaml: one)
    } throws: { ($0 as? ConfigurationError)?.description.contains("two slices or more of b.nii") == true }
  }

  @Test func `a trainer that compares slices sees them in pairs`() throws {
    try withTemporaryFolder { folder in
      let configuration = try Self.configuration("{kind: data, skip: condition, residualScale: 0.1}")
      let trainer = try Trainer(
        configuration, dataset: TinyTraining.dataset(configuration, in: TinyTraining.folder(folder)))
      // All slices of a made-up scan are alike, so those of a pair are, and other places are not.
      let targets = trainer.batch(1).targets
      #expect(targets.slice(0..<1).values == targets.slice(1..<2).values)
      #expect(targets.slice(2..<3).values == targets.slice(3..<4).values)
      #expect(targets.slice(0..<1).values != targets.slice(2..<3).values)
      var state = trainer.initialState
      #expect(trainer.step(&state).loss.isFinite && state.parameters != trainer.initialState.parameters)
    }
  }

  @Test func `slices are compared after the steps that are said, and until then training is as without`() throws {
    try withTemporaryFolder { folder in
      let kind = "{kind: data, skip: condition, residualScale: 0.1}"
      let late = try Self.configuration(kind, after: 2)
      let never = try TrainingConfiguration(yaml: TinyTraining.yaml(prediction: kind))
      let data = try TinyTraining.dataset(late, in: TinyTraining.folder(folder))
      let trainers = [try Trainer(late, dataset: data), try Trainer(never, dataset: data)]
      var states = trainers.map(\.initialState)
      for step in 1...3 {
        for k in 0...1 { _ = trainers[k].step(&states[k]) }
        #expect((states[0].parameters == states[1].parameters) == (step <= 2))
      }
    }
  }

  @Test(arguments: [
    ("{kind: data, residualScale: 0.5}", false), ("{kind: data, skip: condition, residualScale: 0.1}", false),
    ("{kind: data, skip: condition, residualScale: 0.1}", true),
  ])
  func `the whole loss sees the differences of the images, and its gradient agrees with finite differences`(
    prediction: String, superResolve: Bool
  ) throws {
    let objective = try DiffusionObjective(Self.configuration(prediction, superResolve: superResolve))
    #expect(objective.comparison(at: 1) == (superResolve ? .neighbours : .pairs))
    let random = PhiloxRandomSource(seed: 8)
    let batch = PatchBatch(
      conditions: random.normal(shape: [4, 8, 8, superResolve ? 2 : 1]),
      targets: PhiloxRandomSource(seed: 9).normal(shape: [4, 8, 8, 1]), inputErrors: [1, 1, 1, 1],
      sliceDifferences: [0.5, 0.5, 2, 2])
    let problem = objective.problem(batch, seed: 3, step: 4) { _ in batch.targets }
    #expect(problem.differences.map(\.later) == (superResolve ? [0, 1, 2, 3] : [1, 3]))
    #expect(problem.differences.map(\.typical) == (superResolve ? [0.5, 0.5, 2, 2] : [0.5, 2]))
    if !superResolve { #expect(problem.labels[0] == problem.labels[1] && problem.labels[2] == problem.labels[3]) }
    // The truth: the difference of two slices, or what a slice has beyond the mean of those beside it.
    for difference in problem.differences {
      for i in 0..<64 {
        let own = batch.targets[flat: difference.later * 64 + i]
        let beside =
          difference.earlier.map { batch.targets[flat: $0 * 64 + i] }
          ?? (batch.conditions[flat: (difference.later * 64 + i) * 2]
            + batch.conditions[flat: (difference.later * 64 + i) * 2 + 1]) / 2
        #expect(abs(difference.truth[flat: i] - (own - beside)) < 1e-5)
      }
    }
    #expect(objective.loss(problem.goal, problem).loss == 0)
    let output = PhiloxRandomSource(seed: 6).normal(shape: [4, 8, 8, 1])
    let gradient = objective.loss(output, problem).gradient
    var plain = problem
    plain.differences = []
    #expect(objective.loss(output, problem).loss > objective.loss(output, plain).loss + 1e-3)
    for index in [0, 77, 200] {
      var up = output, down = output
      up[flat: index] += 0.01
      down[flat: index] -= 0.01
      let numeric = (objective.loss(up, problem).loss - objective.loss(down, problem).loss) / 0.02
      #expect(abs(numeric - Double(gradient[flat: index])) < 2e-3 * (0.01 + abs(numeric)))
    }
  }
}
