import DurableFiles
import Foundation
import Synchronization
import TensorCore

/// Reads a model file a few tensors at a time and takes its digest on the way.
final class ModelReader {
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
    guard let text = file.metadata[ModelCard.metadataKey] else {
      throw ModelError(
        .card, "\(file.file.name) has no Pellucid model card; make one with `pellucid models import` from a checkpoint")
    }
    return try ModelCard(json: text, from: file.file.name)
  }

  /// Bytes of the file that are in memory at a time.
  private static let group = 64 << 20
  /// Bytes that a thread reads at a time.
  private static let piece = 4 << 20

  /// The most bytes of a network's tensors that are in memory at a time while a file of float32 is read: a group as it
  /// stands in the file, and on every thread no more than one tensor in another order.
  static func workingBytes(_ network: UNet) -> Int {
    let sizes = network.parameterShapes.map { 4 * $0.shape.reduce(1, *) }
    let largest = sizes.max() ?? 0
    return min(sizes.reduce(0, +), max(group, largest)) + min(Parallel.threadCount, sizes.count) * largest
  }

  /// Reads all parameters.
  ///
  /// `body` gets each in the file's layout, several at a time; the numbers are valid only inside. What it makes of them
  /// is returned in the order of the file.
  func read<R: Sendable>(
    _ body: @Sendable (_ name: String, _ numbers: UnsafeBufferPointer<Float>, _ shape: [Int]) -> R
  ) throws -> [R] {
    let groups = groups
    let bytes = groups.map { $0.reduce(0) { $0 + $1.byteCount } }
    // One memory for all groups: every page of it is asked of the system once.
    var buffer = Tensor(uninitialized: [((bytes.max() ?? 0) + 3) / 4])
    return try buffer.withUnsafeMutableBuffer { buffer in
      var results: [R] = []
      for (group, count) in zip(groups, bytes) {
        let raw = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<count])
        try fill(raw, at: group[group.startIndex].offset)
        results += take(group, SharedPointer(raw.baseAddress!.assumingMemoryBound(to: UInt8.self)), body)
      }
      return results
    }
  }

  /// The tensors by groups of neighbours.
  private var groups: [ArraySlice<SafetensorsFile.Entry>] {
    var groups: [ArraySlice<SafetensorsFile.Entry>] = []
    var (first, bytes) = (0, 0)
    for (index, entry) in file.entries.enumerated() {
      if index > first, bytes + entry.byteCount > Self.group {
        groups.append(file.entries[first..<index])
        (first, bytes) = (index, 0)
      }
      bytes += entry.byteCount
    }
    return first < file.entries.count ? groups + [file.entries[first...]] : groups
  }

  /// Reads bytes of the file, in pieces on all threads.
  private func fill(_ bytes: UnsafeMutableRawBufferPointer, at offset: Int) throws {
    let failure = Mutex<(any Error)?>(nil)
    let (file, start) = (file, SharedPointer(bytes.baseAddress!.assumingMemoryBound(to: UInt8.self)))
    let count = bytes.count
    Parallel.forEach((count + Self.piece - 1) / Self.piece) { item in
      let first = item * Self.piece
      do {
        try file.read(
          into: UnsafeMutableRawBufferPointer(start: start + first, count: min(Self.piece, count - first)),
          at: offset + first)
      } catch {
        failure.withLock { $0 = error }
      }
    }
    if let failure = failure.withLock({ $0 }) { throw failure }
  }

  /// The digest of some tensors on one thread, and what `body` makes of them on all.
  private func take<R: Sendable>(
    _ group: ArraySlice<SafetensorsFile.Entry>, _ bytes: SharedPointer<UInt8>,
    _ body: @Sendable (_ name: String, UnsafeBufferPointer<Float>, _ shape: [Int]) -> R
  ) -> [R] {
    let state = Mutex((done: [R?](repeating: nil, count: group.count), broken: [Int]()))
    let digest = Mutex(digest)
    let start = group[group.startIndex].offset
    let total = group.reduce(0) { $0 + $1.byteCount }
    // The largest first, so that all threads are done at about the same time.
    let order = group.indices.sorted { (group[$1].byteCount, $0) < (group[$0].byteCount, $1) }
    Parallel.forEach(group.count + 1) { item in
      guard item > 0 else {
        digest.withLock { $0.update(UnsafeRawBufferPointer(start: bytes.pointer, count: total)) }
        return
      }
      let (entry, place) = (group[order[item - 1]], order[item - 1] - group.startIndex)
      let raw = UnsafeRawBufferPointer(start: bytes + (entry.offset - start), count: entry.byteCount)
      entry.withNumbers(raw) { numbers in
        let isBroken = !TensorCheck.isFinite(numbers)
        let result = body(entry.name, numbers, entry.shape)
        state.withLock {
          $0.done[place] = result
          if isBroken { $0.broken.append(place) }
        }
      }
    }
    self.digest = digest.withLock { $0 }
    return state.withLock { state in
      broken += state.broken.sorted().map { group[group.startIndex + $0].name }
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
