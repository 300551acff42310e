import Diffusion
import Foundation
public import Models
public import NeuralNet
import TensorCore

/// Everything that a training run remembers between steps.
public struct TrainingState: Sendable, Equatable {
  /// Steps taken.
  public var step: Int
  /// The weights that the optimiser moves.
  public var parameters: ParameterSet
  /// The optimiser's moments.
  public var moments: Adam.State
  /// The moving average of the weights: what is validated and exported.
  public var average: ParameterSet

  /// No network yet.
  static let empty = TrainingState(
    step: 0, parameters: ParameterSet([]), moments: Adam.State(for: ParameterSet([])), average: ParameterSet([]))
}

/// Takes training steps: a step is a pure function of the state, the data and the configuration.
///
/// Random numbers are keyed by (seed, step), so a run that is continued from a stored state gives the same bits as one
/// that was never interrupted, for any number of threads.
public struct Trainer: Sendable {
  /// What is being done.
  public let configuration: TrainingConfiguration
  /// The network.
  public let network: UNet
  let objective: DiffusionObjective
  let dataset: PairedDataset
  private let recomputing: Bool

  /// A trainer; throws when the configuration cannot be followed.
  ///
  /// With `recomputing` a step takes less memory and more time, and gives the same bits.
  public init(_ configuration: TrainingConfiguration, dataset: PairedDataset, recomputing: Bool = false) throws {
    self.configuration = configuration
    self.dataset = dataset
    self.recomputing = recomputing
    network = try UNet(configuration.architecture)
    objective = try DiffusionObjective(configuration)
  }

  /// What a step reports.
  public struct StepReport: Sendable, Equatable {
    /// The loss before the step.
    public var loss: Double
    /// The gradient's norm before clipping.
    public var gradientNorm: Double
    /// The learning rate that was used.
    public var learningRate: Double
    /// Pixels that were seen, in patches of the smallest size.
    public var samples: Int
  }

  /// The state before the first step.
  ///
  /// A data prediction with a skip starts as its skip: the last layer is zero.
  public var initialState: TrainingState {
    let skips = configuration.prediction.kind == .data && configuration.prediction.skip != .none
    let parameters = network.initialParameters(seed: configuration.seed, zeroOutput: skips)
    return TrainingState(
      step: 0, parameters: parameters, moments: Adam.State(for: parameters), average: parameters)
  }

  /// One step.
  public func step(_ state: inout TrainingState) -> StepReport {
    let step = state.step + 1
    let batch = batch(step)
    let problem = objective.problem(batch, seed: configuration.seed, step: step) {
      firstGuess($0, batch.conditions, state.parameters)
    }
    let graph = Graph(parameters: state.parameters, recording: true, recomputing: recomputing)
    let output = network(graph.input(problem.input), labels: problem.labels, in: graph)
    let (loss, gradient) = objective.loss(output.value, problem)
    let gradients = graph.backward(from: output, gradient: gradient)
    let rate = learningRate(step)
    let optimizer = configuration.optimizer
    let norm = Adam(clipNorm: optimizer.clipNorm).step(
      &state.parameters, gradients: gradients, state: &state.moments, learningRate: rate)
    ExponentialMovingAverage(decay: optimizer.emaDecay, warmUp: optimizer.emaWarmUp).update(
      &state.average, with: state.parameters, step: step)
    state.step = step
    let smallest = configuration.patches.sizes.min() ?? 1
    return StepReport(
      loss: loss, gradientNorm: norm, learningRate: rate, samples: batch.targets.count / (smallest * smallest))
  }

  /// What a step sees.
  func batch(_ step: Int) -> PatchBatch {
    dataset.batch(
      configuration.patches, pairs: objective.comparison(at: step) == .pairs, seed: configuration.seed, step: step)
  }

  /// What a sampler that starts from this noise finds at its first label, clamped as it would be.
  func firstGuess(_ noise: Tensor, _ conditions: Tensor, _ parameters: ParameterSet) -> Tensor {
    let denoiser = PatchDenoiser(network: network, parameters: parameters, objective: objective, conditions: conditions)
    let last = LabelSet.last(of: objective.labels).labels[0]
    guard case .data(let data) = denoiser.predict(noise, label: last) else {
      preconditionFailure("the configuration's check lets only data predictions have guesses of their own")
    }
    return configuration.prediction.clampData ? data.clamped(to: -1...1) : data
  }

  /// The learning rate of a step (the first is 1): a linear rise, then half a cosine from the largest to the last.
  func learningRate(_ step: Int) -> Double {
    let settings = configuration.optimizer
    let progress = settings.steps > 1 ? min(1, Double(step - 1) / Double(settings.steps - 1)) : 1
    let decayed =
      settings.finalLearningRate
      + (settings.learningRate - settings.finalLearningRate) * 0.5 * (1 + cos(Double.pi * progress))
    return settings.warmupSteps > 0 ? decayed * min(1, Double(step) / Double(settings.warmupSteps)) : decayed
  }
}
