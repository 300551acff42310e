import Diffusion
import Models
import TensorCore
import TestSupport
import Testing

@testable import Training

@Suite struct DiffusionObjectiveTests {
  static func objective(_ prediction: String, loss: String = "{}") throws -> DiffusionObjective {
    try DiffusionObjective(TrainingConfiguration(yaml: TinyTraining.yaml(prediction: prediction, loss: loss)))
  }

  /// Without an error in the guess.
  static func problem(_ objective: DiffusionObjective, indices: [Int], noise: Tensor) -> DiffusionObjective.Problem {
    objective.problem(batch, indices: indices, noise: noise, guessErrors: [0, 0, 0])
  }

  /// What a step draws, for guesses that have the errors of what the prediction starts from.
  static func drawn(_ objective: DiffusionObjective) -> DiffusionObjective.Problem {
    objective.problem(batch, seed: 1, step: 5) { _ in
      Issue.record("the network was asked for a guess")
      return batch.targets
    }
  }

  static let batch = PatchBatch(
    conditions: PhiloxRandomSource(seed: 1).normal(shape: [3, 4, 4, 1]),
    targets: PhiloxRandomSource(seed: 2).normal(shape: [3, 4, 4, 1]), inputErrors: [0.5, 2, 4],
    sliceDifferences: [0.5, 2, 4])
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
    let problem = Self.problem(objective, indices: [0, 4, 10], noise: noise)
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

  /// The gradient of a loss at some output, against central differences at three of its pixels.
  static func expectGradient(_ objective: DiffusionObjective, _ problem: DiffusionObjective.Problem) {
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

  @Test(arguments: kinds) func `the gradient agrees with finite differences`(kind: String) throws {
    let objective = try Self.objective(kind)
    let noise = PhiloxRandomSource(seed: 3).normal(shape: [3, 4, 4, 1])
    let problem = Self.problem(objective, indices: [0, 4, 10], noise: noise)
    Self.expectGradient(objective, problem)
  }

  @Test func `beyond the bend errors count by their size, and the gradient agrees`() throws {
    // The bend is told for the image, 0.2; the output is ten times the image's error.
    let objective = try Self.objective(Self.kinds[0], loss: "{linearBeyond: 0.2}")
    let problem = Self.problem(objective, indices: [0, 4, 10], noise: Tensor(repeating: 0, shape: [3, 4, 4, 1]))
    func loss(_ error: Float) -> Double {
      var output = problem.goal
      output.withUnsafeMutableBuffer { for i in $0.indices { $0[i] += error } }
      return objective.loss(output, problem).loss
    }
    // 2 · 2² (√(1 + (e/2)²) − 1): a square for small errors, 4|e| less 8 for large ones.
    #expect(abs(loss(0.02) / 0.0004 - 1) < 1e-4)
    #expect(abs(loss(5e-4) / 2.5e-7 - 1) < 1e-3)
    #expect(abs(loss(2) - 8 * (2.0.squareRoot() - 1)) < 1e-5)
    #expect(abs(loss(200) - loss(100) - 400) < 0.1)
    Self.expectGradient(objective, problem)
  }

  @Test func `losses are reduced as documented`() throws {
    let noise = Tensor(repeating: 0, shape: [3, 4, 4, 1])
    let ones = Tensor(repeating: 1, shape: [3, 4, 4, 1])
    // Every pixel is off by one: 16 per patch for noise, 1 for the mean forms.
    let eps = try Self.objective("{kind: noise}")
    #expect(eps.loss(ones, Self.problem(eps, indices: [0, 1, 2], noise: noise)).loss == 16)
    let data = try Self.objective("{kind: data}")
    let problem = Self.problem(data, indices: [0, 1, 2], noise: noise)
    let off = Tensor.linearCombination([(1, problem.goal), (1, ones)])
    #expect(abs(data.loss(off, problem).loss - 1) < 1e-6)
  }

  @Test func `relative losses of inputs as they come are one`() throws {
    let objective = try Self.objective(Self.kinds[0], loss: "{relativeToInput: true}")
    var batch = Self.batch
    batch.inputErrors = (0..<3).map { sample in
      let range = sample..<sample + 1
      return zip(batch.conditions.slice(range).values, batch.targets.slice(range).values).reduce(0) {
        $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) / 16
      }
    }
    let noise = PhiloxRandomSource(seed: 3).normal(shape: [3, 4, 4, 1])
    let problem = objective.problem(batch, indices: [0, 1, 2], noise: noise, guessErrors: [0, 0, 0])
    // A network that adds nothing leaves the whole error of every input.
    let nothing = Tensor(repeating: 0, shape: [3, 4, 4, 1])
    #expect(abs(objective.loss(nothing, problem).loss - 1) < 1e-5)
    for sample in 0..<3 {
      let one = objective.loss(nothing, problem).gradient.slice(sample..<sample + 1).values
      let goal = problem.goal.slice(sample..<sample + 1).values
      // d/do of Σ (o − g)² r² / (3·16·error) at o = 0.
      let factor = -2 * 0.01 / (48 * batch.inputErrors[sample])
      #expect(zip(one, goal).allSatisfy { abs(Double($0) - factor * Double($1)) < 1e-4 * abs(factor) })
    }
  }

