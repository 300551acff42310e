import DurableFiles
public import Foundation
import Provenance

/// The page and the tables over all cases of a results folder: `index.html`, `cohort.tsv`, `cohort.json`.
///
/// A results folder holds `cases/CASE/` with a case's files and `.pellucid/manifests/AA/CASE.json` with their record, AA
/// being the first two of CASE's 16 hexadecimal digits. A case is there when its manifest is.
public enum CohortReport {
  /// Where the records of cases lie in a results folder.
  private static let manifests = ".pellucid/manifests"

  /// What was found.
  public struct Summary: Codable, Sendable, Equatable {
    /// All cases.
    public var cases: Int
    /// Cases with a committed result.
    public var done: Int
    /// Cases that failed.
    public var failed: Int
    /// Cases that were set aside.
    public var quarantined: Int
    /// Cases with a figure far from those of their kind.
    public var outliers: Int
    /// Names of the files written.
    public var files: [String]
  }

  /// Reads the folder and writes the three files, each whole or not at all; the same folder gives the same bytes.
  ///
  /// `others` are cases without a manifest, as the queue knows them; a case that has one is not taken from there. Throws
  /// `FileError`.
  @discardableResult
  public static func rebuild(results: URL, others: [CohortRow] = []) throws -> Summary {
    // A mistyped path must not get an index.html.
    guard !others.isEmpty || access(results.appendingPathComponent(manifests).path, R_OK | X_OK) == 0 else {
      throw FileError(
        .notFound, "\(results.lastPathComponent) is no results folder: it has no \(manifests); check the path")
    }
    let found = rows(in: results)
    let names = Set(found.map(\.caseID))
    let all = (found + others.filter { !names.contains($0.caseID) }).sorted { $0.caseID < $1.caseID }
    let outliers = CohortOutliers(all)
    let table = CohortTable(rows: all, outliers: outliers)
    // The page comes last: it is what people open, and then the tables beside it are as new.
    let files = [
      ("cohort.json", try table.descriptions), ("cohort.tsv", table.tsv),
      ("index.html", CohortPage(rows: all, outliers: outliers).html()),
    ]
    for (name, data) in files { try AtomicFile.write(data, to: results.appendingPathComponent(name)) }
    func count(_ state: CohortRow.State) -> Int { all.count { $0.state == state } }
    return Summary(
      cases: all.count, done: count(.done), failed: count(.failed), quarantined: count(.quarantined),
      outliers: outliers.marks.count { !$0.isEmpty }, files: files.map(\.0))
  }

  /// A row for every manifest in the folder, by case.
  static func rows(in results: URL) -> [CohortRow] {
    let manifests = results.appendingPathComponent(manifests)
    let named = BIDSImages.paths(in: results)
    return names(in: manifests).filter { $0.utf8.count == 2 }.flatMap { prefix in
      let folder = manifests.appendingPathComponent(prefix)
      return names(in: folder).compactMap { name -> CohortRow? in
        guard name.hasSuffix(".json") else { return nil }
        let caseID = String(name.dropLast(5))
        guard isCase(caseID), caseID.hasPrefix(prefix) else { return nil }
        return row(caseID, folder.appendingPathComponent(name), in: results, images: named[caseID] ?? [])
      }
    }
  }

  private static func row(_ caseID: String, _ url: URL, in results: URL, images: [String]) -> CohortRow {
    guard let manifest = try? Manifest.read(url) else {
      return CohortRow(caseID: caseID, state: .failed, reason: "E-MANIFEST")
    }
    /// The file of a role, or of its usual name, if it lies where the case's files are; a manifest's names have no folders.
    func path(_ role: String, _ usual: String? = nil) -> String? {
      guard let name = manifest.outputs.first(where: { $0.role == role })?.name ?? usual else { return nil }
      let path = "cases/\(caseID)/\(name)"
      return !name.contains("/") && access(results.appendingPathComponent(path).path, R_OK) == 0 ? path : nil
    }
    var row = CohortRow(
      manifest, caseID: caseID, page: path("report", "report.html"), thumbnail: path("thumbnail", "thumbnail.png"))
    row.images = images.isEmpty ? [path("image")].compactMap(\.self) : images
    if let subject = try? CaseRating.subject(of: manifest) {
      row.ratings = RatingStore.ratings(of: caseID, subject: subject, in: results)
    }
    return row
  }

  /// What a rating of a case has to be about; nil where the results have no such case.
  static func subject(of caseID: String, in results: URL) throws -> String? {
    let url = results.appendingPathComponent("\(manifests)/\(caseID.prefix(2))/\(caseID).json")
    return try (try? Manifest.read(url)).map(CaseRating.subject)
  }

  private static func isCase(_ name: String) -> Bool {
    name.utf8.count == 16 && name.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
  }

  private static func names(in folder: URL) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).sorted()
  }
}
