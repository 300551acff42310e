import Foundation
import Testing

@Suite("`pellucid report` makes the pages over a results folder")
struct ReportCommandTests {
  @Test("a computed case is a row that leads to its page; the same folder gives the same bytes")
  func cohort() throws {
    try Scene.with { scene in
      let id = "0123456789abcdef"
      let place = scene.outputs.appendingPathComponent("cases/\(id)")
      let records = scene.outputs.appendingPathComponent(".pellucid/manifests/01")
      for url in [place, records] {
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
      }
      let input = try scene.input("Doe_John.nii", NIfTIBytes.phantom().data)
      let run = try scene.execute(scene.run(input, to: "cases/\(id)/output.nii.gz", "--report", "--no-viewer"))
      #expect(run.exitCode == 0, "\(run.standardError)")
      try FileManager.default.moveItem(
        at: place.appendingPathComponent("output.manifest.json"), to: records.appendingPathComponent("\(id).json"))
      let outcome = try scene.execute(["report", scene.outputs.path, "--json"])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      let summary = try JSONSerialization.jsonObject(with: Data(outcome.standardOutput.utf8)) as? [String: Any]
      #expect(summary?["cases"] as? Int == 1 && summary?["done"] as? Int == 1)
      let names = ["index.html", "cohort.tsv", "cohort.json"]
      let texts = try names.map { try String(contentsOf: scene.outputs.appendingPathComponent($0), encoding: .utf8) }
      #expect(texts[0].contains("<a href=\"./cases/\(id)/output.report.html\">") && texts[1].contains("\(id)\tdone\t"))
      for text in texts { #expect(!text.contains("Doe") && !text.contains(scene.folder.path)) }
      #expect(try scene.execute(["report", scene.outputs.path]).exitCode == 0)
      #expect(
        try names.map { try String(contentsOf: scene.outputs.appendingPathComponent($0), encoding: .utf8) } == texts)
    }
  }

  @Test("ratings are collected from files and folders: strange ones are named and left out, a bad one refuses all")
  func collect() throws {
    try Scene.with { scene in
      let tree = scene.outputs.appendingPathComponent("tree")
      let input = try scene.input("scan.nii", NIfTIBytes.phantom([24, 20, 2]).data)
      let batch = try scene.execute(
        ["batch", input, "-o", tree.path, "--model", scene.model.path, "--steps", "2"])
      try #require(batch.exitCode == 0, "\(batch.standardError)")
      let id = try #require(try contents(of: tree.appendingPathComponent("cases")).first)
      let page = try String(contentsOf: tree.appendingPathComponent("cases/\(id)/report.html"), encoding: .utf8)
      let subject = try #require(page.firstMatch(of: /data-manifest="([0-9a-f]{64})"/)).1
      let inbox = scene.folder.appendingPathComponent("ratings")
      try FileManager.default.createDirectory(at: inbox, withIntermediateDirectories: true)
      func rating(_ name: String, _ caseID: String, _ more: String = "") throws -> String {
        let text = """
          {"schema": "pellucid-rating/1", "case": "\(caseID)", "manifest": "\(subject)", "rating": "exclude",
          "artefacts": ["blur"], "notes": "soft", "time": "2026-11-21T10:00:00.000Z"\(more)}
          """
        let url = inbox.appendingPathComponent(name)
        try Data(text.utf8).write(to: url)
        return url.path
      }
      _ = try rating("\(id).rating.json", id)
      _ = try rating("other.rating.json", "ffffffffffffffff")
      let good = try scene.execute(["report", tree.path, "--json", "--collect", inbox.path])
      #expect(good.exitCode == 0 && good.standardError.contains("no such case: other.rating.json: ffffffffffffffff"))
      let answer = try JSONSerialization.jsonObject(with: Data(good.standardOutput.utf8)) as? [String: Any]
      let ratings = answer?["ratings"] as? [String: Any]
      #expect(answer?["cases"] as? Int == 1 && ratings?["new"] as? Int == 1)
      #expect((ratings?["unknownCases"] as? [String])?.count == 1)
      // Whoever makes the pages later has them too.
      #expect(try scene.execute(["report", tree.path]).exitCode == 0)
      let table = try String(contentsOf: tree.appendingPathComponent("cohort.tsv"), encoding: .utf8)
      #expect(table.contains("\texclude\tblur\tsoft\t2026-11-21T10:00:00.000Z\t1\t"))
      let bad = try rating("bad.rating.json", id, ", \"user\": \"x\"")
      let refused = try scene.execute(["report", tree.path, "--collect", bad, inbox.path])
      #expect(refused.exitCode == 65 && refused.errorLines.count == 1, "\(refused.standardError)")
      #expect(refused.standardError.contains("user"))
      let missing = try scene.execute(["report", tree.path, "--collect", inbox.path + "/none.json"])
      #expect(missing.exitCode == 66 && missing.errorLines.count == 1, "\(missing.standardError)")
      #expect(try scene.execute(["verify", tree.path]).exitCode == 0)
    }
  }

  @Test("the results of a BIDS dataset: a row leads to the image under its BIDS name, its page and its thumbnail")
  func dataset() throws {
    try Scene.with { scene in
      let anat = scene.inputs.appendingPathComponent("sub-01/anat")
      try FileManager.default.createDirectory(at: anat, withIntermediateDirectories: true)
      let description = "{\"Name\": \"d\", \"BIDSVersion\": \"1.11.1\"}"
      try Data(description.utf8).write(to: scene.inputs.appendingPathComponent("dataset_description.json"))
      _ = try scene.input("sub-01/anat/sub-01_T1w.nii", NIfTIBytes.phantom([24, 20, 2]).data)
      let tree = scene.inputs.appendingPathComponent("derivatives/pellucid")
      let batch = try scene.execute(
        ["batch", scene.inputs.path, "-o", tree.path, "--model", scene.model.path, "--steps", "2"])
      try #require(batch.exitCode == 0, "\(batch.standardError)")
      func read(_ name: String) throws -> String {
        try String(contentsOf: tree.appendingPathComponent(name), encoding: .utf8)
      }
      let lines = try read("cohort.tsv").split(separator: "\n").map { $0.components(separatedBy: "\t") }
      try #require(lines.count == 2)
      let row = Dictionary(uniqueKeysWithValues: zip(lines[0], lines[1]))
      let image = try #require(row["image"])
      #expect(image.hasPrefix("sub-01/anat/sub-01_desc-denoised_T1w.nii") && row["unit"] == "HU")
      let page = try read("index.html")
      for path in [image, row["report"] ?? "", "cases/\(row["case_id"] ?? "")/thumbnail.png"] {
        #expect(FileManager.default.fileExists(atPath: tree.appendingPathComponent(path).path), "\(path)")
        #expect(page.contains("\"./\(path)\""), "\(path)")
      }
    }
  }

  @Test("a folder that holds no results is refused and left as it is")
  func wrongFolder() throws {
    try Scene.withoutModel { folder in
      for path in [folder.path, folder.path + "/nothing"] {
        let outcome = try Executable.run(["report", path], in: folder)
        #expect(outcome.exitCode == 66 && outcome.errorLines.count == 1, "\(outcome.standardError)")
      }
      #expect(try contents(of: folder).isEmpty)
    }
  }
}
