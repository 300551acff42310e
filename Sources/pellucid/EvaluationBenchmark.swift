import ArgumentParser
import Foundation
import Models
import NeuralNet
import Pipeline
import Provenance
import TensorCore

/// What timing a network's evaluations came to.
struct EvaluationBenchmark: Encodable {
  /// One kind of layer at one size, all of them together, in one evaluation.
  struct Layer: Encodable {
    var kind: String
    var rows: Int
    var count: Int
    var seconds: Double
    var gigaflop: Double
    var gigaflopPerSecond: Double
  }

  var version = SoftwareRecord.pellucidVersion
  var model: String
  var parameters: Int
  var size: Int
  var batch: Int
  var threads: Int
  var isa: String
  var blasCore: String
  var loadSeconds: Double
  /// The median.
  var secondsPerEvaluation: Double
  var secondsEach: [Double]
  /// Of the direct form.
  var gigaflopPerEvaluation: Double
  var gigaflopPerSecond: Double
  /// What OpenBLAS multiplies matrices with on as many threads.
  var gemmGigaflopPerSecond: Double
  var peakResidentBytes: Int
  /// What the engine's tensors grew by after the first evaluation.
  var bytesAllocatedAfterWarmUp: Int
  var layers: [Layer]

  /// Times evaluations of the network of the model at `url`; also returns the raw output.
  static func run(_ url: URL, size: Int, batch: Int, repeats: Int) throws -> (EvaluationBenchmark, Tensor) {
    let clock = ContinuousClock()
    var loaded: PackedModel?
    let loading = try clock.measure { loaded = try PackedModel.read(url) }
    guard let model = loaded else { preconditionFailure("a model was read or an error thrown") }
    try BenchmarkSize.check(size, for: model.card)
    let input = BenchInput.images(batch: batch, size: size, channels: model.card.architecture.inputChannels)
    let label = 500
    var output: Tensor? = model.evaluate([input], label: label)
    let allocated = ComputeBackend.tensorBytesAllocated
    let each = (0..<repeats).map { _ in
      output = nil  // or there would be two at a time
      return clock.measure { output = model.evaluate([input], label: label) } / .seconds(1)
    }
    let grown = ComputeBackend.tensorBytesAllocated - allocated
    let peak = ProcessMemory.peakResidentBytes
    // Apart from the timed evaluations: listening costs a little.
    var timings: [LayerTiming] = []
    output = nil
    let whole = clock.measure { output = model.evaluate([input], label: label) { timings.append($0) } } / .seconds(1)
    let median = each.median
    let flop = timings.reduce(0) { $0 + Double($1.operations) } / 1e9
    let result = EvaluationBenchmark(
      model: "\(model.card.name) \(model.card.version)", parameters: model.scalarCount, size: size, batch: batch,
      threads: Parallel.threadCount, isa: ComputeBackend.instructionSet.rawValue, blasCore: ComputeBackend.blasCore,
      loadSeconds: loading / .seconds(1), secondsPerEvaluation: median, secondsEach: each,
      gigaflopPerEvaluation: flop, gigaflopPerSecond: flop / median,
      gemmGigaflopPerSecond: ComputeBackend.measuredGEMMRate() / 1e9, peakResidentBytes: peak,
      bytesAllocatedAfterWarmUp: grown, layers: layers(timings, whole: whole))
    guard let output else { preconditionFailure("the last evaluation has an output") }
    return (result, output)
  }

  /// The layers by kind, the dearest first, and what lies between them.
  private static func layers(_ timings: [LayerTiming], whole: Double) -> [Layer] {
    var layers: [String: Layer] = [:]
    for timing in timings {
      let key = "\(timing.kind) \(timing.rows)"
      var layer =
        layers[key]
        ?? Layer(kind: timing.kind, rows: timing.rows, count: 0, seconds: 0, gigaflop: 0, gigaflopPerSecond: 0)
      layer.count += 1
      layer.seconds += timing.duration / .seconds(1)
      layer.gigaflop += Double(timing.operations) / 1e9
      layer.gigaflopPerSecond = layer.gigaflop / layer.seconds
      layers[key] = layer
    }
    let sorted = layers.values.sorted { $0.seconds > $1.seconds }
    let rest = max(0, whole - sorted.reduce(0) { $0 + $1.seconds })
    return sorted + [Layer(kind: "between layers", rows: 0, count: 1, seconds: rest, gigaflop: 0, gigaflopPerSecond: 0)]
  }

  /// The result for people.
  var text: String {
    let share = gemmGigaflopPerSecond > 0 ? gigaflopPerSecond / gemmGigaflopPerSecond : 0
    var lines = [
      "\(model), \(parameters) parameters, \(batch) x \(size) x \(size)",
      "\(threads) threads, \(isa), BLAS core \(blasCore)",
      String(
        format: "%.4f s per evaluation (median of %d; %.4f to %.4f), loading %.2f s", secondsPerEvaluation,
        secondsEach.count, secondsEach.min() ?? 0, secondsEach.max() ?? 0, loadSeconds),
      String(
        format: "%.1f GFLOP in direct form: %.0f GFLOP/s, %.2f times OpenBLAS's matrix product (%.0f GFLOP/s)",
        gigaflopPerEvaluation, gigaflopPerSecond, share, gemmGigaflopPerSecond),
      String(
        format: "%.0f MiB resident at most, %d bytes of tensors allocated after the first evaluation",
        Double(peakResidentBytes) / 0x1p20, bytesAllocatedAfterWarmUp),
      "", "layers                       rows  count   seconds   GFLOP  GFLOP/s",
    ]
    lines += layers.map {
      $0.kind.padding(toLength: 25, withPad: " ", startingAt: 0)
        + String(
          format: "%8d %6d %9.4f %7.1f %8.0f", $0.rows, $0.count, $0.seconds, $0.gigaflop, $0.gigaflopPerSecond)
    }
    return lines.joined(separator: "\n")
  }
}

/// Which sizes a network takes.
enum BenchmarkSize {
  static func check(_ size: Int, for card: ModelCard) throws {
    let multiple = card.architecture.sizeMultiple
    guard size % multiple == 0 else {
      throw ValidationError("--size must be a multiple of \(multiple) for \(card.name), not \(size).")
    }
  }
}

extension [Double] {
  /// The middle value, or the mean of the two; 0 of nothing.
  var median: Double {
    guard !isEmpty else { return 0 }
    let sorted = sorted()
    return (sorted[(count - 1) / 2] + sorted[count / 2]) / 2
  }
}
