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

  private static let cardKey = "pellucid"
  private static let formatKey = "format"

  /// Reads a model and checks every tensor against the network that the card describes; throws `ModelError` or
  /// `FileError`.
  public static func read(_ url: URL) throws -> ModelFile {
    let file = try SafetensorsFile(url)
    let card = try card(of: file)
    let network = try UNet(card.architecture)
    try TensorCheck.compare(
      expected: network.parameterShapes.map { ($0.name, TensorLayout.fileShape($0.shape)) },
      found: file.entries.map { ($0.name, $0.shape) }, in: file.file.name, described: "the network of its card")
    if let odd = file.entries.first(where: { !$0.format.isFloatingPoint }) {
      throw ModelError(
        .mismatch,
        "tensor \(odd.name) of \(file.file.name) is stored as \(odd.format.rawValue); parameters are floating point")
    }
    var digest = ContentDigest()
    file.head.withUnsafeBytes { digest.update($0) }
    var found: [String: Tensor] = [:]
    var broken: [String] = []
    for entry in file.entries {
      let tensor = try file.tensor(entry, digest: &digest)
      if !TensorCheck.isFinite(tensor) { broken.append(entry.name) }
      found[entry.name] = TensorLayout.engine(fromFile: tensor)
    }
    let warning = "\(broken.count) tensors hold values that are not finite: \(ModelError.list(broken))"
    return ModelFile(
      card: card, parameters: ParameterSet(network.parameterShapes.map { ($0.name, found[$0.name]!) }),
      sha256: digest.hex, byteCount: file.file.byteCount, storage: Set(file.entries.map(\.format.rawValue)).sorted(),
      warnings: broken.isEmpty ? [] : [warning])
  }

  /// Reads only the card, without the parameters; throws `ModelError` or `FileError`.
  public static func readCard(_ url: URL) throws -> ModelCard { try card(of: SafetensorsFile(url)) }

  private static func card(of file: SafetensorsFile) throws -> ModelCard {
    guard let text = file.metadata[cardKey] else {
      throw ModelError(
        .card, "\(file.file.name) has no Pellucid model card; make one with `pellucid models import` from a checkpoint")
    }
    return try ModelCard(json: text, from: file.file.name)
  }

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
      metadata: [cardKey: try card.json(), formatKey: "pt"], format: precision == .float16 ? .float16 : .float32)
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
