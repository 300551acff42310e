import DurableFiles
public import Foundation
import Models
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
  /// What was measured on the data before the first step.
  public var fitted: FittedValues

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
    var fitted: FittedValues?
    var tensors: [Entry]
  }

  /// Writes the checkpoint whole or not at all.
  public func write(to url: URL) throws {
    let parameters = state.parameters
    let header = Header(
      step: state.step, steps: steps, momentStep: state.moments.step, command: command, configuration: configuration,
      validation: validation, fitted: fitted,
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
    let file = try RegularFile(url)
    let data = Data(try file.read(at: 0, count: file.byteCount))
    let damaged = TrainingError(.checkpoint, "\(name) is damaged or no checkpoint: use an older one or start again")
    let prefix = Self.magic.count + 8
    guard data.count >= prefix + 64, data.prefix(Self.magic.count) == Self.magic else { throw damaged }
    let body = data.prefix(data.count - 64)
    guard Data(ContentDigest.sha256(of: body).utf8) == data.suffix(64) else { throw damaged }
    let length = body.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: Self.magic.count, as: UInt64.self) }
    guard let count = Int(exactly: UInt64(littleEndian: length)), count <= body.count - prefix,
      let header = try? JSONDecoder().decode(Header.self, from: body.dropFirst(prefix).prefix(count))
    else { throw damaged }
    // The digest is anyone's to make: nothing in the header is believed unseen.
    guard (0...100_000_000).contains(header.steps), (0...header.steps).contains(header.step),
      (0...header.step).contains(header.momentStep), Set(header.tensors.map(\.name)).count == header.tensors.count,
      let floats = Self.total(header.tensors.map(\.shape)), body.count - prefix - count == 16 * floats
    else { throw damaged }
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
    guard
      [parameters, average].allSatisfy({ set in
        set.names.allSatisfy { set[$0].withUnsafeBuffer { $0.allSatisfy(\.isFinite) } }
      })
    else { throw damaged }
    try Self.check(parameters, header.configuration, damaged)
    state = TrainingState(
      step: header.step, parameters: parameters,
      moments: .init(step: header.momentStep, first: first, second: second), average: average)
    configuration = header.configuration
    steps = header.steps
    command = header.command
    validation = header.validation
    fitted = header.fitted ?? FittedValues()
  }

  /// Numbers in tensors of these shapes; nil for shapes that no file of ours holds.
  private static func total(_ shapes: [[Int]]) -> Int? {
    var total = 0
    for shape in shapes {
      var count = 1
      for extent in shape {
        let (product, overflow) = count.multipliedReportingOverflow(by: extent)
        guard extent > 0, !overflow, product < 1 << 40 else { return nil }
        count = product
      }
      total += count
      guard total < 1 << 40 else { return nil }
    }
    return total
  }

  /// Throws when the tensors are not those of the configuration's network.
  private static func check(_ parameters: ParameterSet, _ text: String, _ damaged: TrainingError) throws {
    let shapes = try UNet(TrainingConfiguration(yaml: text).architecture).parameterShapes
    guard shapes.map(\.name) == parameters.names, shapes.allSatisfy({ parameters[$0.name].shape == $0.shape }) else {
      throw damaged
    }
  }

  /// A checkpoint from its parts.
  public init(
    state: TrainingState, configuration: String, steps: Int, command: String, validation: [ValidationRow],
    fitted: FittedValues = FittedValues()
  ) {
    self.state = state
    self.configuration = configuration
    self.steps = steps
    self.command = command
    self.validation = validation
    self.fitted = fitted
  }
}
