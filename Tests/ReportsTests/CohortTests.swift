import DurableFiles
import Foundation
import Provenance
import TestSupport
import Testing

@testable import Reports

/// A results folder with `count` committed cases whose figures differ a little; the case `odd` has a figure far off.
func makeResults(
  _ folder: URL, count: Int, odd: Int? = nil, pages: Bool = true, unit: (Int) -> String? = { _ in "HU" }
) throws -> [String] {
  try (0..<count).map { index in
    let id = String(ContentDigest.sha256(of: Data("\(index)".utf8)).prefix(16))
    let wave = Double(index * 37 % 101) / 101
    var manifest = try testManifest(
      flags: index % 7 == 3 ? ["W-ENVELOPE: slice spacing 9 mm is outside <the> model's range"] : [],
      metrics: [
        "noiseBefore": index == odd ? 400 : 40 + 5 * wave, "noiseAfter": 8 + wave, "interSliceBefore": 190,
        "interSliceAfter": 150 + 20 * wave, "residualMean": wave - 0.5, "residualDeviation": 44 + wave,
        "residualAutocorrelation": 0.05 + wave / 100,
      ], unit: unit(index))
    manifest.outputs.append(FileRecord(role: "report", name: "report.html", sha256: "", bytes: 1))
    let place = folder.appendingPathComponent("cases/\(id)")
    let record = folder.appendingPathComponent(".pellucid/manifests/\(id.prefix(2))")
    for url in [place, record] { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }
    if pages { try Data("<p>".utf8).write(to: place.appendingPathComponent("report.html")) }
    try manifest.encoded().write(to: record.appendingPathComponent("\(id).json"))
    return id
  }
}

@Suite("Cohort report") struct CohortTests {
  private func read(_ folder: URL, _ name: String) throws -> String {
    String(decoding: try Data(contentsOf: folder.appendingPathComponent(name)), as: UTF8.self)
  }

  @Test("a thousand cases fit into 2 MB, a line each; the same folder gives the same bytes")
  func thousand() throws {
    try withTemporaryFolder { folder in
      let ids = try makeResults(folder, count: 1000, odd: 500)
      let summary = try CohortReport.rebuild(results: folder)
      #expect(summary.cases == 1000 && summary.done == 1000 && summary.outliers == 1)
      let page = try read(folder, "index.html")
      #expect(page.utf8.count < 2_000_000)
      for id in [ids.min()!, ids.max()!] { #expect(page.contains("<a href=\"./cases/\(id)/report.html\">\(id)</a>")) }
      let lines = try read(folder, "cohort.tsv").split(separator: "\n").map { $0.components(separatedBy: "\t") }
      #expect(lines.count == 1001 && lines.allSatisfy { $0.count == lines[0].count })
      #expect(lines.dropFirst().map { $0[0] } == ids.sorted())
      let column = try #require(lines[0].firstIndex(of: "outliers"))
      #expect(
        lines.dropFirst().filter { $0[column] != "n/a" }.map { [$0[0], $0[column]] } == [[ids[500], "noise_before"]])
      let files = try summary.files.map { try Data(contentsOf: folder.appendingPathComponent($0)) }
      #expect(try CohortReport.rebuild(results: folder) == summary)
      #expect(try summary.files.map { try Data(contentsOf: folder.appendingPathComponent($0)) } == files)
    }
  }

  @Test("every column of the table is described, and nothing else")
  func descriptions() throws {
    try withTemporaryFolder { folder in
      _ = try makeResults(folder, count: 1)
      try CohortReport.rebuild(results: folder)
      let header = try read(folder, "cohort.tsv").split(separator: "\n")[0].components(separatedBy: "\t")
      let json = try JSONSerialization.jsonObject(with: Data(contentsOf: folder.appendingPathComponent("cohort.json")))
      let described = try #require(json as? [String: [String: Any]])
      #expect(Set(header) == Set(described.keys) && header.count == described.count && header[0] == "case_id")
      #expect(described.values.allSatisfy { ($0["Description"] as? String)?.isEmpty == false })
      #expect(described["noise_before"]?["Units"] != nil && described["state"]?["Levels"] != nil)
    }
  }

