public import Foundation
public import NeuralNet
import Synchronization
public import TensorCore

/// A model ready for evaluation: its parameters lie in the layout of the kernels, and nowhere else in memory.
public struct PackedModel: Sendable {
  /// What the model says about itself.
  public let card: ModelCard
  /// SHA-256 of its file, 64 hexadecimal digits; empty for a model that came from no file.
  public let sha256: String
  /// Things worth telling that do not stop the model from being used, one line each.
  public let warnings: [String]
  /// The network.
  public let network: UNet
  /// The number of scalars.
  public let scalarCount: Int
  private let parameters: PackedParameters
  private let biases = TimestepBiases()

  /// Reads a model and packs it a few tensors at a time; throws `ModelError` or `FileError`.
  public static func read(_ url: URL) throws -> PackedModel {
    let reader = try ModelReader(url)
    let network = reader.network
    let packer = PackedParameters.Packer(network.layers)
    let parameters = PackedParameters(try reader.read { packer.pack($0, outputsFirst: $1, shape: $2) })
    // What reading took is of no use to evaluations.
    ComputeBackend.releaseIdleMemory()
    return PackedModel(
      card: reader.card, sha256: reader.sha256, warnings: reader.warnings, network: network, parameters: parameters)
  }

  /// A model from its parameters in memory; throws a `ModelError` if the card's network cannot be built.
  public init(card: ModelCard, parameters: ParameterSet) throws {
    let network = try UNet(card.architecture)
    let packer = PackedParameters.Packer(network.layers)
    self.init(
      card: card, sha256: "", warnings: [], network: network,
      parameters: PackedParameters(parameters.names.map { packer.pack($0, parameters[$0]) }))
  }

  private init(
    card: ModelCard, sha256: String, warnings: [String], network: UNet, parameters: PackedParameters
  ) {
    self.card = card
    self.sha256 = sha256
    self.warnings = warnings
    self.network = network
    self.parameters = parameters
    scalarCount = network.parameterShapes.reduce(0) { $0 + $1.shape.reduce(1, *) }
  }

  /// Bytes of the parameters as they lie in memory.
  public var byteCount: Int { parameters.byteCount }

  /// The raw output of the network.
  ///
  /// What depends on the label alone is computed once per label and kept.
  ///
  /// - Parameters:
  ///   - parts: images `[n, h, w, c]` in one or two parts whose channels together are the network's input: conditions
  ///     first, then the noisy image; h and w multiples of the network's `sizeMultiple`.
  ///   - label: the timestep label of all images.
  ///   - observer: hears what each layer took.
  /// - Returns: `[n, h, w, outputChannels]`.
  public func evaluate(_ parts: [Tensor], label: Int, observer: LayerObserver? = nil) -> Tensor {
    let biases = biases.of(label) { network.timestepBiases(label, parameters) }
    return network.evaluate(parts, biases: biases, parameters, observer: observer)
  }
}

/// The timestep biases of the labels that were asked for so far.
private final class TimestepBiases: Sendable {
  private let known = Mutex<[Int: [String: Tensor]]>([:])

  func of(_ label: Int, _ compute: () -> [String: Tensor]) -> [String: Tensor] {
    if let found = known.withLock({ $0[label] }) { return found }
    let computed = compute()
    known.withLock { $0[label] = computed }
    return computed
  }
}
