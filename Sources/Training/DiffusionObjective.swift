import Diffusion
import Models
import TensorCore

/// The training loss of a conditional diffusion model, and its gradient with respect to the network's output.
///
/// With x = a·y + s·ε for a clean image y (ALGORITHMS 2.3 and 12), B patches of P pixels and label weights w:
///
/// - noise: (1/B) Σ w (ε − output)², summed over pixels, as in the published code;
/// - data: (1/BP) Σ w ((y − skip)/r − output)², which is the mean squared error of D = skip + r·output divided by r²,
///   so that the loss starts near 1 whatever the residual scale r, which may follow the noise that the network is told;
/// - velocity: (1/BP) Σ w (a·ε − s·y − output)².
///
/// For data predictions a configuration may divide each patch's squared error by that of its scan's input, so that the
/// loss starts at 1 for every scan, may put an imperfect guess in the place of y within x, and may let large errors count
/// by their size rather than its square (`LossSettings`).
struct DiffusionObjective: Sendable {
  let labels: LabelSet
  let schedule: NoiseSchedule
  let prediction: PredictionRecord
  let conditions: ConditionSlices
  /// One per label.
  let weights: [Double]
  let settings: TrainingConfiguration.LossSettings
  /// How slices are compared once they are.
  private let comparison: Comparison

  /// What a slice is compared with.
  enum Comparison {
    case none
    /// The mean of the slices beside it, between which it is made.
    case neighbours
    /// The slice before it: every second patch shows the slice after the one before it.
    case pairs
  }

  init(_ configuration: TrainingConfiguration) throws {
    labels = try LabelSet(named: configuration.labelSet)
    schedule = try NoiseSchedule(configuration.schedule)
    prediction = configuration.prediction
    conditions = configuration.conditions
    weights = configuration.labelWeights ?? labels.labels.map { _ in 1 }
    settings = configuration.loss
    comparison = settings.sliceDetail == 0 ? .none : configuration.task == .superResolve ? .neighbours : .pairs
  }

  /// What slices are compared with at a step (the first is 1).
  func comparison(at step: Int) -> Comparison { step > settings.sliceDetailAfter ? comparison : .none }

  /// Positions in the label set for a batch: ⌊B/2⌋ + 1 drawn uniformly, then their mirror images, cut to B.
  func antitheticIndices(count: Int, random: PhiloxRandomSource) -> [Int] {
    let total = labels.labels.count
    let drawn = (0..<count / 2 + 1).map { random.integer(below: total, at: UInt64($0)) }
    return Array((drawn + drawn.map { total - 1 - $0 }).prefix(count))
  }

  /// What a training step feeds to the network and compares its output with.
  struct Problem {
    /// `[B, h, w, conditions + 1]`, conditions first.
    var input: Tensor
    /// One timestep label per patch.
    var labels: [Int]
    /// What the output should be, `[B, h, w, 1]`.
    var goal: Tensor
    /// One weight per patch, the reduction over pixels and batch included.
    var weights: [Double]
    /// For each patch, the error of the output from which on it counts by its size; empty where squares count throughout.
    var bends: [Float] = []
    /// Where slices are compared with their neighbours; empty where they are not.
    var differences: [SliceDetailLoss.Difference] = []
  }

  /// The problem of one batch; the labels and the noise depend on the seed and the step alone.
  ///
  /// `own` says what the network predicts from noise alone, where guesses have its errors.
  func problem(_ batch: PatchBatch, seed: UInt64, step: Int, own: (_ noise: Tensor) -> Tensor) -> Problem {
    let count = batch.targets.shape[0]
    let random = PhiloxRandomSource(seed: seed, stream: TrainingStream.labels.stream(step))
    // Slices that are compared are sampled together, at one label.
    let comparison = comparison(at: step)
    let indices =
      comparison == .pairs
      ? antitheticIndices(count: count / 2, random: random).flatMap { [$0, $0] }
      : antitheticIndices(count: count, random: random)
    let noise = PhiloxRandomSource(seed: seed, stream: TrainingStream.noise.stream(step)).normal(
      shape: batch.targets.shape)
    let shares = PhiloxRandomSource(seed: seed, stream: TrainingStream.guesses.stream(step))
    let errors = (0..<count).map { Float(settings.guessError * shares.uniform(at: UInt64($0))) }
    var problem = problem(
      batch, indices: indices, noise: noise, guessErrors: errors, guess: settings.guess == .own ? own(noise) : nil)
    problem.differences = differences(in: batch, comparison)
    return problem
  }

