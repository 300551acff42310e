import Configuration
import Foundation
import Provenance
import Testing

@Suite("Shipped workflows treat the sample as they say, and overrides change what they are asked to")
struct WorkflowTests {
  static let shipped = ["ct-denoise", "ct-denoise-fast"]

  @Test("the workflows that are tested here are those that are shipped")
  func all() throws {
    let files = try FileManager.default.contentsOfDirectory(
      atPath: Repository.root.appendingPathComponent("Workflows").path)
    #expect(Set(files.filter { $0.hasSuffix(".yaml") }) == Set(Self.shipped.map { "\($0).yaml" }))
  }

  @Test(
    "a piece of the sample in the inbox folder of a workflow becomes a committed, verified result",
    arguments: WorkflowTests.shipped)
  func treats(name: String) throws {
    try InboxScene.with { scene in
      let workflow = try Workflow.read(Repository.root.appendingPathComponent("Workflows/\(name).yaml"))
      let piece = try InboxScene.piece()
      let source = try scene.drop(piece, "\(name)/piece.nii.gz")
      let outcome = try scene.sweep()
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      let manifest = try scene.verifiedManifest("\(name)/piece.nii.gz")
      #expect(manifest.model.name == workflow.model)
      #expect(manifest.parameters["sampler"] == .text(workflow.sampler))
      #expect(manifest.rng.seed == workflow.seed)
      #expect(manifest.outputs.contains { $0.role == "report" } == workflow.report)
      #expect(try Data(contentsOf: source) == piece)
    }
  }

  @Test("an override beside a drop gives another job, whether it has the drop's whole name or its stem")
  func override() throws {
    try InboxScene.with { scene in
      let piece = try InboxScene.piece()
      for name in ["plain", "whole", "stem"] { try scene.drop(piece, "\(name).nii.gz") }
      func options(_ name: String, _ text: String) throws {
        try Data(text.utf8).write(to: scene.inbox.appendingPathComponent(name))
      }
      try options("whole.nii.gz.pellucid.yaml", "workflow: ct-denoise-fast\nseed: 7\n")
      try options("stem.pellucid.yaml", "workflow: ct-denoise-fast\nseed: 8\nreport: false\n")
      let outcome = try scene.sweep()
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      let names = ["plain.nii.gz", "whole.nii.gz", "stem.nii.gz"]
      let manifests = try names.map { try scene.verifiedManifest($0) }
      #expect(manifests.map(\.rng.seed) == [0, 7, 8])
      #expect(manifests.map { $0.parameters["sampler"] } == ["ddim", "pfdiff-1_1", "pfdiff-1_1"].map { .text($0) })
      #expect(Set(manifests.map(\.jobKey)).count == 3)
      #expect(manifests[2].outputs.contains { $0.role == "report" } == false)
    }
  }

  @Test("a sweep outside off-peak hours leaves what can wait and does what is urgent; that is no failure")
  func offPeak() throws {
    try InboxScene.with { scene in
      let piece = try InboxScene.piece()
      for name in ["ordinary", "urgent"] { try scene.drop(piece, "ct-denoise-fast/\(name).nii.gz") }
      try Data("priority: 0\nseed: 1\n".utf8)
        .write(to: scene.inbox.appendingPathComponent("ct-denoise-fast/urgent.pellucid.yaml"))
      // An hour that is twelve hours away.
      let hour = (Calendar.current.component(.hour, from: Date()) + 12) % 24
      let outcome = try scene.sweep("--quiet", "--offpeak", "\(hour):00-\((hour + 1) % 24):00")
      #expect(outcome.exitCode == 0 && outcome.standardError == "", "\(outcome.standardError)")
      #expect(try scene.answer("ct-denoise-fast/urgent.nii.gz").status == "committed")
      let waiting = try scene.pellucid(["queue", "ls", "--results", scene.results.path, "--state", "ready"])
      #expect(waiting.standardOutput.split(separator: "\n").count == 1)
      #expect(try scene.sweep().exitCode == 0)
      #expect(try scene.answer("ct-denoise-fast/ordinary.nii.gz").status == "committed")
    }
  }

  @Test("an override with an unknown key is answered with code 78, line and nearest key; corrected, it is taken")
  func wrongOverride() throws {
    try InboxScene.with { scene in
      try scene.drop(InboxScene.piece(), "a.nii.gz")
      let options = scene.inbox.appendingPathComponent("a.nii.gz.pellucid.yaml")
      try Data("workflow: ct-denoise-fast\nsead: 7\n".utf8).write(to: options)
      let outcome = try scene.sweep()
      #expect(outcome.exitCode == 78, "\(outcome.standardError)")
      let answer = try scene.answer("a.nii.gz")
      #expect(answer.status == "failed" && answer.code == 78 && answer.job == nil)
      #expect(answer.text?.contains("line 2: unknown key \"sead\": did you mean \"seed\"?") == true, "\(answer)")
      #expect(try scene.sweep().exitCode == 0, "what was refused once is not refused again")
      try Data("workflow: ct-denoise-fast\nseed: 7\n".utf8).write(to: options)
      #expect(try scene.sweep().exitCode == 0)
      #expect(try scene.verifiedManifest("a.nii.gz").rng.seed == 7)
    }
  }
}
