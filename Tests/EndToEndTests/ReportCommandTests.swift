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
