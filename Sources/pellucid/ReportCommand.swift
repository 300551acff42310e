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

      A case page saves what a person thinks of its result as a file CASE.rating.json. --collect takes such files into the       results, where all later pages and tables have them. Files about a case that is not there, or about another run of       it, are left out and named.

      Exit codes: 0 done; 64 usage; 65 a file to collect is no rating (nothing is collected); 66 no such folder; 73 files cannot be made; 74 disk full or I/O error; 77 no permission.
      """)

  @Argument(help: "The results folder.")
  var results: String
  @Option(
    help: ArgumentHelp("The spool whose given-up jobs are listed too (default: in the results).", valueName: "folder"))
  var spool: String?
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("Take in ratings: files, or folders with *rating*.json.", valueName: "file-or-folder"))
  var collect: [String] = []
  @Flag(help: "Print what was found as JSON on stdout.")
  var json = false

  func run() throws {
    let folder = URL(fileURLWithPath: results, isDirectory: true)
    let usual = folder.appendingPathComponent(".pellucid/spool")
    let place = spool.map { URL(fileURLWithPath: $0) } ?? (FolderChanges.exists(usual) ? usual : nil)
    let ratings = collect.isEmpty ? nil : try collectRatings(into: folder)
    let summary = try CohortUpdate.make(folder, spool: place.map { try Spool(at: $0) })
    if json {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
      print(String(decoding: try encoder.encode(Answer(summary: summary, ratings: ratings)), as: UTF8.self))
    }
    Terminal.say(
      "pellucid: \(summary.cases) cases (\(summary.done) done, \(summary.failed) failed, \(summary.quarantined) "
        + "quarantined, \(summary.outliers) with outliers): \(folder.appendingPathComponent("index.html").relativePath)"
    )
  }

  private func collectRatings(into results: URL) throws -> RatingStore.Collected {
    let found = try RatingStore.collect(collect.map { URL(fileURLWithPath: $0) }, into: results)
    for name in found.unknownCases {
      Terminal.say("pellucid: warning: W-RATING: not collected, the results have no such case: \(name)")
    }
    for name in found.otherRuns {
      Terminal.say("pellucid: warning: W-RATING: not collected, about another run than the one that stands: \(name)")
    }
    Terminal.say("pellucid: ratings: \(found.new) new, \(found.known) known")
    return found
  }

  /// The summary's fields, and those of the ratings where some were collected.
  private struct Answer: Encodable {
    let summary: CohortReport.Summary
    let ratings: RatingStore.Collected?

    private enum Key: CodingKey { case ratings }

    func encode(to encoder: any Encoder) throws {
      try summary.encode(to: encoder)
      var container = encoder.container(keyedBy: Key.self)
      try container.encodeIfPresent(ratings, forKey: .ratings)
    }
  }
}
