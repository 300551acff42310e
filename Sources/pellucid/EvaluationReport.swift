import Evaluation
import Foundation
import Models
import Pipeline

/// What `pellucid evaluate` prints: a table for people, a document for programs.
struct EvaluationReport: Encodable {
  let model: Model
  let rows: [ModelEvaluation.Row]

  /// Which model was measured.
  struct Model: Encodable {
    let name: String
    let version: String
    let task: ModelTask
    let sha256: String
  }

  init(_ file: PackedModel, _ rows: [ModelEvaluation.Row]) {
    model = Model(name: file.card.name, version: file.card.version, task: file.card.task, sha256: file.sha256)
    self.rows = rows
  }

  /// The report as JSON; a PSNR of equal images is the string "inf".
  func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    return String(decoding: try encoder.encode(self), as: UTF8.self)
  }

  /// The report as text: a block per scan and level, a line per method.
  func table() -> String {
    var lines = ["\(model.name) \(model.version), \(model.task.rawValue), sha256 \(model.sha256.prefix(16))"]
    var block: [String] = []
    for row in rows {
      let heading = [row.data, row.level.map { "level \($0)" }].compactMap { $0 }.joined(separator: ", ")
      if block != [heading] {
        block = [heading]
        lines += ["", "\(heading), \(row.slices) slices", Self.header]
      }
      lines.append(Self.line(row))
    }
    return lines.joined(separator: "\n")
  }

  private static let columns = [
    "PSNR", "gain", "worst", "SSIM", "MAE", "sharp", "edges", "slices", "flicker", "noise", "spread", "evals", "s",
  ]

  private static var header: String { columns.map { padded($0, 8) }.joined() + "  method" }

  private static func line(_ row: ModelEvaluation.Row) -> String {
    let figures = row.figures
    let cells = [
      text(figures.psnr, 2), text(figures.psnrGain, 2), text(figures.worstSliceGain, 2), text(figures.ssim, 4),
      text(figures.absoluteError, 2), text(figures.sharpness, 3), text(figures.edgeRetention, 3),
      text(figures.sliceDifference, 3), text(figures.errorFlicker, 3), text(figures.noise, 2), text(row.seedSpread, 2),
      row.evaluations.map(String.init) ?? "-", text(row.seconds, 1),
    ]
    return cells.map { padded($0, 8) }.joined() + "  " + row.method
  }

  private static func text(_ value: Double?, _ decimals: Int) -> String {
    value.map { String(format: "%.\(decimals)f", $0) } ?? "-"
  }

  private static func padded(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(1, width - text.count)) + text
  }
}