  @Test("cases that failed or were set aside are rows; one that has a manifest is taken from there")
  func others() throws {
    try withTemporaryFolder { folder in
      let ids = try makeResults(folder, count: 2)
      let quarantined = CohortRow(caseID: "ffffffffffffffff", state: .quarantined, reason: "E-TRUNCATED")
      let stale = CohortRow(caseID: ids[0], state: .failed, reason: "exit-75")
      let failed = CohortRow(caseID: "0000000000000000", state: .failed, reason: "exit-65\t<b>\n")
      let summary = try CohortReport.rebuild(results: folder, others: [quarantined, stale, failed])
      #expect(summary.cases == 4 && summary.done == 2 && summary.failed == 1 && summary.quarantined == 1)
      let lines = try read(folder, "cohort.tsv").split(separator: "\n").map { $0.components(separatedBy: "\t") }
      #expect(lines.count == 5 && lines.allSatisfy { $0.count == lines[0].count })
      #expect(Array(lines[1][..<3]) == ["0000000000000000", "failed", "exit-65 <b> "])
      #expect(Array(lines[4][..<3]) == ["ffffffffffffffff", "quarantined", "E-TRUNCATED"])
      let page = try read(folder, "index.html")
      #expect(!page.contains("<b>") && page.contains("E-TRUNCATED") && !page.contains("exit-75"))
    }
  }

  @Test("a damaged manifest is a failed case, and what is no manifest is passed over")
  func damaged() throws {
    try withTemporaryFolder { folder in
      let id = try makeResults(folder, count: 1)[0]
      let record = folder.appendingPathComponent(".pellucid/manifests/\(id.prefix(2))")
      let other = String(id.prefix(2)) + "00000000000000"
      try Data("{".utf8).write(to: record.appendingPathComponent("\(other).json"))
      for name in [".pellucid-1f.tmp", "ABCDEF0123456789.json", "x.json", "\(id).json~"] {
        try Data("{".utf8).write(to: record.appendingPathComponent(name))
      }
      let rows = CohortReport.rows(in: folder).sorted { $0.caseID < $1.caseID }
      #expect(rows.map(\.caseID) == [id, other].sorted())
      #expect(rows.first { $0.caseID == other }?.reason == "E-MANIFEST")
      let good = try #require(rows.first { $0.caseID == id })
      #expect(good.page == "cases/\(id)/report.html" && good.thumbnail == nil && good.seconds == 8)
    }
  }

  @Test("a link leads only into the folder: a page that is not there, or lies elsewhere, gets none")
  func links() throws {
    try withTemporaryFolder { folder in
      let id = try makeResults(folder, count: 1, pages: false)[0]
      #expect(CohortReport.rows(in: folder)[0].page == nil)
      let url = folder.appendingPathComponent(".pellucid/manifests/\(id.prefix(2))/\(id).json")
      var manifest = try Manifest.read(url)
      manifest.outputs = [FileRecord(role: "report", name: "../../../etc/hostname", sha256: "", bytes: 1)]
      try manifest.encoded().write(to: url)
      #expect(CohortReport.rows(in: folder)[0].page == nil)
      #expect(CohortPage.link("javascript:alert(1)?#\"") == "./javascript%3Aalert%281%29%3F%23%22")
    }
  }

  @Test("a results folder without cases gives an empty cohort; any other folder is refused and left alone")
  func empty() throws {
    try withTemporaryFolder { folder in
      #expect(throws: FileError.self) { try CohortReport.rebuild(results: folder) }
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
      let records = folder.appendingPathComponent(".pellucid/manifests")
      try FileManager.default.createDirectory(at: records, withIntermediateDirectories: true)
      #expect(try CohortReport.rebuild(results: folder).cases == 0)
      #expect(try read(folder, "index.html").contains("<h1>0 cases</h1>"))
    }
  }

