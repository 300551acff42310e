import DurableFiles
import Foundation

/// What a run said while it trained: one JSON object per line of `log.jsonl`.
public struct TrainingLog: Sendable, Equatable {
  /// One line.
  public struct Line: Sendable, Equatable, Codable {
    /// Steps taken.
    public var step: Int
    /// Mean loss since the line before; nil in a line of validation.
    public var loss: Double?
    /// Mean norm of the gradient since the line before.
    public var gradientNorm: Double?
    /// The learning rate of the last step.
    public var learningRate: Double?
    /// Patches per second since the line before, counted by pixels in patches of the smallest size.
    public var samplesPerSecond: Double?
    /// What validation measured.
    public var validation: [ValidationRow]?
  }

  /// All lines, oldest first.
  public private(set) var lines: [Line] = []

  init() {}

  /// The log of a run that goes on from a step: later lines were not saved with it and are dropped.
  init(contentsOf url: URL, upTo step: Int) {
    guard let text = try? String(contentsOf: url, encoding: .utf8) else { return }
    let decoder = JSONDecoder()
    lines = text.split(separator: "\n").compactMap { try? decoder.decode(Line.self, from: Data($0.utf8)) }
      .filter { $0.step <= step }
  }

  mutating func append(_ line: Line) { lines.append(line) }

  /// Writes the log whole.
  func write(to url: URL) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    var data = Data()
    for line in lines { data += try encoder.encode(line) + Data("\n".utf8) }
    try AtomicFile.write(data, to: url)
  }
}
