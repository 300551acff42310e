public import DurableFiles
public import Foundation
public import Models
import NeuralNet
public import Volumes

/// What a training run would see, in one file, for training elsewhere (`Workflows/pytorch`).
///
/// A `.safetensors` file whose tensors are stacks of planes `[planes, rows, columns]` of 16-bit integers, network values
/// times 32767. Its metadata hold the card of the model to be under `pellucid`, and under `pellucid-pairs` what a run
/// does with the stacks, as JSON.
public struct PairsFile {
  static let key = "pellucid-pairs"

  /// Reads and degrades the scans of a configuration as a run would, and writes them whole or not at all.
  ///
  /// - Parameters:
  ///   - dataFolder: what the configuration's paths are relative to.
  ///   - cache: where simulated scans are kept; nil to keep none.
  ///   - command, software: for the model's card.
  /// - Returns: the file's SHA-256.
  @discardableResult
  public static func write(
    _ configuration: TrainingConfiguration, dataFolder: URL, cache: URL?, command: String, software: String,
    to url: URL,
    ifExists: AtomicFile.IfExists, read: @escaping (URL) throws -> Volume, progress: @escaping PairedDataset.Progress
  ) throws -> String {
    let data = try TrainingData(configuration, folder: dataFolder, cache: cache, read: read, progress: progress)
    let card = try ModelExport(
      TrainingCheckpoint(
        state: .empty, configuration: configuration.text, steps: configuration.optimizer.steps, command: command,
        validation: [], fitted: data.fitted), software: software
    ).card()
    try card.validate()
    var stacks: [PlaneStack] = []
    let description = try PairsDescription(configuration, data) { stack in
      if let known = stacks.firstIndex(of: stack) { return String(known) }
      stacks.append(stack)
      return String(stacks.count - 1)
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let writer = SafetensorsWriter(
      metadata: [
        ModelCard.metadataKey: try card.json(), key: String(decoding: try encoder.encode(description), as: UTF8.self),
      ], format: .int16)
    return try AtomicFile.write(to: url, ifExists: ifExists) { file in
      var digest = ContentDigest()
      func put(_ bytes: some Collection<UInt8>) throws {
        let data = Data(bytes)
        data.withUnsafeBytes { digest.update($0) }
        try file.write(data)
      }
      try put(writer.head(stacks.enumerated().map { (String($0), [$1.planes, $1.rows, $1.columns]) }))
      for stack in stacks { try put(stack.values.map(\.littleEndian).withUnsafeBytes { Data($0) }) }
      return digest.hex
    }
  }

  /// The card of the model that these pairs train, of no steps yet; throws `ModelError` or `FileError`.
  public static func card(of url: URL) throws -> ModelCard {
    let file = try SafetensorsFile(url)
    guard file.metadata[key] != nil else {
      throw ModelError(.card, "\(file.file.name) holds no pairs; make them with `pellucid train CONFIG --pairs`")
    }
    return try ModelFile.readCard(url)
  }
}
