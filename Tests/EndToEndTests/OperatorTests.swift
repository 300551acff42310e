import Foundation
import Testing

@Suite("What an operator asks of queue and workers")
struct OperatorTests {
  private func enqueue(_ scene: Scene, _ name: String, _ size: Int) throws {
    let scan = try scene.input(name, NIfTIBytes.phantom([size, 20, 2]).data)
    let outcome = try scene.execute(
      ["enqueue", scan, "-o", scene.output("tree"), "--model", scene.model.path, "--steps", "1", "--no-report"])
    #expect(outcome.exitCode == 0, "\(outcome.standardError)")
  }

  private struct Job: Decodable {
    var job: String
    var age: Double
  }

  private func list(_ scene: Scene, _ more: String...) throws -> [Job] {
    let outcome = try scene.execute(["queue", "ls", "--results", scene.output("tree"), "--json"] + more)
    #expect(outcome.exitCode == 0, "\(outcome.standardError)")
    return try JSONDecoder().decode([Job].self, from: Data(outcome.standardOutput.utf8))
  }

  @Test("queue ls --older-than lists the jobs that were submitted so long ago")
  func olderThan() throws {
    try Scene.with { scene in
      try enqueue(scene, "a.nii", 20)
      let old = try #require(try list(scene).first).job
      let record = scene.outputs.appendingPathComponent("tree/.pellucid/spool/jobs/\(old.prefix(2))/\(old)/job.json")
      try FileManager.default.setAttributes([.modificationDate: Date() - 7300], ofItemAtPath: record.path)
      try enqueue(scene, "b.nii", 24)
      #expect(try list(scene).count == 2)
      #expect(try list(scene, "--older-than", "2h").map(\.job) == [old])
      #expect(try list(scene, "--older-than", "3h").isEmpty)
      #expect(try list(scene, "--older-than", "2h", "--state", "done").isEmpty)
    }
  }

