import DurableFiles
import Foundation
import Provenance
import TestSupport
import Testing

@testable import Reports

@Suite("Ratings") struct RatingTests {
  private let valid: [String: Any] = [
    "schema": "pellucid-rating/1", "case": "0123456789abcdef", "manifest": String(repeating: "a", count: 64),
    "rating": "exclude", "artefacts": ["blur", "other"], "notes": "soft\nedges", "time": "2026-11-21T10:00:00.000Z",
  ]

  private func write(_ object: [String: Any], _ folder: URL, _ name: String = "x.rating.json") throws -> URL {
    let url = folder.appendingPathComponent(name)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try JSONSerialization.data(withJSONObject: object).write(to: url)
    return url
  }

  /// A rating of a case as its page would save it.
  private func rating(of id: String, _ results: URL, _ changes: [String: Any] = [:]) throws -> [String: Any] {
    let manifest = try #require(try CohortReport.subject(of: id, in: results))
    return valid.merging(["case": id, "manifest": manifest]) { $1 }.merging(changes) { $1 }
  }

  @Test("a rating is read as it was written; one flaw refuses it, by name")
  func strict() throws {
    try withTemporaryFolder { folder in
      let read = try CaseRating.read(try write(valid, folder))
      #expect(read.rating == .exclude && read.artefacts == [.blur, .other] && read.notes == "soft\nedges")
      let changes: [(String, Any?)] = [
        ("schema", "pellucid-rating/2"), ("case", "0123456789ABCDEF"), ("case", "../etc"), ("manifest", "a"),
        ("rating", "perhaps"), ("rating", 1), ("rating", nil), ("artefacts", ["blur", "blur"]),
        ("artefacts", ["ghost"]),
        ("artefacts", "blur"), ("notes", String(repeating: "x", count: 2001)), ("notes", nil), ("time", "yesterday"),
        ("time", "2026-11-21T10:00:00.000Z "), ("rater", "Dr. No"),
      ]
      for (key, value) in changes {
        var object = valid
        object[key] = value
        let url = try write(object, folder)
        #expect { try CaseRating.read(url) } throws: {
          "\($0)".hasPrefix("x.rating.json is no rating") && "\($0)".contains(key)
        }
      }
      for text in ["", "[]", "{", "null", String(repeating: " ", count: 70_000)] {
        let url = folder.appendingPathComponent("y.json")
        try Data(text.utf8).write(to: url)
        #expect(throws: RatingError.self) { try CaseRating.read(url) }
      }
    }
  }

  @Test("collected ratings stay with the results: the latest counts, the same one counts once")
  func collect() throws {
    try withTemporaryFolder { folder in
      let results = folder.appendingPathComponent("results")
      let ids = try makeResults(results, count: 3)
      let inbox = folder.appendingPathComponent("inbox")
      _ = try write(rating(of: ids[0], results, ["notes": "=1+1\tand <b>"]), inbox, "a.rating.json")
      _ = try write(
        rating(of: ids[1], results, ["rating": "accept", "artefacts": [String](), "notes": ""]), inbox,
        "b.rating (1).json")
      _ = try write(
        rating(of: ids[1], results, ["rating": "uncertain", "time": "2026-11-20T10:00:00.000Z"]), inbox, "rating.json")
      _ = try write(["no": "rating"], inbox, "package.json")
      #expect(try RatingStore.collect([inbox], into: results).new == 3)
      let again = try RatingStore.collect([inbox, inbox.appendingPathComponent("rating.json")], into: results)
      #expect(again.new == 0 && again.known == 4)
      try CohortReport.rebuild(results: results)
      let text = try String(contentsOf: results.appendingPathComponent("cohort.tsv"), encoding: .utf8)
      let lines = text.split(separator: "\n").map { $0.components(separatedBy: "\t") }
      func value(_ id: String, _ column: String) throws -> String {
        try #require(lines.first { $0[0] == id })[try #require(lines[0].firstIndex(of: column))]
      }
      #expect(try value(ids[0], "rating") == "exclude" && value(ids[0], "rating_artefacts") == "blur,other")
      // No formula for a spreadsheet, no end of a cell.
      #expect(try value(ids[0], "rating_notes") == "'=1+1 and <b>")
      #expect(try value(ids[1], "rating") == "accept" && value(ids[1], "ratings") == "2")
      #expect(try value(ids[1], "rating_artefacts") == "n/a" && value(ids[2], "rating") == "n/a")
      let page = try String(contentsOf: results.appendingPathComponent("index.html"), encoding: .utf8)
      #expect(page.contains("1 accept, 1 exclude, 0 uncertain") && page.contains("and &lt;b&gt;"))
      #expect(!page.contains("<b>") && page.contains("<small>blur, other</small>"))
    }
  }

  @Test("ratings of cases that are not there, or of another run, are named and left out; a bad file stops all")
  func leftOut() throws {
    try withTemporaryFolder { folder in
      let results = folder.appendingPathComponent("results")
      let id = try makeResults(results, count: 1)[0]
      let inbox = folder.appendingPathComponent("inbox")
      let good = try write(rating(of: id, results), inbox, "good-rating.json")
      let old = try write(
        rating(of: id, results, ["manifest": String(repeating: "0", count: 64)]), inbox, "old-rating.json")
      let strange = try write(
        rating(of: id, results, ["case": "ffffffffffffffff"]), inbox, "strange-rating.json")
      let bad = try write(rating(of: id, results, ["user": "x"]), inbox, "bad-rating.json")
      let store = results.appendingPathComponent(".pellucid/ratings")
      #expect { try RatingStore.collect([inbox], into: results) } throws: { "\($0)".hasPrefix("bad-rating.json is no") }
      #expect(!FolderChanges.exists(store))
      try FileManager.default.removeItem(at: bad)
      let found = try RatingStore.collect([good, old, strange], into: results)
      #expect(found.new == 1 && found.known == 0)
      #expect(found.otherRuns == ["old-rating.json: \(id)"])
      #expect(found.unknownCases == ["strange-rating.json: ffffffffffffffff"])
      #expect(try FileManager.default.contentsOfDirectory(atPath: store.path) == [id])
      // A case that was computed again has not been looked at.
      #expect(CohortReport.rows(in: results)[0].ratings.count == 1)
      let url = results.appendingPathComponent(".pellucid/manifests/\(id.prefix(2))/\(id).json")
      var manifest = try Manifest.read(url)
      manifest.id = "6f0c1f2e-0000-4000-8000-000000000002"
      try manifest.encoded().write(to: url)
      #expect(CohortReport.rows(in: results)[0].ratings.isEmpty)
    }
  }

  @Test("what a rating is about does not depend on the report that asks for it")
  func subject() throws {
    var manifest = try testManifest()
    let before = try CaseRating.subject(of: manifest)
    manifest.outputs.append(FileRecord(role: "report", name: "r.html", sha256: "12", bytes: 1))
    manifest.outputs.append(FileRecord(role: "thumbnail", name: "t.png", sha256: "34", bytes: 1))
    manifest.durations.write = 99
    #expect(try CaseRating.subject(of: manifest) == before)
    manifest.outputs[0].sha256 = String(repeating: "e", count: 64)
    #expect(try CaseRating.subject(of: manifest) != before)
    let page = String(decoding: try testPage(manifest: try testManifest()).html(), as: UTF8.self)
    #expect(page.contains("data-manifest=\"\(before)\""))
  }

  @Test(
    "with the keyboard alone a rating is chosen and saved, as a file that is read strictly",
    .enabled(if: HeadlessBrowser.isExpected))
  func form() throws {
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("report.html")
      let manifest = try testManifest()
      try testPage(manifest: manifest).html().write(to: url)
      let saved = folder.appendingPathComponent("saved")
      try FileManager.default.createDirectory(at: saved, withIntermediateDirectories: true)
      let browser = try HeadlessBrowser()
      try browser.saveDownloads(in: saved)
      try browser.open(url, width: 1280, height: 900)
      // Without a verdict nothing is saved, and the page says what is missing and goes there.
      try browser.evaluate("document.querySelector('#rating button').focus()")
      try browser.press(" ")
      let said = "document.querySelector('#rating output').textContent"
      #expect((try browser.evaluate(said) as? String)?.contains("Choose") == true)
      #expect(try browser.evaluate("document.activeElement.value") as? String == "accept")
      try browser.press("ArrowRight")
      try browser.press("Tab")
      try browser.press(" ")
      for _ in CaseRating.Artefact.allCases { try browser.press("Tab") }
      #expect(try browser.evaluate("document.activeElement.tagName") as? String == "TEXTAREA")
      let split = "getComputedStyle(document.querySelector('.compare .stage')).getPropertyValue('--split')"
      let divider = try browser.evaluate(split) as? String
      try browser.press("b")
      try browser.type("ä \"</script>\" ✓")
      #expect(try browser.evaluate(split) as? String == divider)
      try browser.press("Tab")
      try browser.press(" ")
      try browser.wait(until: "\(said).startsWith('Saved')")
      let name = "\(manifest.jobKey.prefix(16)).rating.json"
      let file = saved.appendingPathComponent(name)
      for _ in 0..<200 where !FolderChanges.exists(file) { usleep(50_000) }
      let rating = try CaseRating.read(file)
      #expect(rating.rating == .exclude && rating.artefacts == [.noiseLeft] && rating.notes == "bä \"</script>\" ✓")
      #expect(
        try rating.case == String(manifest.jobKey.prefix(16)) && rating.manifest == CaseRating.subject(of: manifest))
      #expect(browser.complaints.isEmpty, "\(browser.complaints)")
    }
  }
}