  /// The problem of given label positions, noise `[B, h, w, 1]` and, one per patch, shares γ of a guess's error; the guess
  /// is what the prediction starts from if none is given.
  func problem(
    _ batch: PatchBatch, indices: [Int], noise: Tensor, guessErrors: [Float], guess: Tensor? = nil
  ) -> Problem {
    let count = batch.targets.shape[0]
    let pixels = batch.targets.count / count
    let visited = indices.map { labels.labels[$0] }
    var noisy = Tensor(uninitialized: batch.targets.shape)
    var goal = Tensor(uninitialized: batch.targets.shape)
    let skip = prediction.start(from: batch.conditions, conditions)
    let guesses = Self.guesses(batch.targets, guess ?? skip, guessErrors)
    let scales = prediction.residualScales(of: batch.conditions)
    for (sample, label) in visited.enumerated() {
      let a = Float(schedule.signal(label)), s = Float(schedule.noise(label))
      let inverse = 1 / scales[sample]
      let range = sample * pixels..<(sample + 1) * pixels
      noise.withUnsafeBuffer { e in
        guesses.withUnsafeBuffer { guess in
          noisy.withUnsafeMutableBuffer { x in
            for i in range { x[i] = a * guess[i] + s * e[i] }
          }
        }
        batch.targets.withUnsafeBuffer { y in
          goal.withUnsafeMutableBuffer { g in
            switch prediction.kind {
            case .noise: for i in range { g[i] = e[i] }
            case .velocity: for i in range { g[i] = a * e[i] - s * y[i] }
            case .data:
              guard let skip else {
                for i in range { g[i] = y[i] * inverse }
                return
              }
              skip.withUnsafeBuffer { c in
                for i in range { g[i] = (y[i] - c[i]) * inverse }
              }
            }
          }
        }
      }
    }
    let reduction = prediction.kind == .noise ? Double(count) : Double(count * pixels)
    return Problem(
      input: Self.input(batch.conditions, noisy), labels: visited, goal: goal,
      weights: indices.enumerated().map {
        weights[$1] * weight(inputError: batch.inputErrors[$0], scale: scales[$0]) / reduction
      }, bends: settings.linearBeyond.map { bend in scales.map { Float(bend) / $0 } } ?? [])
  }

  /// Makes a squared error of the output one that is relative to the input's, if the settings say so.
  private func weight(inputError: Double, scale: Float) -> Double {
    settings.relativeToInput ? Double(scale) * Double(scale) / inputError : 1
  }

  /// What the noisy images are made of: y + γ(c − y), for a guess c.
  private static func guesses(_ targets: Tensor, _ guess: Tensor?, _ shares: [Float]) -> Tensor {
    guard let guess, shares.contains(where: { $0 != 0 }) else { return targets }
    let pixels = targets.count / shares.count
    var guesses = targets
    guesses.withUnsafeMutableBuffer { y in
      guess.withUnsafeBuffer { c in
        for i in y.indices { y[i] += shares[i / pixels] * (c[i] - y[i]) }
      }
    }
    return guesses
  }

  /// The loss of an output and its gradient.
  func loss(_ output: Tensor, _ problem: Problem) -> (loss: Double, gradient: Tensor) {
    precondition(output.shape == problem.goal.shape)
    let pixels = output.count / problem.labels.count
    var gradient = Tensor(uninitialized: output.shape)
    var loss = 0.0
    output.withUnsafeBuffer { o in
      problem.goal.withUnsafeBuffer { g in
        gradient.withUnsafeMutableBuffer { d in
          for (sample, weight) in problem.weights.enumerated() {
            var sum = 0.0
            let factor = Float(2 * weight)
            let range = sample * pixels..<(sample + 1) * pixels
            if problem.bends.isEmpty {
              for i in range {
                let difference = o[i] - g[i]
                sum += Double(difference) * Double(difference)
                d[i] = factor * difference
              }
            } else {
              let bend = problem.bends[sample]
              for i in range {
                let difference = o[i] - g[i]
                let stretch = (1 + (difference / bend) * (difference / bend)).squareRoot()
                // 2δ²(√(1 + (e/δ)²) − 1) without the difference of near numbers.
                sum += 2 * Double(difference) * Double(difference) / Double(1 + stretch)
                d[i] = factor * difference / stretch
              }
            }
            loss += weight * sum
          }
        }
      }
    }
    if !problem.differences.isEmpty {
      loss += SliceDetailLoss(weight: settings.sliceDetail).add(
        problem.differences, errors: Tensor.linearCombination([(1, output), (-1, problem.goal)]),
        weights: problem.weights, to: &gradient)
    }
    return (loss, gradient)
  }

  /// Conditions and noisy image side by side: conditions first.
  static func input(_ conditions: Tensor, _ noisy: Tensor) -> Tensor { conditions.concatenatingChannels(noisy) }

  /// What an output says of the noisy image.
  func prediction(_ output: Tensor, conditions: Tensor) -> Prediction<Tensor> {
    prediction.prediction(of: output, conditions: conditions, self.conditions)
  }
}
