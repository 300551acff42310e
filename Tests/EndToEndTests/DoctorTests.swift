import Foundation
import TestSupport
import Testing

@Suite("The doctor tries what the night will need, and its exit code says what is worst")
struct DoctorTests {
  private struct Report: Decodable {
    struct Check: Decodable {
      var name: String
      var state: String
      var code: Int32
      var text: String
    }
    var instructionSet: String
    var checks: [Check]

    subscript(name: String) -> Check? { checks.first { $0.name == name } }
  }

  private func doctor(_ scene: InboxScene, _ arguments: [String], environment: [String: String] = [:]) throws -> (
    exitCode: Int32, report: Report
  ) {
    let outcome = try Executable.run(
      ["doctor", "--json"] + arguments, in: scene.folder,
      environment: scene.environment.merging(environment) { _, new in new })
    #expect(outcome.standardError == "")
    return (outcome.exitCode, try JSONDecoder().decode(Report.self, from: Data(outcome.standardOutput.utf8)))
  }

  @Test("where all is well, every check says so, the phantom too, and nothing is left behind")
  func fine() throws {
    try InboxScene.with { scene in
      #expect(try scene.sweep().exitCode == 0)
      let before = try contents(of: scene.folder)
      let temporary = scene.folder.appendingPathComponent("temporary")
      try FileManager.default.createDirectory(at: temporary, withIntermediateDirectories: true)
      let (code, report) = try doctor(
        scene, ["--inbox", scene.inbox.path, "--results", scene.results.path], environment: ["TMPDIR": temporary.path])
      #expect(code == 0)
      #expect(report.checks.allSatisfy { $0.state == "ok" && $0.code == 0 }, "\(report.checks)")
      let names = [
        "model ct-denoise", "workflow ct-denoise", "inbox", "disk of the inbox", "notices", "results",
        "disk of the results", "spool", "claims", "self-test",
      ]
      for name in names { #expect(report[name] != nil, "\(name)") }
      #expect(try contents(of: scene.folder) == (before + ["temporary"]).sorted())
    }
  }

  @Test("a folder that is no inbox gives 66, a spool for other results 78, results that are not there 66")
  func places() throws {
    try InboxScene.with { scene in
      #expect(try scene.sweep().exitCode == 0)
      let (code, report) = try doctor(scene, ["--no-self-test", "--inbox", scene.folder.path])
      #expect(code == 66 && report["inbox"]?.code == 66 && report["self-test"] == nil)
      #expect(report["inbox"]?.text.contains("watch --init") == true)
      #expect(try doctor(scene, ["--no-self-test", "--results", "gone"]).exitCode == 66)
      #expect(try doctor(scene, ["--no-self-test", "--spool", scene.folder.path]).exitCode == 66)
      let other = try doctor(
        scene,
        ["--no-self-test", "--results", scene.folder.path, "--spool", scene.results.path + "/.pellucid/spool"])
      #expect(other.exitCode == 78 && other.report["spool"]?.code == 78)
    }
  }

  @Test("a workflow without its model gives 69, one that is wrong 78, one that its model cannot follow 78")
  func workflows() throws {
    try InboxScene.with { scene in
      let folder = scene.folder.appendingPathComponent("mine")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      func check(_ name: String, _ text: String) throws -> (Int32, Report.Check?) {
        let file = folder.appendingPathComponent("\(name).yaml")
        try Data(text.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let (code, report) = try doctor(scene, ["--no-self-test"], environment: ["PELLUCID_WORKFLOWS": folder.path])
        return (code, report["workflow \(name)"])
      }
      let missing = try check("a", "model: nowhere\n")
      #expect(missing.0 == 69 && missing.1?.text.contains("there is no model nowhere") == true)
      let wrong = try check("b", "model: ct-denoise\nsead: 1\n")
      #expect(wrong.0 == 78 && wrong.1?.text.contains("line 2") == true)
      let task = try check("c", "model: ct-denoise\ntask: translate\n")
      #expect(task.0 == 78 && task.1?.text.contains("does denoise") == true)
      let steps = try check("d", "model: ct-denoise\nsteps: 900\n")
      #expect(steps.0 == 78 && steps.1?.code == 78, "\(steps)")
      #expect(try check("e", "model: ct-denoise\nsteps: 5\n").0 == 0)
    }
  }

  @Test("a disk that is read-only or full is a problem, and outweighs a missing inbox", .enabled(if: Mount.isPossible))
  func disks() throws {
    try InboxScene.with { scene in
      let place = scene.folder.appendingPathComponent("disk")
      try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
      try Mount.with("ro", at: place) {
        let (code, report) = try doctor(scene, ["--no-self-test", "--results", place.path, "--inbox", place.path])
        #expect(code == 77 && report["results"]?.code == 77 && report["inbox"]?.code == 66)
      }
      try Mount.with("size=2m", at: place) {
        let (code, report) = try doctor(scene, ["--no-self-test", "--results", place.path])
        #expect(code == 74 && report["disk of the results"]?.text.contains("make room") == true)
      }
    }
  }

  @Test("a claim whose worker was killed is told about, and what becomes of it")
  func claims() throws {
    try InboxScene.with { scene in
      #expect(try scene.sweep().exitCode == 0)
      // Two slices at 1000 steps: still at work when it is killed.
      try scene.drop(InboxScene.piece(), "ct-denoise/a.nii.gz")
      try Data("sampler: ddpm\nsteps: 10\nsamples: 1000\nreport: false\n".utf8)
        .write(to: scene.inbox.appendingPathComponent("ct-denoise/a.pellucid.yaml"))
      try Executable.runAndKill(
        ["watch", "--inbox", scene.inbox.path, "--results", scene.results.path], in: scene.folder, after: 6)
      let (code, report) = try doctor(scene, ["--no-self-test", "--results", scene.results.path])
      #expect(code == 0)
      #expect(report["claims"]?.state == "warning", "\(report.checks)")
      #expect(report["claims"]?.text.contains("takes it over at once") == true)
      #expect(report["spool"]?.text == "1 claimed")
    }
  }
}
