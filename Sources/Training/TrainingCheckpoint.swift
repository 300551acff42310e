import DurableFiles
public import Foundation
import NeuralNet
import TensorCore

/// A training run at one step, on disk: weights, moments, average, and the configuration that they belong to.
///
/// Layout: a line with the format's name; the length of the header (8 bytes, little-endian) and the header as JSON; the
/// floats of parameters, first moments, second moments and average, little-endian; the SHA-256 of all that in
/// hexadecimal. A damaged or truncated file is refused.
public struct TrainingCheckpoint: Sendable {
  /// What the run remembers.
  public var state: TrainingState
  /// The configuration file, whole.
  public var configuration: String
  /// Steps of the whole run, as the learning rate follows them.
  public var steps: Int
  /// The command that was run.
  public var command: String
  /// The last validation, if there was one.
  public var validation: [ValidationRow]

  private static let magic = Data("PELLUCID-CHECKPOINT-1\n".utf8)

  private struct Header: Codable {
    struct Entry: Codable {
      var name: String
      var shape: [Int]
    }
    var step: Int
    var steps: Int
    var momentStep: Int
    var command: String
    var configuration: String
    var validation: [ValidationRow]
    var tensors: [Entry]
  }

  /// Writes the checkpoint whole or not at all.
  public func write(to url: URL) throws {
    let parameters = state.parameters
    let header = Header(
      step: state.step, steps: steps, momentStep: state.moments.step, command: command, configuration: configuration,
      validation: validation,
      tensors: parameters.names.map { Header.Entry(name: $0, shape: parameters[$0].shape) })
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    let json = try encoder.encode(header)
    try AtomicFile.write(to: url) { file in
      var digest = ContentDigest()
      func put(_ data: Data) throws {
        data.withUnsafeBytes { digest.update($0) }
        try file.write(data)
      }
      try put(Self.magic)
      try put(withUnsafeBytes(of: UInt64(json.count).littleEndian) { Data($0) })
      try put(json)
      for set in [parameters, state.moments.first, state.moments.second, state.average] {
        for name in set.names { try put(set[name].withUnsafeBuffer { Data(buffer: $0) }) }
      }
      try file.write(Data(digest.hex.utf8))
    }
  }

  /// Reads a checkpoint.
  ///
  /// Throws `TrainingError` when the file is damaged.
  public init(contentsOf url: URL) throws {
    let name = url.lastPathComponent
    let data: Data
    do { data = try Data(contentsOf: url, options: .alwaysMapped) } catch {
      throw TrainingError(.checkpoint, "\(name) cannot be read: check the path")
    }
    let damaged = TrainingError(.checkpoint, "\(name) is damaged or no checkpoint: use an older one or start again")
    let prefix = Self.magic.count + 8
    guard data.count >= prefix + 64, data.prefix(Self.magic.count) == Self.magic else { throw damaged }
    let body = data.prefix(data.count - 64)
    guard Data(ContentDigest.sha256(of: body).utf8) == data.suffix(64) else { throw damaged }
    let length = body.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: Self.magic.count, as: UInt64.self) }
    guard let count = Int(exactly: UInt64(littleEndian: length)), count <= body.count - prefix,
      let header = try? JSONDecoder().decode(Header.self, from: body.dropFirst(prefix).prefix(count))
    else { throw damaged }
    let floats = header.tensors.reduce(0) { $0 + $1.shape.reduce(1, *) }
    guard body.count == prefix + count + 16 * floats else { throw damaged }
    var offset = prefix + count
    func set() -> ParameterSet {
      ParameterSet(
        header.tensors.map { entry in
          var tensor = Tensor(uninitialized: entry.shape)
          let bytes = 4 * tensor.count
          tensor.withUnsafeMutableBuffer { target in
            _ = body.copyBytes(to: UnsafeMutableRawBufferPointer(target), from: offset..<offset + bytes)
          }
          offset += bytes
          return (entry.name, tensor)
        })
    }
    let parameters = set(), first = set(), second = set(), average = set()
    state = TrainingState(
      step: header.step, parameters: parameters,
      moments: .init(step: header.momentStep, first: first, second: second), average: average)
    configuration = header.configuration
    steps = header.steps
    command = header.command
    validation = header.validation
  }

  /// A checkpoint from its parts.
  public init(
    state: TrainingState, configuration: String, steps: Int, command: String, validation: [ValidationRow]
  ) {
    self.state = state
    self.configuration = configuration
    self.steps = steps
    self.command = command
    self.validation = validation
  }
}
