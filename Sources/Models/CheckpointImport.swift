public import Foundation
public import NeuralNet
import TensorCore

/// The network in a published Fast-DDPM (or DDIM) checkpoint: its parameters, and the shape that they imply.
///
/// What a checkpoint does not say (the label set, the task, what its intensities mean) is not guessed: see
/// `CheckpointStatement`.
public struct CheckpointImport: Sendable {
  /// The parameters in the engine's layout.
  public let parameters: ParameterSet
  /// The network's shape, read off the tensors.
  public let architecture: UNetConfiguration
  /// Which of the checkpoint's weights these are.
  public let weights: Weights
  /// The optimiser step that the checkpoint was saved at, if it says so.
  public let trainingStep: Int?
  /// SHA-256 of the pairs that it was trained on, if it says so (`Workflows/pytorch`).
  public let pairsDigest: String?
  /// Things worth telling, one line each.
  public let warnings: [String]

  /// Which weights were taken.
  public enum Weights: String, Sendable, Codable {
    /// The moving average, as the official sampler does when there is one.
    case average
    /// The weights as trained.
    case trained
  }

  /// Reads a checkpoint without executing anything in it; throws `ModelError` or `FileError`.
  ///
  /// Known forms: the official list of five (model, optimiser, epoch, step, average: the average is taken), a list
  /// whose first item is a state dict, a bare state dict, and a dictionary with a `state_dict`; parameter names with or
  /// without `module.`.
  public static func read(_ url: URL) throws -> CheckpointImport {
    let archive = try CheckpointArchive(url)
    let choice = try CheckpointForm(archive.document, name: archive.name)
    let found = choice.tensors.map { (name: $0.name, shape: $0.tensor.shape) }
    let architecture = try ArchitectureReader.configuration(of: found, in: archive.name)
    let network: UNet
    do { network = try UNet(architecture) } catch {
      throw ModelError(.refused, "\(archive.name): \(error)")
    }
    try TensorCheck.compare(
      expected: network.parameterShapes.map { ($0.name, TensorLayout.fileShape($0.shape)) }, found: found,
      in: archive.name, described: "the U-Net that they start to describe")
    if let odd = choice.tensors.first(where: { !$0.tensor.storage.format.isFloatingPoint }) {
      throw ModelError(.mismatch, "\(odd.name) of \(archive.name) holds whole numbers; parameters are floating point")
    }
    let scalars = network.parameterShapes.reduce(0) { $0 + $1.shape.reduce(1, *) }
    guard scalars <= 1 << 30 else {
      throw ModelError(
        .refused, "the network in \(archive.name) has \(scalars) parameters; at most \(1 << 30) are read")
    }
    // A view may name one number a thousand million times; torch.save writes every parameter out. The floor lets small
    // networks be made of such views.
    guard scalars <= max(archive.byteCount, 1 << 24) else {
      throw ModelError(
        .refused,
        "\(archive.name) has \(archive.byteCount) bytes, which cannot hold the \(scalars) parameters of its network; "
          + "save the state dict with torch.save")
    }
    let byName = Dictionary(uniqueKeysWithValues: choice.tensors.map { ($0.name, $0.tensor) })
    var broken: [String] = []
    let pairs = try network.parameterShapes.map { name, _ in
      guard let view = byName[name] else { preconditionFailure("checked above") }
      let tensor = try archive.tensor(view)
      if !tensor.withUnsafeBuffer(TensorCheck.isFinite) { broken.append(name) }
      return (name, TensorLayout.engine(fromFile: tensor))
    }
    let warning = "\(broken.count) tensors hold values that are not finite: \(ModelError.list(broken))"
    return CheckpointImport(
      parameters: ParameterSet(pairs), architecture: architecture, weights: choice.weights,
      trainingStep: choice.trainingStep, pairsDigest: choice.pairsDigest, warnings: broken.isEmpty ? [] : [warning])
  }
}

/// Where the state dict is in a checkpoint, and what it holds.
struct CheckpointForm {
  let weights: CheckpointImport.Weights
  let trainingStep: Int?
  let pairsDigest: String?
  let tensors: [(name: String, tensor: TorchTensor)]

  init(_ document: PickleDocument, name: String) throws(ModelError) {
    var source: PickleDocument.Value
    var step: Int?
    var pairs: String?
    var weights = CheckpointImport.Weights.trained
    if let items = document.list(document.root) {
      guard let first = items.first else {
        throw ModelError(.refused, "\(name) holds an empty list; give another checkpoint")
      }
      source = first
      if items.count > 3, case .int(let number) = items[3] { step = number }
      // The published code has the epoch here.
      if items.count > 3, case .string(let text) = items[2] { pairs = text }
      if items.count >= 5, let last = items.last { (source, weights) = (last, .average) }
    } else if let entries = document.dictionary(document.root) {
      source = entries.first { $0.key == .string("state_dict") }?.value ?? document.root
    } else {
      throw ModelError(.refused, "\(name) holds neither a list nor a dictionary; save the state dict with torch.save")
    }
    guard let entries = document.dictionary(source) else {
      throw ModelError(
        .refused,
        "\(name) has no state dict where it should be (the \(weights == .average ? "last" : "first") item); save the state dict with torch.save"
      )
    }
    var tensors: [(name: String, tensor: TorchTensor)] = []
    var names: Set<String> = []
    for (key, value) in entries {
      guard case .string(let key) = key else {
        throw ModelError(
          .mismatch, "the state dict of \(name) has a key that is no name; save the state dict with torch.save")
      }
      guard case .tensor(let index) = value else {
        throw ModelError(
          .mismatch,
          "\(ModelError.printable(key)) in the state dict of \(name) is no tensor; save the state dict with torch.save")
      }
      guard names.insert(key).inserted else {
        throw ModelError(
          .mismatch, "the state dict of \(name) has \(ModelError.printable(key)) twice; get the file again")
      }
      tensors.append((key, document.tensors[index]))
    }
    let prefix = "module."
    if !tensors.isEmpty && tensors.allSatisfy({ $0.name.hasPrefix(prefix) }) {
      tensors = tensors.map { (String($0.name.dropFirst(prefix.count)), $0.tensor) }
    }
    self.weights = weights
    self.trainingStep = step
    self.pairsDigest = pairs
    self.tensors = tensors
  }
}
