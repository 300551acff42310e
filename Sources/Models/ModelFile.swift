public import DurableFiles
public import Foundation
public import NeuralNet
import TensorCore

/// A model: what its card says, its parameters in the engine's layout, and the SHA-256 that is its identity.
///
/// On disk it is one `.safetensors` file. Its `__metadata__` holds the card as JSON under `pellucid`; its tensors have
/// the names and the layout of the published PyTorch checkpoints, in float32 or float16.
public struct ModelFile: Sendable {
  /// What the model says about itself.
  public let card: ModelCard
  /// The network's parameters, in the engine's layout.
  public let parameters: ParameterSet
  /// SHA-256 of the file, 64 hexadecimal digits.
  public let sha256: String
  /// The file's length.
  public let byteCount: Int
  /// How the parameters are stored: `F32`, `F16`, …, several if they differ.
  public let storage: [String]
  /// Things worth telling that do not stop the model from being used, one line each.
  public let warnings: [String]

  /// How parameters are stored.
  public enum Precision: String, Sendable, CaseIterable {
    /// 32-bit floats: the parameters' own bits.
    case float32
    /// 16-bit floats: half the size, rounded to 11 significant bits.
    case float16
  }

  /// Reads a model and checks every tensor against the network that the card describes; throws `ModelError` or
  /// `FileError`.
  public static func read(_ url: URL) throws -> ModelFile {
    let reader = try ModelReader(url)
    let found = Dictionary(uniqueKeysWithValues: try reader.read { ($0, Tensor(outputsFirst: $1, shape: $2)) })
    return ModelFile(
      card: reader.card, parameters: ParameterSet(reader.network.parameterShapes.map { ($0.name, found[$0.name]!) }),
      sha256: reader.sha256, byteCount: reader.byteCount, storage: reader.storage, warnings: reader.warnings)
  }

  /// Reads only the card, without the parameters; throws `ModelError` or `FileError`.
  public static func readCard(_ url: URL) throws -> ModelCard { try ModelReader.card(of: SafetensorsFile(url)) }

  /// Writes a model whole or not at all and returns its SHA-256; the same content gives the same bytes.
  ///
  /// Throws `ModelError` (the card is impossible, or a value does not fit float16) or `FileError`.
  @discardableResult
  public static func write(
    card: ModelCard, parameters: ParameterSet, to url: URL, precision: Precision = .float32,
    ifExists: AtomicFile.IfExists = .replace
  ) throws -> String {
    try card.validate()
    let shapes = try UNet(card.architecture).parameterShapes
    precondition(shapes.map(\.name) == parameters.names, "parameters of another network")
    for (name, shape) in shapes { precondition(parameters[name].shape == shape, "\(name) has another shape") }
    let writer = SafetensorsWriter(
      metadata: [ModelCard.metadataKey: try card.json(), "format": "pt"],
      format: precision == .float16 ? .float16 : .float32)
    return try AtomicFile.write(to: url, ifExists: ifExists) { file in
      var digest = ContentDigest()
      func put(_ bytes: [UInt8]) throws {
        bytes.withUnsafeBytes { digest.update($0) }
        try file.write(bytes)
      }
      try put(writer.head(shapes.map { ($0.name, TensorLayout.fileShape($0.shape)) }))
      for name in parameters.names {
        guard let bytes = writer.bytes(TensorLayout.file(fromEngine: parameters[name])) else {
          throw ModelError(.mismatch, "\(name) holds values too large for float16; write float32 instead")
        }
        try put(bytes)
      }
      return digest.hex
    }
  }
}
