import ArgumentParser
import Foundation
import Models
import NeuralNet
import Pipeline
import Provenance
import TensorCore

/// What timing training steps came to.
struct TrainingBenchmark: Encodable {
  var version = SoftwareRecord.pellucidVersion
  var model: String
  var parameters: Int
  var size: Int
  var batch: Int
  var threads: Int
  var isa: String
  var blasCore: String
  /// The median.
  var secondsPerStep: Double
  var secondsEach: [Double]
  var samplesPerSecond: Double
  var peakResidentBytes: Int

  /// Times steps (forward, mean squared error, backward, Adam, moving average) of the network of the model at `url`.
  init(_ url: URL, size: Int, batch: Int, repeats: Int, recomputing: Bool) throws {
    let file = try ModelFile.read(url)
    try BenchmarkSize.check(size, for: file.card)
    let network = try UNet(file.card.architecture)
    let input = BenchInput.images(batch: batch, size: size, channels: file.card.architecture.inputChannels)
    let labels = (0..<batch).map { 999 * $0 / max(1, batch - 1) }
    let goal = PhiloxRandomSource(seed: 1).normal(shape: [batch, size, size, file.card.architecture.outputChannels])
    var parameters = file.parameters
    var average = parameters
    var moments = Adam.State(for: parameters)
    func step(_ number: Int) {
      let graph = Graph(parameters: parameters, recording: true, recomputing: recomputing)
      let output = network(graph.input(input), labels: labels, in: graph)
      var gradient = output.value
      gradient.scale(by: 2 / Float(goal.count), adding: goal, times: -2 / Float(goal.count))
      let gradients = graph.backward(from: output, gradient: gradient)
      _ = Adam().step(&parameters, gradients: gradients, state: &moments, learningRate: 1e-4)
      ExponentialMovingAverage(decay: 0.999).update(&average, with: parameters, step: number)
    }
    step(1)
    let clock = ContinuousClock()
    secondsEach = (0..<repeats).map { number in clock.measure { step(number + 2) } / .seconds(1) }
    secondsPerStep = secondsEach.median
    samplesPerSecond = Double(batch) / secondsPerStep
    model = "\(file.card.name) \(file.card.version)"
    self.parameters = parameters.scalarCount
    self.size = size
    self.batch = batch
    threads = Parallel.threadCount
    isa = ComputeBackend.instructionSet.rawValue
    blasCore = ComputeBackend.blasCore
    peakResidentBytes = ProcessMemory.peakResidentBytes
  }

  /// The result for people.
  var text: String {
    [
      "\(model), \(parameters) parameters, \(batch) x \(size) x \(size), training",
      "\(threads) threads, \(isa), BLAS core \(blasCore)",
      String(
        format: "%.4f s per step (median of %d; %.4f to %.4f): %.1f samples/s, %.0f MiB resident at most",
        secondsPerStep, secondsEach.count, secondsEach.min() ?? 0, secondsEach.max() ?? 0, samplesPerSecond,
        Double(peakResidentBytes) / 0x1p20),
    ].joined(separator: "\n")
  }
}
