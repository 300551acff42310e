import DurableFiles
import Foundation
import TensorCore

/// Reads a model file tensor by tensor, in the order of the file, and takes its digest on the way.
final class ModelReader {
  /// Where a file keeps the card.
  static let cardKey = "pellucid"

  let card: ModelCard
  let network: UNet
  private let file: SafetensorsFile
  private let entries: [String: SafetensorsFile.Entry]
  private var digest = ContentDigest()
  private var broken: [String] = []

  /// Opens a model and checks every tensor's name and shape against the network that the card describes; throws
  /// `ModelError` or `FileError`.
  init(_ url: URL) throws {
    file = try SafetensorsFile(url)
    card = try Self.card(of: file)
    network = try UNet(card.architecture)
    try TensorCheck.compare(
      expected: network.parameterShapes.map { ($0.name, TensorLayout.fileShape($0.shape)) },
      found: file.entries.map { ($0.name, $0.shape) }, in: file.file.name, described: "the network of its card")
    if let odd = file.entries.first(where: { !$0.format.isFloatingPoint }) {
      throw ModelError(
        .mismatch,
        "tensor \(odd.name) of \(file.file.name) is stored as \(odd.format.rawValue); parameters are floating point")
    }
    entries = Dictionary(uniqueKeysWithValues: file.entries.map { ($0.name, $0) })
    file.head.withUnsafeBytes { digest.update($0) }
  }

  static func card(of file: SafetensorsFile) throws -> ModelCard {
    guard let text = file.metadata[cardKey] else {
      throw ModelError(
        .card, "\(file.file.name) has no Pellucid model card; make one with `pellucid models import` from a checkpoint")
    }
    return try ModelCard(json: text, from: file.file.name)
  }

  /// The parameters' names in the order of the file, in which `next` must be called.
  var names: [String] { file.entries.map(\.name) }

  /// A parameter in the engine's layout.
  func next(_ name: String) throws -> Tensor {
    let tensor = try file.tensor(entries[name]!, digest: &digest)
    if !TensorCheck.isFinite(tensor) { broken.append(name) }
    return TensorLayout.engine(fromFile: tensor)
  }

  /// SHA-256 of the file, once all parameters were read.
  var sha256: String { digest.hex }

  var byteCount: Int { file.file.byteCount }

  /// How the parameters are stored: `F32`, `F16`, …, several if they differ.
  var storage: [String] { Set(file.entries.map(\.format.rawValue)).sorted() }

  /// What is odd about the parameters that were read, one line each.
  var warnings: [String] {
    broken.isEmpty ? [] : ["\(broken.count) tensors hold values that are not finite: \(ModelError.list(broken))"]
  }
}
