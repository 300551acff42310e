import DurableFiles
import Foundation
import Synchronization
import TensorCore

/// Reads a model file a few tensors at a time and takes its digest on the way.
final class ModelReader {
  /// Where a file keeps the card.
  static let cardKey = "pellucid"

  let card: ModelCard
  let network: UNet
  private let file: SafetensorsFile
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
    file.head.withUnsafeBytes { digest.update($0) }
  }

  static func card(of file: SafetensorsFile) throws -> ModelCard {
    guard let text = file.metadata[cardKey] else {
      throw ModelError(
        .card, "\(file.file.name) has no Pellucid model card; make one with `pellucid models import` from a checkpoint")
    }
    return try ModelCard(json: text, from: file.file.name)
  }

  /// Bytes of tensors that are in memory at a time.
  private static let group = 64 << 20

  /// The most bytes of a network's tensors that are in memory at a time while a file of float32 is read: a group as it
  /// stands in the file, and on every thread one tensor in the engine's layout.
  static func workingBytes(_ network: UNet) -> Int {
    let sizes = network.parameterShapes.map { 4 * $0.shape.reduce(1, *) }
    let largest = sizes.max() ?? 0
    return min(sizes.reduce(0, +), max(group, largest)) + min(Parallel.threadCount, sizes.count) * largest
  }

  /// Reads all parameters.
  ///
  /// `body` gets each in the engine's layout, several at a time, and makes of it what is returned, in the order of the
  /// file.
  func read<R: Sendable>(_ body: @Sendable (_ name: String, Tensor) -> R) throws -> [R] {
    var results: [R] = []
    var rest = file.entries[...]
    while !rest.isEmpty {
      var raw: [(name: String, bytes: SafetensorsFile.Raw)] = []
      var bytes = 0
      while let entry = rest.first, raw.isEmpty || bytes + entry.byteCount <= Self.group {
        raw.append((entry.name, try file.raw(entry)))
        bytes += entry.byteCount
        rest.removeFirst()
      }
      results += take(raw, body)
    }
    return results
  }

  /// The digest of some tensors on one thread, and what `body` makes of them on all.
  private func take<R: Sendable>(
    _ raw: [(name: String, bytes: SafetensorsFile.Raw)], _ body: @Sendable (_ name: String, Tensor) -> R
  ) -> [R] {
    let state = Mutex((done: [R?](repeating: nil, count: raw.count), broken: [Int]()))
    let digest = Mutex(digest)
    Parallel.forEach(raw.count + 1) { item in
      guard item > 0 else {
        digest.withLock { digest in for entry in raw { entry.bytes.update(&digest) } }
        return
      }
      let entry = raw[item - 1]
      // What the tensors before left lies idle and would not fit this one.
      ComputeBackend.releaseIdleMemory()
      Parallel.using(threads: 1) {
        let tensor = entry.bytes.tensor
        let isBroken = !TensorCheck.isFinite(tensor)
        let result = body(entry.name, TensorLayout.engine(fromFile: tensor))
        state.withLock {
          $0.done[item - 1] = result
          if isBroken { $0.broken.append(item - 1) }
        }
      }
    }
    self.digest = digest.withLock { $0 }
    return state.withLock { state in
      broken += state.broken.sorted().map { raw[$0].name }
      return state.done.compactMap { $0 }
    }
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
