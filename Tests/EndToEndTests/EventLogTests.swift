import Foundation
import Provenance
import Testing

@Suite("What the queue's commands say: one event a line, for people or for programs, and no name of a file")
struct EventLogTests {
  /// A line of JSON on stderr.
  private struct Line: Decodable {
    var t: String
    var ev: String
    var job: String?
    var attempt: Int?
    var code: Int?
    var committed: Int?
    var failed: Int?
    var seconds: Double?
    var i: Int?
    var n: Int?
  }

  private func lines(_ outcome: Executable.Outcome) throws -> [Line] {
    try outcome.errorLines.map { line in
      try #require(try? JSONDecoder().decode(Line.self, from: Data(line.utf8)), "\(line)")
    }
  }

  /// The lines of a text log after `pellucid: ` and the job, in one word each.
  private func words(_ outcome: Executable.Outcome) -> [String] {
    outcome.errorLines.map { line in
      line.split(separator: " ").dropFirst().first { $0.count != 16 }.map(String.init) ?? line
    }
  }

  @Test("watch --log-format json: every line is an object with time and event; jobs are ids, drops have no name")
  func json() throws {
    try InboxScene.with { scene in
      let piece = try InboxScene.piece()
      try scene.drop(piece, "CANARY-good.nii.gz")
      try scene.drop(piece.dropLast(9), "CANARY-bad.nii.gz")
      let outcome = try scene.sweep("--log-format", "json", "--progress", "none")
      #expect(outcome.exitCode == 8 && outcome.standardError.contains("CANARY") == false, "\(outcome)")
      let lines = try lines(outcome)
      let job = try #require(try scene.answer("CANARY-good.nii.gz").job)
      #expect(Set(lines.compactMap(\.job)) == [job])
      #expect(lines.filter { $0.job != nil }.map(\.ev) == ["queued", "started", "committed"])
      #expect(lines.first { $0.ev == "started" }?.attempt == 1)
      #expect(try #require(lines.first { $0.ev == "committed" }?.seconds) > 0)
      #expect(lines.filter { $0.ev == "refused" }.map(\.code) == [65])
      let end = try #require(lines.last)
      #expect(end.ev == "ended" && end.code == 8 && end.committed == 1 && end.failed == 1)
      for line in lines {
        #expect(line.t.wholeMatch(of: /20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil, "\(line.t)")
      }
    }
  }

  @Test("text and JSON tell of the same events")
  func same() throws {
    try Scene.with { scene in
      let scan = try scene.input("a.nii", NIfTIBytes.phantom([24, 20, 2]).data)
      func batch(_ tree: String, _ format: String) throws -> Executable.Outcome {
        try scene.execute([
          "batch", scan, "-o", scene.output(tree), "--model", scene.model.path, "--steps", "1", "--no-report",
          "--log-format", format, "--progress", "none",
        ])
      }
      let text = try batch("text", "text")
      #expect(words(text) == ["queued", "started", "committed", "1"], "\(text.standardError)")
      #expect(try lines(batch("json", "json")).map(\.ev) == ["queued", "started", "committed", "ended"])
    }
  }

  @Test("an error in a JSON log is an object with the code, and does not hold the path that is wrong")
  func error() throws {
    try Scene.with { scene in
      let arguments = ["batch", "CANARY.nii", "-o", scene.output("x"), "--model", scene.model.path]
      let outcome = try scene.execute(arguments + ["--log-format", "json"])
      #expect(outcome.exitCode == 66)
      let lines = try lines(outcome)
      #expect(lines.map(\.ev) == ["error"] && lines[0].code == 66)
      #expect(!outcome.standardError.contains("CANARY"))
      #expect(try scene.execute(arguments).standardError.contains("CANARY.nii"), "people read which one")
    }
  }

  @Test("a batch that fails alike ends with that code, and with no second line about it")
  func ended() throws {
    try Scene.with { scene in
      let scan = try scene.input("a.nii", NIfTIBytes.phantom([24, 20, 2]).data)
      let outcome = try scene.execute([
        "batch", scan, "-o", scene.output("x"), "--model", scene.model.path, "--steps", "3", "--log-format", "json",
      ])
      #expect(outcome.exitCode == 64)
      #expect(try lines(outcome).map(\.ev) == ["refused", "ended"], "\(outcome.standardError)")
    }
  }

  @Test("batch --progress: json counts a job's evaluations to the end, plain says one line, none says nothing")
  func batchProgress() throws {
    try Scene.with { scene in
      let scan = try scene.input("a.nii", NIfTIBytes.phantom([24, 20, 2]).data)
      func batch(_ style: String, _ more: String...) throws -> Executable.Outcome {
        try scene.execute(
          [
            "batch", scan, "-o", scene.output(style), "--model", scene.model.path, "--steps", "5", "--no-report",
            "--progress", style,
          ] + more)
      }
      let json = try batch("json", "--log-format", "json", "--quiet")
      let evals = try lines(json)
      #expect(evals.allSatisfy { $0.ev == "eval" && $0.job != nil && $0.n == evals[0].n }, "\(json.standardError)")
      #expect(evals.compactMap(\.i) == evals.compactMap(\.i).sorted() && evals.last?.i == evals.last?.n)
      let plain = try batch("plain")
      #expect(plain.errorLines.count { $0.contains(" evaluations") } == 1, "\(plain.standardError)")
      #expect(plain.errorLines.allSatisfy { $0.hasPrefix("pellucid: ") })
      #expect(try !batch("none").standardError.contains("evaluations"))
    }
  }

  @Test("run --progress json: an object for each evaluation, under the first digits of the manifest's key")
  func runProgress() throws {
    try Scene.with { scene in
      let scan = try scene.input("a.nii", NIfTIBytes.phantom([24, 20, 2]).data)
      let outcome = try scene.execute(scene.run(scan, "--steps", "5", "--progress", "json"))
      let evals = try outcome.errorLines.filter { $0.hasPrefix("{") }.map {
        try JSONDecoder().decode(Line.self, from: Data($0.utf8))
      }
      let manifest = try Manifest.read(scene.outputs.appendingPathComponent("clear.manifest.json"))
      #expect(Set(evals.map(\.job)) == [String(manifest.jobKey.prefix(16))])
      let count = try #require(evals.first?.n)
      #expect(evals.allSatisfy { $0.ev == "eval" } && evals.compactMap(\.i) == Array(1...count))
      let silent = try scene.execute(scene.run(scan, to: "b.nii", "--steps", "5", "--progress", "none"))
      #expect(silent.errorLines == ["pellucid: done: \(scene.output("b.nii"))"])
    }
  }
}