  @Test("worker --max-jobs, --id, --index and --of; what does not go together is refused")
  func worker() throws {
    try Scene.with { scene in
      try enqueue(scene, "a.nii", 20)
      try enqueue(scene, "b.nii", 24)
      let work = ["worker", "--spool", scene.output("tree/.pellucid/spool"), "--drain"]
      for wrong in [["--index", "1"], ["--of", "2"], ["--index", "2", "--of", "2"], ["--id", "a.b"]] {
        #expect(try scene.execute(work + wrong).exitCode == 64, "\(wrong)")
      }
      #expect(try scene.execute(work + ["--max-jobs", "1", "--id", "night"]).exitCode == 0)
      #expect(try list(scene, "--state", "ready").count == 1)
      for index in ["0", "1"] { #expect(try scene.execute(work + ["--index", index, "--of", "2"]).exitCode == 0) }
      #expect(try list(scene, "--state", "done").count == 2)
    }
  }

  @Test("--strict: done with warnings ends with 20 and names them; without warnings, and without --strict, with 0")
  func strict() throws {
    try Scene.with { scene in
      let coarse = try scene.input("coarse.nii", NIfTIBytes.phantom([24, 20, 2], spacing: [1.2, 1.2, 2.5]).data)
      let good = try scene.input("good.nii", NIfTIBytes.phantom([24, 20, 2]).data)
      let last = "pellucid: strict: done, with warnings: W-ENVELOPE (2)"
      for again in ["computed", "left, for it is the same result"] {
        let outcome = try scene.execute(scene.run(coarse, "--strict", "--steps", "1"))
        #expect(outcome.exitCode == 20 && outcome.errorLines.last == last, "\(again): \(outcome.standardError)")
      }
      #expect(try scene.execute(scene.run(coarse, "--steps", "1")).exitCode == 0)
      #expect(try scene.execute(scene.run(good, to: "good.nii.gz", "--strict", "--steps", "1")).exitCode == 0)

      func batch(_ tree: String, _ more: String...) throws -> Executable.Outcome {
        try scene.execute(
          ["batch", "-o", scene.output(tree), "--model", scene.model.path, "--steps", "1", "--no-report"] + more)
      }
      let warned = try batch("tree", coarse, good, "--strict")
      #expect(warned.exitCode == 20 && warned.errorLines.last == last, "\(warned.standardError)")
      #expect(try batch("tree", coarse, good).exitCode == 0)
      #expect(try batch("tree", good, "--strict").exitCode == 0)
      let bad = try scene.input("bad.nii", NIfTIBytes.phantom().data.dropLast(5))
      #expect(try batch("tree", coarse, bad, "--strict").exitCode == 8, "what failed weighs more")
    }
  }

  @Test("a result that was lost or damaged is noticed and made again, by batch and by queue retry")
  func mending() throws {
    try Scene.with { scene in
      let scan = try scene.input("a.nii", NIfTIBytes.phantom([20, 20, 2]).data)
      let tree = scene.outputs.appendingPathComponent("tree")
      let batch = ["batch", scan, "-o", tree.path, "--model", scene.model.path, "--steps", "1", "--no-report"]
      #expect(try scene.execute(batch).exitCode == 0)
      let job = try #require(try list(scene).first).job
      let output = tree.appendingPathComponent("cases/\(job)/output.nii.gz")
      let whole = try Data(contentsOf: output)
      let retry = ["queue", "retry", job, "--results", tree.path]
      #expect(try scene.execute(retry).exitCode == 64)

      try FileManager.default.removeItem(at: output.deletingLastPathComponent())
      #expect(try scene.execute(batch).exitCode == 0)
      #expect(try Data(contentsOf: output) == whole)

      // The same length, another byte: what batch does not see, verify and retry do.
      var bad = whole
      bad[bad.count / 2] ^= 1
      try bad.write(to: output)
      let verify = ["verify", tree.path]
      #expect(try scene.execute(verify).exitCode == 65)
      #expect(try scene.execute(retry).exitCode == 0)
      let work = ["worker", "--spool", scene.output("tree/.pellucid/spool"), "--drain"]
      #expect(try scene.execute(work).exitCode == 0)
      #expect(try scene.execute(verify).exitCode == 0)
      #expect(try Data(contentsOf: output) == whole)
    }
  }

  @Test("options that a workflow would ignore are refused; a file that is missing stops no other")
  func ignoredAndMissing() throws {
    try Scene.with { scene in
      let scan = try scene.input("a.nii", NIfTIBytes.phantom([20, 20, 2]).data)
      let tree = ["-o", scene.output("tree")]
      let ignored = try scene.execute(["batch", scan, "--workflow", "ct-denoise", "--seed", "4"] + tree)
      #expect(ignored.exitCode == 64 && ignored.standardError.contains("--seed"))
      let options = ["--model", scene.model.path, "--steps", "1", "--no-report"] + tree
      let outcome = try scene.execute(["batch", scan, "nosuch.nii"] + options)
      #expect(outcome.exitCode == 8 && outcome.standardError.contains("1 committed, 1 failed"))
      #expect(try scene.execute(["batch", "nosuch.nii"] + options).exitCode == 66)
      let limited = try scene.execute(["batch", scan] + options + ["--seed", "2", "--limit", "0"])
      #expect(limited.exitCode == 64)
    }
  }

  @Test("a wrong flag is a wrong flag, a wrong setting a wrong setting, and a folder that is not there no folder")
  func wrongSettings() throws {
    try Scene.with { scene in
      let scan = try scene.input("a.nii", NIfTIBytes.phantom([20, 20, 2]).data)
      let work = ["batch", scan, "-o", scene.output("tree"), "--model", scene.model.path]
      #expect(try scene.execute(work + ["--offpeak", "25:00-3"]).exitCode == 64)
      #expect(try scene.execute(work, environment: ["PELLUCID_OFF_PEAK": "25:00-3"]).exitCode == 78)
      let outcome = try scene.execute(work + ["--workflows", "/nonexistent"])
      #expect(outcome.exitCode == 78 && outcome.standardError.contains("/nonexistent"))
    }
  }

  @Test("a file that is missing stops no folder of folders; results do not become inputs")
  func inputs() throws {
    try Scene.with { scene in
      let folder = scene.inputs.appendingPathComponent("sub-01/anat")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      try NIfTIBytes.phantom([20, 20, 2]).data.write(to: folder.appendingPathComponent("scan.nii"))
      func batch(_ inputs: [String], _ tree: String) throws -> Executable.Outcome {
        try scene.execute(
          ["batch", "-o", tree, "--model", scene.model.path, "--steps", "1", "--no-report"] + inputs)
      }
      let missing = scene.inputs.appendingPathComponent("none.nii").path
      let both = try batch([missing, scene.inputs.path], scene.output("tree"))
      #expect(both.exitCode == 8, "\(both.standardError)")
      #expect(try FileManager.default.contentsOfDirectory(atPath: scene.output("tree/cases")).count == 1)
      // Results among the scans themselves are no scans the next time.
      for _ in 0..<2 {
        #expect(try batch([scene.inputs.path], scene.inputs.path).exitCode == 0)
        #expect(try FileManager.default.contentsOfDirectory(atPath: scene.inputs.path + "/cases").count == 1)
      }
      #expect(try batch([scene.output("tree")], scene.output("next")).exitCode == 2)
      #expect(try batch([scene.output("tree/cases")], scene.output("next")).exitCode == 0)
    }
  }

  @Test("what a batch that was killed left undone is made by the next: the page over all cases")
  func pageAfterKill() throws {
    try Scene.with { scene in
      let scan = try scene.input("a.nii", NIfTIBytes.phantom([20, 20, 2]).data)
      let batch = [
        "batch", scan, "-o", scene.output("tree"), "--model", scene.model.path, "--steps", "1", "--no-report",
      ]
      let page = scene.outputs.appendingPathComponent("tree/index.html")
      for _ in 0..<2 {
        #expect(try scene.execute(batch).exitCode == 0)
        #expect(FileManager.default.fileExists(atPath: page.path))
        try FileManager.default.removeItem(at: page)
      }
    }
  }

  @Test("a job that was given up is no case that would be done, and queue says which file it does not know")
  func givenUp() throws {
    try Scene.with { scene in
      let scan = try scene.input("a.nii", NIfTIBytes.phantom([20, 20, 2]).data)
      let unknown = try scene.input("b.nii", NIfTIBytes.phantom([20, 20, 3]).data)
      try enqueue(scene, "a.nii", 20)
      let place = ["--results", scene.output("tree")]
      let none = try scene.execute(["queue", "retry", "--all", "--json"] + place)
      #expect(none.exitCode == 0 && none.standardOutput.filter { !$0.isWhitespace } == "[]", "\(none)")
      let job = try #require(try list(scene).first).job
      #expect(try scene.execute(["queue", "cancel", job] + place).exitCode == 0)
      let plan = try scene.execute(
        ["plan", scan, "-o", scene.output("tree"), "--model", scene.model.path, "--steps", "1", "--no-report"])
      #expect(plan.exitCode == 8 && plan.standardOutput.contains("given up (130)"), "\(plan)")
      #expect(plan.standardOutput.contains("1 given up, 0 refused"))
      let shown = try scene.execute(["queue", "show", unknown] + place)
      #expect(shown.exitCode != 0 && shown.errorLines.last?.contains("b.nii") == true)
    }
  }

  @Test("a file that a table names twice has two answers: what is refused is not made good by what is taken")
  func twice() throws {
    try Scene.with { scene in
      let scan = try scene.input("a.nii", NIfTIBytes.phantom([20, 20, 2]).data)
      let folder = scene.folder.appendingPathComponent("workflows")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      for (name, more) in [("good", "steps: 1"), ("wrong", "task: translate")] {
        try Data("model: \(scene.model.path)\n\(more)\n".utf8).write(to: folder.appendingPathComponent(name + ".yaml"))
      }
      for order in [["good", "wrong"], ["wrong", "good"]] {
        let table = try scene.input(
          "table.tsv", Data(("path\tworkflow\n" + order.map { "\(scan)\t\($0)\n" }.joined()).utf8))
        let outcome = try scene.execute([
          "batch", table, "-o", scene.output(order[0]), "--workflows", folder.path,
        ])
        #expect(outcome.exitCode == 8 && outcome.standardError.contains("1 committed, 1 failed"), "\(outcome)")
      }
    }
  }

  @Test("a bound that is too small is told at once, and one that is asked for again with a larger one is computed")
  func memoryAnew() throws {
    try Scene.with { scene in
      let scan = try scene.input("a.nii", NIfTIBytes.phantom([20, 20, 2]).data)
      let batch = [
        "batch", scan, "-o", scene.output("tree"), "--model", scene.model.path, "--steps", "1", "--no-report",
      ]
      let tight = try scene.execute(batch + ["--memory", "1M", "--retry-after", "1h"])
      #expect(tight.exitCode == 75 && tight.standardError.contains("raise --memory"), "\(tight)")
      let again = try scene.execute(batch + ["--memory", "1M"])
      #expect(again.exitCode == 75 && !again.standardError.contains("raise --memory"), "the same is not tried again")
      let wide = try scene.execute(batch + ["--memory", "1G"])
      #expect(wide.exitCode == 0 && wide.standardError.contains("1 committed"), "\(wide)")
    }
  }

  @Test("tables may begin as spreadsheets do; a sweep counts what waits; a retry of what is well says so")
  func smallThings() throws {
    try Scene.with { scene in
      let scan = try scene.input("a.nii", NIfTIBytes.phantom([20, 20, 2]).data)
      let table = try scene.input("table.tsv", Data("\u{FEFF}path\r\n\(scan)\r\n".utf8))
      let enqueue = ["enqueue", table, "-o", scene.output("tree"), "--model", scene.model.path, "--steps", "1"]
      #expect(try scene.execute(enqueue).exitCode == 0)
      let work = ["worker", "--spool", scene.output("tree/.pellucid/spool"), "--drain"]
      let full = try scene.execute(work, environment: ["PELLUCID_MINIMUM_FREE_SPACE": "9000000G"])
      #expect(full.exitCode == 74 && full.standardError.contains("1 cases wait"), "\(full)")
      #expect(try scene.execute(work).exitCode == 0)
      let job = try #require(try list(scene).first).job
      let again = try scene.execute(["queue", "retry", job, "--results", scene.output("tree")])
      #expect(again.exitCode == 64 && again.errorLines.last?.contains("as it was committed") == true, "\(again)")
    }
  }
}
