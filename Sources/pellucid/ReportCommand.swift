import ArgumentParser
import BatchQueue
import DurableFiles
import Foundation
import Reports

/// `pellucid report`: the page and the tables over all cases of a results folder.
struct ReportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "Make the page over all cases of a results folder.",
    discussion: """
      Reads the manifests of a results folder and writes index.html, cohort.tsv and cohort.json there, each whole or not \
      at all. The same folder gives the same bytes. Pages of single cases are made when the case is computed.

      Exit codes: 0 done; 64 usage; 66 no such folder; 73 files cannot be made; 74 disk full or I/O error; 77 no permission.
      """)

  @Argument(help: "The results folder.")
  var results: String
  @Option(
    help: ArgumentHelp("The spool whose given-up jobs are listed too (default: in the results).", valueName: "folder"))
  var spool: String?
  @Flag(help: "Print what was found as JSON on stdout.")
  var json = false

  func run() throws {
    let folder = URL(fileURLWithPath: results, isDirectory: true)
    let usual = folder.appendingPathComponent(".pellucid/spool")
    let place = spool.map { URL(fileURLWithPath: $0) } ?? (FolderChanges.exists(usual) ? usual : nil)
    let summary = try CohortUpdate.make(folder, spool: place.map { try Spool(at: $0) })
    if json {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
      print(String(decoding: try encoder.encode(summary), as: UTF8.self))
    }
    Terminal.say(
      "pellucid: \(summary.cases) cases (\(summary.done) done, \(summary.failed) failed, \(summary.quarantined) "
        + "quarantined, \(summary.outliers) with outliers): \(folder.appendingPathComponent("index.html").relativePath)"
    )
  }
}
