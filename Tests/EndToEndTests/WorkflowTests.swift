import Configuration
import Foundation
import Provenance
import Testing

@Suite("Shipped workflows treat the sample as they say, and overrides change what they are asked to")
struct WorkflowTests {
  /// Each with the sample that it is for.
  static let shipped = [
    "ct-denoise": "ct-lowdose", "ct-denoise-fast": "ct-lowdose", "mr-denoise": "mr-noisy", "mr-superres": "mr-thick",
    "mr-t1-to-t2": "mr-t1", "mr-t2-to-t1": "mr-t2",
  ]

  @Test("the workflows that are tested here are those that are shipped")
  func all() throws {
    let files = try FileManager.default.contentsOfDirectory(
      atPath: Repository.root.appendingPathComponent("Workflows").path)
    #expect(Set(files.filter { $0.hasSuffix(".yaml") }) == Set(Self.shipped.keys.map { "\($0).yaml" }))
  }

  @Test(
    "a piece of the sample in the inbox folder of a workflow becomes a committed, verified result",
    arguments: WorkflowTests.shipped)
  func treats(name: String, sample: String) throws {
    try InboxScene.with { scene in
      let workflow = try Workflow.read(Repository.root.appendingPathComponent("Workflows/\(name).yaml"))
      let piece = try InboxScene.piece(of: sample)
      let source = try scene.drop(piece, "\(name)/piece.nii.gz")
      let plan = try scene.pellucid([
        "plan", source.path, "-o", scene.results.path, "--workflow", name,
      ])
      #expect(plan.exitCode == 0 && plan.standardOutput.contains("1 case"), "\(plan)")
      let outcome = try scene.sweep()
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      let manifest = try scene.verifiedManifest("\(name)/piece.nii.gz")
      #expect(manifest.model.name == workflow.model)
      #expect(manifest.parameters["sampler"] == .text(workflow.sampler))
      #expect(manifest.rng.seed == workflow.seed)
      #expect(manifest.outputs[0].geometry?.dimensions == [48, 40, workflow.sliceFactor == nil ? 2 : 3, 1])
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

  @Test(
    "the drops of a workflow with priority 0 are computed first, however late they come; an override may be as urgent")
  func priorities() throws {
    try InboxScene.with { scene in
      let folder = scene.folder.appendingPathComponent("workflows")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      for (name, priority) in [("routine", 5), ("stat", 0)] {
        let text = "model: ct-denoise\nsampler: pfdiff-1_1\nsteps: 2\nreport: false\npriority: \(priority)\n"
        try Data(text.utf8).write(to: folder.appendingPathComponent("\(name).yaml"))
      }
      let halt = scene.folder.appendingPathComponent("HALT")
      try Data().write(to: halt)
      let piece = try InboxScene.piece()
      let flags = ["--workflows", folder.path, "--pause-file", halt.path, "--log-format", "json"]
      // One sweep for each, so that each has a later place in the queue than the one before.
      let drops = [("routine", "a", ""), ("routine", "b", ""), ("routine", "c", "priority: 0\n"), ("stat", "d", "")]
      for (index, drop) in drops.enumerated() {
        let options = "\(drop.2)seed: \(index)\n"
        let file = scene.inbox.appendingPathComponent("\(drop.0)/\(drop.1).pellucid.yaml")
        try FileManager.default.createDirectory(
          at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(options.utf8).write(to: file)
        try scene.drop(piece, "\(drop.0)/\(drop.1).nii.gz")
        let outcome = try scene.pellucid(
          ["watch", "--once", "--inbox", scene.inbox.path, "--results", scene.results.path] + flags)
        #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      }
      try FileManager.default.removeItem(at: halt)
      let outcome = try scene.pellucid(
        ["watch", "--once", "--inbox", scene.inbox.path, "--results", scene.results.path] + flags)
      struct Line: Decodable { var ev: String, job: String? }
      let started = outcome.errorLines.compactMap { try? JSONDecoder().decode(Line.self, from: Data($0.utf8)) }
        .filter { $0.ev == "started" }.compactMap(\.job)
      let jobs = try drops.map { try scene.answer("\($0.0)/\($0.1).nii.gz").job }
      #expect(started == [jobs[2], jobs[3], jobs[0], jobs[1]].compactMap(\.self), "\(outcome.standardError)")
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