  @Test func `a residual that follows the noise is as large as the noise that the network is told`() throws {
    let yaml = TinyTraining.yaml(
      prediction: "{kind: data, skip: condition, residualScale: 0.5, residualFollowsNoise: true}",
      loss: "{relativeToInput: true}"
    ).replacing("seed: 7", with: "noiseLevel: {scale: 5}\nseed: 7")
    let objective = try DiffusionObjective(TrainingConfiguration(yaml: yaml))
    let told: [Float] = [0.2, 1, 3]
    let channel = Tensor(told.flatMap { Array(repeating: $0, count: 16) }, shape: [3, 4, 4, 1])
    var batch = Self.batch
    batch.conditions = batch.conditions.concatenatingChannels(channel)
    let noise = PhiloxRandomSource(seed: 3).normal(shape: [3, 4, 4, 1])
    let problem = objective.problem(batch, indices: [0, 4, 10], noise: noise, guessErrors: [0, 0, 0])
    for i in 0..<48 {
      let residual = batch.targets.values[i] - Self.batch.conditions.values[i]
      #expect(abs(problem.goal.values[i] - residual / (0.5 * told[i / 16])) < 1e-4)
    }
    guard case .data(let data) = objective.prediction(problem.goal, conditions: batch.conditions) else {
      Issue.record("no data prediction")
      return
    }
    for (a, b) in zip(data.values, batch.targets.values) { #expect(abs(a - b) < 1e-5) }
    // The loss is still the error of the image, relative to that of the input.
    let nothing = Tensor(repeating: 0, shape: [3, 4, 4, 1])
    var expected = 0.0
    for i in 0..<48 {
      let residual = Double(batch.targets.values[i] - Self.batch.conditions.values[i])
      expected += residual * residual / batch.inputErrors[i / 16] / 48
    }
    #expect(abs(objective.loss(nothing, problem).loss - expected) < 1e-4)
  }

  @Test func `a guess with an error lies between the clean image and the condition, and leaves the goal alone`() throws
  {
    let objective = try Self.objective(Self.kinds[0], loss: "{guessError: 0.5}")
    let silence = Tensor(repeating: 0, shape: [3, 4, 4, 1])
    let problem = objective.problem(Self.batch, indices: [0, 4, 10], noise: silence, guessErrors: [0, 0.5, 1])
    let x = problem.input.channels(1..<2)
    let y = Self.batch.targets, c = Self.batch.conditions
    for (sample, share) in ([0, 0.5, 1] as [Float]).enumerated() {
      let a = Float(objective.schedule.signal(problem.labels[sample]))
      let range = sample * 16..<(sample + 1) * 16
      #expect(range.allSatisfy { abs(x.values[$0] - a * (y.values[$0] * (1 - share) + share * c.values[$0])) < 1e-6 })
    }
    #expect(problem.goal == Self.problem(objective, indices: [0, 4, 10], noise: silence).goal)
    // What a step draws: within the setting, one per patch, the same again.
    let drawn = Self.drawn(objective)
    let none = Self.drawn(try Self.objective(Self.kinds[0]))
    #expect(drawn.input != none.input && drawn.goal == none.goal && drawn.labels == none.labels)
    #expect(Self.drawn(objective).input == drawn.input)
    for sample in 0..<3 {
      let a = Float(objective.schedule.signal(drawn.labels[sample]))
      let shares = (sample * 16..<(sample + 1) * 16).map { i in
        (drawn.input.channels(1..<2).values[i] - none.input.channels(1..<2).values[i])
          / (a * (c.values[i] - y.values[i]))
      }
      // Where little of the image is in x, its rounding is large beside it.
      guard a > 0.5 else { continue }
      #expect(shares.allSatisfy { $0 > 0 && $0 < 0.5 && abs($0 - shares[0]) < 1e-3 })
    }
  }

  @Test func `a guess of the network's own is made from the step's noise and stands in the place of the start`() throws
  {
    let objective = try Self.objective(Self.kinds[1], loss: "{guessError: 1, guess: own}")
    let y = Self.batch.targets, guess = PhiloxRandomSource(seed: 3).normal(shape: y.shape)
    var seen: Tensor?
    let problem = objective.problem(Self.batch, seed: 1, step: 5) { noise in
      seen = noise
      return guess
    }
    let noise = try #require(seen)
    #expect(problem.goal == Self.drawn(try Self.objective(Self.kinds[1])).goal)
    var shares: [Float] = []
    for (sample, label) in problem.labels.enumerated() {
      let a = Float(objective.schedule.signal(label)), s = Float(objective.schedule.noise(label))
      let found = (sample * 16..<(sample + 1) * 16).map { i in
        let image = (problem.input.channels(1..<2).values[i] - s * noise.values[i]) / a
        return (image - y.values[i]) / (guess.values[i] - y.values[i])
      }
      guard a > 0.5 else { continue }
      #expect(found.allSatisfy { $0 >= 0 && $0 <= 1 && abs($0 - found[0]) < 1e-3 })
      shares.append(found[0])
    }
    #expect(Set(shares).count == shares.count && !shares.isEmpty)
  }

  @Test func `PSNR of a known error is known`() {
    let a = Tensor(repeating: 0.5, shape: [2, 4, 4, 1]), b = Tensor(repeating: 0.3, shape: [2, 4, 4, 1])
    // 20 log10(2 / 0.2) = 20.
    #expect(abs(Trainer.psnr(a, b) - 20) < 1e-4)
  }
}