  @Test("cases of one unit have it on the page and in the columns' descriptions; cases of several each say theirs")
  func units() throws {
    try withTemporaryFolder { folder in
      func made(_ unit: (Int) -> String?) throws -> (page: String, lines: [[String]], units: String?) {
        let place = folder.appendingPathComponent(UUID().uuidString)
        _ = try makeResults(place, count: 6, unit: unit)
        try CohortReport.rebuild(results: place)
        let table = try read(place, "cohort.tsv").split(separator: "\n").map { $0.components(separatedBy: "\t") }
        let json = try JSONSerialization.jsonObject(with: Data(contentsOf: place.appendingPathComponent("cohort.json")))
        let units = (json as? [String: [String: Any]])?["noise_before"]?["Units"] as? String
        return (try read(place, "index.html"), table, units)
      }
      func column(_ lines: [[String]]) throws -> Set<String> {
        let index = try #require(lines[0].firstIndex(of: "unit"))
        return Set(lines.dropFirst().map { $0[index] })
      }
      let same = try made { _ in "HU" }
      #expect(try column(same.lines) == ["HU"] && same.units == "HU")
      #expect(same.page.contains("Noise before, HU</button>") && !same.page.contains("a.u."))
      let mixed = try made { $0 < 2 ? "HU" : $0 < 4 ? "a.u." : nil }
      #expect(try column(mixed.lines) == ["HU", "a.u.", "n/a"] && mixed.units == "the row's: see the column unit")
      // Each unit has its own axis, and each number its unit.
      for unit in ["HU", "a.u.", "unit not recorded"] {
        #expect(mixed.page.contains("<figcaption>Noise before, \(unit)</figcaption>"), "\(unit)")
      }
      #expect(mixed.page.contains("Noise before</button>"))
      #expect(mixed.page.contains(" a.u.</td>") && mixed.page.contains(" HU</td>"))
      #expect(mixed.page.components(separatedBy: "<figcaption>Residual, autocorrelation").count == 2)
    }
  }

  @Test("robust z: a known answer, too few cases, and cases that are all equal")
  func robustZ() {
    // Median 5, deviations 4 3 2 1 0 1 2 3 95: MAD 2.
    let z = CohortOutliers.robustZ([1, 2, 3, 4, 5, 6, 7, 8, 100])
    #expect(z[4] == 0 && abs(z[8] - 0.6745 * 95 / 2) < 1e-12 && abs(z[0] + 0.6745 * 2) < 1e-12)
    #expect(CohortOutliers.robustZ([1, 2, 3, 4, 5, 6, 100]).allSatisfy { $0 == 0 })
    #expect(CohortOutliers.robustZ([1, 1, 1, 1, 1, 1, 1, 9]).allSatisfy { $0 == 0 })
  }

  @Test("cases are compared with those of their own model and sampler")
  func groups() {
    func row(_ index: Int, _ model: String, _ value: Double) -> CohortRow {
      CohortRow(caseID: "\(index)", state: .done, model: model, sampler: "ddim", metrics: ["noiseBefore": value])
    }
    let ct = (0..<10).map { row($0, "ct", 40 + Double($0)) }
    let mr = (10..<13).map { row($0, "mr", 4000 + Double($0)) }
    #expect(CohortOutliers(ct + mr).marks.allSatisfy { $0.isEmpty })
    #expect(CohortOutliers(ct + [row(20, "ct", 4000)]).marks.last?["noiseBefore"] != nil)
    // The same model reads a PNG's grey levels, where told to: another unit, another kind.
    var grey = row(20, "ct", 4000)
    grey.unit = "a.u."
    #expect(CohortOutliers(ct + [grey]).marks.allSatisfy { $0.isEmpty })
  }

  @Test("figures and units of a manifest that was altered make no page that breaks")
  func alteredManifest() throws {
    try withTemporaryFolder { folder in
      let ids = try makeResults(folder, count: 4, unit: { _ in "\"><b>HU" })
      for (id, value) in zip(ids, [1e308, -1e308]) {
        let url = folder.appendingPathComponent(".pellucid/manifests/\(id.prefix(2))/\(id).json")
        var manifest = try Manifest.read(url)
        manifest.qc.metrics["noiseAfter"] = value
        try manifest.encoded().write(to: url)
      }
      #expect(try CohortReport.rebuild(results: folder).cases == 4)
      let page = try read(folder, "index.html")
      #expect(page.contains("&lt;b&gt;HU") && !page.contains("<b>HU"))
    }
  }
}
