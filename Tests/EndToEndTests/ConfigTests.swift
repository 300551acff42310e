import Configuration
import Foundation
import Models
import Testing
import Transforms

@Suite("Configuration is shown with its origins, and checked")
struct ConfigTests {
  private func write(_ folder: URL, _ name: String, _ text: String) throws {
    try Data(text.utf8).write(to: folder.appendingPathComponent(name))
  }

  /// What keeps the settings of the person who runs the tests out of them.
  private static func quiet(_ folder: URL, _ more: [String: String] = [:]) -> [String: String] {
    more.merging(["XDG_CONFIG_HOME": folder.appendingPathComponent("xdg").path]) { given, _ in given }
  }

  @Test func `config show says what is in force and where it is from`() throws {
    try Scene.withoutModel { folder in
      try write(folder, "pellucid.yaml", "# here\nsettle: 90s\nmodels: [a, b]\n")
      let environment = Self.quiet(folder, ["PELLUCID_JOBS": "3"])
      let text = try Executable.run(["config", "show"], in: folder, environment: environment)
      #expect(text.exitCode == 0, "\(text.standardError)")
      let rows = text.standardOutput.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
      #expect(rows.map(\.first) == Settings.keys)
      #expect(rows.contains(["jobs", "3", "PELLUCID_JOBS"]) && rows.contains(["poll", "5s", "built-in"]))
      #expect(rows.contains { $0.prefix(2) == ["settle", "1m30s"] && $0.last?.hasSuffix("/pellucid.yaml:2") == true })

      let json = try Executable.run(["config", "show", "--json"], in: folder, environment: environment)
      let list = try #require(
        try JSONSerialization.jsonObject(with: Data(json.standardOutput.utf8)) as? [[String: Any]])
      func row(_ key: String) -> [String: Any]? { list.first { $0["key"] as? String == key } }
      #expect(list.count == Settings.keys.count)
      #expect(row("settle")?["value"] as? String == "1m30s" && row("memory")?["value"] is NSNull)
      #expect((row("models")?["value"] as? [String])?.map { URL(fileURLWithPath: $0).lastPathComponent } == ["a", "b"])
      #expect((row("models")?["origin"] as? String)?.hasSuffix("/pellucid.yaml:3") == true)
    }
  }

  @Test func `config check tells the kinds of good files`() throws {
    try Scene.withoutModel { folder in
      try write(folder, "pellucid.yaml", "")
      try write(folder, "service.yaml", "threads: 2\nmemory: 8G\n")
      try write(folder, "scan.pellucid.yaml", "seed: 3\n")
      try write(folder, "other.yaml", "workflow: ct-denoise\nseed: 3\n")
      let shipped = Repository.root.appendingPathComponent("Workflows")
      let files = [
        "pellucid.yaml", "service.yaml", "scan.pellucid.yaml", "other.yaml",
        shipped.appendingPathComponent("ct-denoise.yaml").path,
        shipped.appendingPathComponent("ct-denoise-fast.yaml").path,
        shipped.appendingPathComponent("training/ct-denoise.yaml").path,
      ]
      let outcome = try Executable.run(["config", "check"] + files, in: folder, environment: Self.quiet(folder))
      #expect(outcome.exitCode == 0 && outcome.standardError == "", "\(outcome.standardError)")
      let kinds = [
        "settings", "settings", "override", "override", "workflow", "workflow", "training configuration",
      ]
      #expect(outcome.standardOutput == zip(files, kinds).map { "\($0): \($1)\n" }.joined())
    }
  }

  @Test func `config check reports every file and ends with the first error's code`() throws {
    try Scene.withoutModel { folder in
      try write(folder, "one.yaml", "model: m\nsamplr: ddim\n")
      try write(folder, "two.yaml", "model: m\n")
      try write(folder, "pellucid.yaml", "\n\npoll: 5\n")
      try write(folder, "three.yaml", "name: x\nnetwork: {}\n")
      let files = ["one.yaml", "two.yaml", "pellucid.yaml", "three.yaml", "gone.yaml"]
      // The wrong pellucid.yaml must not keep its own check from running.
      let outcome = try Executable.run(["config", "check"] + files, in: folder, environment: Self.quiet(folder))
      #expect(outcome.exitCode == 78)
      #expect(outcome.standardOutput == "two.yaml: workflow\n")
      #expect(outcome.errorLines.count == 4)
      #expect(
        outcome.errorLines.first?.contains("one.yaml: line 2: unknown key \"samplr\": did you mean \"sampler\"?")
          == true)
      #expect(outcome.errorLines.dropFirst().first?.contains("pellucid.yaml: line 3: poll must be a duration") == true)
      #expect(outcome.errorLines.last?.contains("gone.yaml") == true)

      let json = try Executable.run(["config", "check", "--json"] + files, in: folder, environment: Self.quiet(folder))
      let list = try #require(
        try JSONSerialization.jsonObject(with: Data(json.standardOutput.utf8)) as? [[String: Any]])
      #expect(json.exitCode == 78 && list.map { $0["ok"] as? Bool } == [false, true, false, false, false])
      #expect(list[0]["line"] as? Int == 2 && list[0]["kind"] as? String == "workflow")
      #expect(try Executable.run(["config", "check", "gone.yaml", "one.yaml"], in: folder).exitCode == 66)
    }
  }

  @Test func `run takes threads and memory from the settings, and its flags go first`() throws {
    try Scene.with { scene in
      let scan = try scene.input("scan.nii", NIfTIBytes.phantom().data)
      try write(scene.folder, "pellucid.yaml", "memory: 1K\n")
      let environment = Self.quiet(scene.folder)
      let run = scene.run(scan, "--steps", "1", "--json")
      #expect(try scene.execute(run, environment: environment).exitCode == 75)
      let outcome = try scene.execute(
        run + ["--memory", "4G"], environment: environment.merging(["PELLUCID_THREADS": "3"]) { $1 })
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      let manifest = try #require(
        try JSONSerialization.jsonObject(with: Data(outcome.standardOutput.utf8)) as? [String: Any])
      #expect((manifest["environment"] as? [String: Any])?["threads"] as? Int == 3)
    }
  }

  @Test func `settings that are wrong stop a run with code 78, and the doctor says so`() throws {
    try Scene.with { scene in
      let scan = try scene.input("scan.nii", NIfTIBytes.phantom().data)
      try write(scene.folder, "pellucid.yaml", "threds: 1\n")
      let environment = Self.quiet(scene.folder)
      let outcome = try scene.execute(scene.run(scan, "--steps", "1"), environment: environment)
      #expect(outcome.exitCode == 78 && outcome.errorLines.count == 1)
      #expect(outcome.errorLines.first?.contains("pellucid.yaml: line 1: unknown key") == true)
      #expect(try contents(of: scene.outputs).isEmpty)
      let doctor = try scene.execute(["doctor"], environment: environment)
      #expect(doctor.exitCode == 78 && doctor.standardOutput.contains("PROBLEM 78       settings: "))
    }
  }

  @Test func `the folders of the settings are searched for models`() throws {
    try Scene.with { scene in
      try write(scene.folder, "pellucid.yaml", "models: [.]\n")
      let outcome = try scene.execute(["models", "ls"], environment: Self.quiet(scene.folder))
      #expect(outcome.standardOutput.contains("tiny "), "\(outcome.standardOutput)")
    }
  }

  @Test func `a workflow's words are those of the rooms that will read them`() {
    #expect(Set(Workflow.Task.allCases.map(\.rawValue)) == Set(ModelTask.allCases.map(\.rawValue)))
    #expect(Set(Workflow.NoiseField.allCases.map(\.rawValue)) == Set(NoiseField.Sharing.allCases.map(\.rawValue)))
    #expect(Set(Workflow.Plane.allCases.map(\.rawValue)) == Set(SlicingPlane.Choice.allCases.map(\.rawValue)))
  }
}
