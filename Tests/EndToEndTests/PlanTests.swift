import Foundation
import Testing

@Suite("plan says what a batch would do, and does nothing")
struct PlanTests {
  private struct Document: Decodable {
    struct Case: Decodable {
      struct Run: Decodable {
        var dimensions: [Int]
        var labels: [Int]
        var batch: Int
        var networkSize: [Int]
        var evaluations: Int
        var predictedMemory: Int
        var jobKey: String
      }
      var file: String
      var job: String?
      var state: String
      var code: Int
      var text: String?
      var run: Run?
      var seconds: Double?
      var secondsFrom: String?
      var disk: Int
    }
    struct Totals: Decodable {
      var cases: Int
      var done: Int
      var refused: Int
      var toDo: Int
      var duplicates: Int
      var evaluations: Int
      var seconds: Double
      var disk: Int
    }
    var cases: [Case]
    var totals: Totals
  }

  private func plan(_ scene: Scene, _ more: [String] = []) throws -> (code: Int32, document: Document) {
    let outcome = try scene.execute(
      ["plan", scene.inputs.path, "-o", scene.output("tree"), "--model", scene.model.path, "--steps", "2", "--json"]
        + more)
    let data = Data(outcome.standardOutput.utf8)
    return (outcome.exitCode, try #require(try? JSONDecoder().decode(Document.self, from: data), "\(outcome)"))
  }

  private func batch(_ scene: Scene) throws {
    let outcome = try scene.execute([
      "batch", scene.inputs.path, "-o", scene.output("tree"), "--model", scene.model.path, "--steps", "2",
      "--no-report",
    ])
    #expect(outcome.exitCode == 0, "\(outcome.standardError)")
  }

  @Test("geometry, evaluations, time, memory and disk of what can be done; the code of what cannot; nothing is written")
  func mixed() throws {
    try Scene.with { scene in
      let scan = NIfTIBytes.phantom([40, 36, 3]).data
      let good = try scene.input("a.nii", scan)
      _ = try scene.input("b.nii.gz", GzipBytes.stored(scan).dropLast(9))
      _ = try scene.input("c.nii", NIfTIBytes([24, 24, 2]) { i, j, _ in 100 + i * j }.data)
      let before = try contents(of: scene.folder)
      let (code, document) = try plan(scene)
      #expect(code == 8)
      #expect(try contents(of: scene.folder) == before)
      #expect(document.cases.map(\.file) == ["a.nii", "b.nii.gz", "c.nii"])
      #expect(document.cases.map(\.state) == ["new", "refused", "refused"])
      #expect(document.cases.map(\.code) == [0, 65, 65])
      #expect(document.cases[2].text?.contains("no voxel is negative") == true)
      let run = try #require(document.cases[0].run)
      #expect(run.dimensions == [40, 36, 3, 1])
      #expect(run.labels.count == 3, "uniform-2 has the labels 0, 499 and 999")
      #expect(run.evaluations == run.labels.count * ((3 + run.batch - 1) / run.batch))
      #expect(document.cases[0].secondsFrom == "measurement" && document.cases[0].seconds! > 0)
      // The input once more, and as many bytes of voxels.
      #expect(document.cases[0].disk == scan.count + 40 * 36 * 3 * 2)
      #expect(document.totals.cases == 3 && document.totals.toDo == 1 && document.totals.refused == 2)
      #expect(document.totals.evaluations == run.evaluations && document.totals.disk == document.cases[0].disk)
      // A run of its own says the same.
      let dry = try scene.execute(scene.run(good, to: "x.nii.gz", "--steps", "2", "--dry-run", "--json"))
      let same = try JSONSerialization.jsonObject(with: Data(dry.standardOutput.utf8)) as? [String: Any]
      #expect(same?["predictedMemory"] as? Int == run.predictedMemory)
      #expect(same?["evaluations"] as? Int == run.evaluations)
      #expect(same?["jobKey"] as? String == run.jobKey)
    }
  }

  @Test("the same bytes under two names are computed once, and planned once")
  func duplicates() throws {
    try Scene.with { scene in
      let scan = NIfTIBytes.phantom([40, 36, 3]).data
      for name in ["a.nii", "b.nii"] { _ = try scene.input(name, scan) }
      _ = try scene.input("c.nii", NIfTIBytes.phantom([24, 20, 2]).data)
      let (code, document) = try plan(scene)
      #expect(code == 0)
      #expect(document.cases.map(\.state) == ["new", "duplicate", "new"])
      #expect(document.cases[0].job == document.cases[1].job)
      #expect(document.totals.cases == 3 && document.totals.toDo == 2 && document.totals.duplicates == 1)
      let planned = [document.cases[0], document.cases[2]]
      #expect(document.totals.evaluations == planned.compactMap(\.run?.evaluations).reduce(0, +))
      #expect(document.totals.disk == planned.map(\.disk).reduce(0, +) && document.cases[1].disk == 0)
      try batch(scene)
      #expect(try FileManager.default.contentsOfDirectory(atPath: scene.output("tree/cases")).count == 2)
      #expect(try plan(scene).document.cases.map(\.state) == ["done", "done", "done"])
    }
  }

  @Test("what was done is done; what is new is timed by it")
  func done() throws {
    try Scene.with { scene in
      _ = try scene.input("a.nii", NIfTIBytes.phantom([40, 36, 3]).data)
      _ = try scene.input("b.nii", NIfTIBytes.phantom([24, 20, 2]).data)
      try batch(scene)
      let before = try contents(of: scene.folder)
      let again = try plan(scene)
      #expect(again.code == 0)
      #expect(again.document.cases.map(\.state) == ["done", "done"])
      #expect(again.document.totals.toDo == 0 && again.document.totals.done == 2 && again.document.totals.disk == 0)
      let cases = try FileManager.default.contentsOfDirectory(atPath: scene.output("tree/cases"))
      #expect(Set(again.document.cases.compactMap(\.job)) == Set(cases))
      let other = try plan(scene, ["--seed", "4"])
      #expect(other.document.cases.map(\.state) == ["new", "new"])
      #expect(other.document.cases.allSatisfy { $0.secondsFrom == "earlier results" && $0.seconds! > 0 })
      #expect(other.document.cases[0].disk == 40 * 36 * 3 * 2, "the input is in the spool")
      #expect(try contents(of: scene.folder) == before)
    }
  }

  @Test("where nothing can be done the code says why, and for people there are lines")
  func refused() throws {
    try Scene.with { scene in
      let bad = try scene.input("bad.nii", NIfTIBytes.phantom().data.dropLast(5))
      #expect(try plan(scene).code == 65)
      #expect(try scene.execute(["plan", scene.outputs.path, "--model", scene.model.path]).exitCode == 2)
      #expect(try scene.execute(["plan", bad, "--model", scene.folder.path + "/none.safetensors"]).exitCode != 0)
      let good = try scene.input("good.nii", NIfTIBytes.phantom().data)
      let text = try scene.execute(["plan", good, "--model", scene.model.path])
      #expect(text.exitCode == 0)
      #expect(text.standardOutput.contains("1 cases: 1 to do, 0 done, 0 given up, 0 refused"))
    }
  }

  @Test("the memory bound of the settings is the plan's too, and files of one name are told apart")
  func settings() throws {
    try Scene.with { scene in
      let scan = NIfTIBytes.phantom([40, 36, 3]).data
      for (name, data) in [("one", scan), ("two", NIfTIBytes.phantom([24, 20, 2]).data)] {
        let folder = scene.inputs.appendingPathComponent(name)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try data.write(to: folder.appendingPathComponent("T1.nii"))
      }
      let files = ["one", "two"].map { scene.inputs.appendingPathComponent("\($0)/T1.nii").path }
      let plan = ["plan", "--model", scene.model.path, "--steps", "2"] + files
      let free = try scene.execute(plan)
      #expect(free.exitCode == 0 && files.allSatisfy { free.standardOutput.contains($0) }, "\(free)")
      let bound = try scene.execute(plan, environment: ["PELLUCID_MEMORY": "1M"])
      let batch = try scene.execute(
        ["batch", "-o", scene.output("tree"), "--model", scene.model.path, "--steps", "2", "--retry-after", "1ms"]
          + files,
        environment: ["PELLUCID_MEMORY": "1M"])
      #expect(bound.exitCode == batch.exitCode && bound.exitCode != 0, "\(bound) \(batch)")
    }
  }
}
