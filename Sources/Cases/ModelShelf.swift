import DurableFiles
import Foundation
import Models
import Pipeline
import Reports

/// The models of one process: found by name, hashed once, the last one kept in memory.
final class ModelShelf {
  private struct Known {
    var url: URL
    var signature: FileSignature
    var model: RestorationModel
    var isLoaded: Bool
  }

  private let locator: ModelLocator
  /// The viewer for reports, read once.
  private(set) lazy var viewer = Viewer.find(besides: locator.folders)
  private var known: [String: Known] = [:]

  init(_ locator: ModelLocator) { self.locator = locator }

  /// A model's card and digest, without its weights; throws `ModelError`, `FileError`.
  func described(_ name: String) throws -> RestorationModel {
    let url = try locator.locate(name)
    let signature = try RegularFile(url).signature()
    if let entry = known[name], entry.url == url, entry.signature == signature { return entry.model }
    let model = RestorationModel(
      card: try ModelFile.readCard(url), sha256: try ContentDigest.sha256(of: url),
      makeDenoiser: { _ in preconditionFailure("a model that is only described does not compute") })
    known[name] = Known(url: url, signature: signature, model: model, isLoaded: false)
    return model
  }

  /// A model ready to compute.
  func loaded(_ name: String) throws -> RestorationModel {
    let url = try locator.locate(name)
    let signature = try RegularFile(url).signature()
    if let entry = known[name], entry.isLoaded, entry.url == url, entry.signature == signature { return entry.model }
    // One at a time: weights may be large.
    known = known.filter { !$0.value.isLoaded }
    let model = RestorationModel(try PackedModel.read(url))
    known[name] = Known(url: url, signature: signature, model: model, isLoaded: true)
    return model
  }
}
