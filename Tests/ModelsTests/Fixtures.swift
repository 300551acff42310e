import Foundation
import Models
import NeuralNet
import TensorCore
import TestSupport

/// Files beside these tests, made by `Fixtures/make_fixtures.py`.
enum Fixtures {
  static func url(_ name: String) -> URL {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures/\(name)")
  }

  static func bytes(_ name: String) throws -> [UInt8] { Array(try Data(contentsOf: url(name))) }

  /// The small network in the checkpoints.
  static let architecture = UNetConfiguration(
    inputChannels: 2, baseChannels: 32, channelMultipliers: [1, 2], residualBlocks: 1, attentionLevels: [1])

  /// The smallest network there is.
  static let tiny = UNetConfiguration(inputChannels: 2, baseChannels: 32, channelMultipliers: [1], residualBlocks: 1)

  /// A complete card for a network.
  static func card(_ architecture: UNetConfiguration = tiny, name: String = "test") -> ModelCard {
    ModelCard(
      name: name, task: .denoise, architecture: architecture,
      labelSet: LabelSetRecord(name: "uniform-10", labels: [0, 99, 199, 299, 399, 499, 599, 699, 799, 899, 999]),
      noiseSchedule: NoiseScheduleRecord(), prediction: PredictionRecord(kind: .noise, clampData: false),
      intensity: .window(low: -1000, high: 1000), envelope: InputEnvelope(modality: "CT"))
  }

  /// A tensor `[n, c, h, w]` of PyTorch as `[n, h, w, c]`.
  static func nhwc(_ tensor: Tensor) -> Tensor {
    let (n, c, h, w) = (tensor.shape[0], tensor.shape[1], tensor.shape[2], tensor.shape[3])
    let source = tensor.values
    var out = [Float](repeating: 0, count: source.count)
    for i in 0..<n {
      for channel in 0..<c {
        for pixel in 0..<h * w { out[(i * h * w + pixel) * c + channel] = source[(i * c + channel) * h * w + pixel] }
      }
    }
    return Tensor(out, shape: [n, h, w, c])
  }

  /// The largest difference over the largest magnitude of `b`.
  static func relativeDifference(_ a: [Float], _ b: [Float]) -> Double {
    precondition(a.count == b.count)
    let difference = zip(a, b).map { abs(Double($0) - Double($1)) }.max() ?? 0
    return difference / (b.map { abs(Double($0)) }.max() ?? 1)
  }
}

/// The error that `body` throws, if it is a `ModelError`.
func modelError(_ body: () throws -> Void) -> ModelError? {
  do {
    try body()
    return nil
  } catch {
    return error as? ModelError
  }
}

/// The kind and the message of what reading `bytes` as a checkpoint throws.
func importError(_ bytes: [UInt8]) throws -> ModelError? {
  try withTemporaryFolder { folder in
    let url = folder.appendingPathComponent("ckpt.pth")
    try Data(bytes).write(to: url)
    return modelError { _ = try CheckpointImport.read(url) }
  }
}
