import ArgumentParser
import Cases
import Configuration
import DurableFiles
import Foundation
import Models

/// `pellucid inspect`: what files are, and whether they are whole.
struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Show what image files are: geometry, values, integrity, privacy risk, models that fit.",
    discussion: """
      The whole file is read and checked, in memory that does not grow with it. Of header fields, chunks and comments that \
      may identify somebody only the names are shown.

      Exit codes: 0 all are whole; 65 one is damaged, or has no voxels that could be restored; 66 one is missing.
      """)

  @Argument(help: ArgumentHelp("Image files.", valueName: "file")) var files: [String]
  @Flag(help: "Say only what is wrong.") var check = false
  @Flag(help: "Print JSON on stdout.") var json = false
  @Option(help: ArgumentHelp("A folder of workflows that goes before all others.", valueName: "folder"))
  var workflows: String?

  func run() throws {
    let settings = try SettingsInForce.read([.workflows: workflows])
    let inspector = ScanInspector(
      library: WorkflowLibrary.current(first: settings.workflows.value),
      models: ModelLocator.current(first: settings.models.value))
    var reports: [ScanReport] = []
    var codes: Set<Int32> = []
    for file in files {
      let report: ScanReport
      do {
        report = try inspector.report(URL(fileURLWithPath: file), named: file)
        if !report.ok { codes.insert(ExitStatus.data.rawValue) }
      } catch {
        guard let status = ExitStatus(error) else { throw error }
        codes.insert(status.rawValue)
        var broken = ScanReport(file: file)
        broken.problem = ExitStatus.oneLine(error)
        report = broken
      }
      reports.append(report)
      if let problem = report.problem {
        let name = URL(fileURLWithPath: file).lastPathComponent
        let said = problem.contains(name) ? problem : "\(name): \(problem)"
        Terminal.say("pellucid: error: \(FileError.printable(said))")
      }
      if !json, !check, let scan = report.scan { print(Self.lines(report, scan).joined(separator: "\n")) }
    }
    if json { print(try Self.text(reports)) }
    guard !codes.isEmpty else { return }
    throw ExitCode(codes.count == 1 ? codes.first! : ExitStatus.data.rawValue)
  }

  private static func text(_ reports: [ScanReport]) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(["files": reports]), as: UTF8.self)
  }

  private static func lines(_ report: ScanReport, _ scan: ScanReport.Scan) -> [String] {
    func number(_ value: Double) -> String { String(format: "%g", value) }
    func numbers(_ values: [Double]) -> String { values.map(number).joined(separator: "  ") }
    let forms = scan.qformCode.map { ", qform \($0), sform \(scan.sformCode ?? 0)" } ?? ""
    var lines = [
      FileError.printable(report.file),
      "  format       \(scan.format), \(ByteCount.text(scan.bytes)), \(scan.integrity)",
      "  voxels       \(scan.dimensions.map(String.init).joined(separator: " x ")), \(scan.dataType), slope \(number(scan.slope)), "
        + "intercept \(number(scan.intercept))",
      "  spacing      \(scan.spacing.map(number).joined(separator: " x ")) mm",
      "  orientation  \(scan.orientation ?? "unknown")\(forms)",
    ]
    lines += scan.affine.map { "  affine       \(numbers($0))" }
    if let low = scan.minimum, let high = scan.maximum {
      let percentiles = ["p1", "p50", "p99"].compactMap { name in
        scan.percentiles[name].map { "\(name) \(number($0))" }
      }
      lines.append("  values       \(number(low)) to \(number(high)), \(percentiles.joined(separator: ", "))")
    }
    lines.append("  free text    \(scan.textFields.isEmpty ? "none" : scan.textFields.joined(separator: ", "))")
    lines += scan.warnings.map { "  warning      \(FileError.printable($0))" }
    for (kind, list) in [("model   ", report.models), ("workflow", report.workflows)] {
      for item in list {
        let reasons = item.reasons.isEmpty ? "" : ": " + item.reasons.joined(separator: "; ")
        let matches = item.matches == true ? ", taken by default" : ""
        lines.append(
          FileError.printable("  \(kind)     \(item.name) \(item.fits ? "fits" : "does not fit")\(matches)\(reasons)"))
      }
    }
    return lines
  }
}
