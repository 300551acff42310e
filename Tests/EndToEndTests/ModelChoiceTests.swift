import Foundation
import Models
import Testing

@Suite("run and batch without a model: the only one that fits is taken, and said; else there is a list")
struct ModelChoiceTests {
  /// A folder of models for `PELLUCID_MODELS`, besides which the repository's ct-denoise is found.
  private func models(_ scene: Scene, coarse: Bool = false) throws -> [String: String] {
    let folder = scene.folder.appendingPathComponent("models")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try TinyModel.write(to: folder.appendingPathComponent("other.safetensors")) {
      if coarse { $0.envelope.inPlaneSpacing = [5, 12] }
    }
    return ["PELLUCID_MODELS": folder.path, "HOME": scene.folder.path]
  }

  private func plan(_ scene: Scene, _ scan: String, _ environment: [String: String]) throws -> (
    Executable.Outcome, model: String?
  ) {
    let outcome = try scene.execute(
      ["run", scan, "-o", scene.output("x.nii"), "--dry-run", "--json"], environment: environment)
    let plan = try? JSONSerialization.jsonObject(with: Data(outcome.standardOutput.utf8)) as? [String: Any]
    return (outcome, plan?["model"] as? String)
  }

  @Test("run takes the only model that fits")
  func run() throws {
    try Scene.with { scene in
      let scan = try scene.input("a.nii", NIfTIBytes.phantom([40, 36, 2]).data)
      let (one, only) = try plan(scene, scan, ["HOME": scene.folder.path])
      #expect(one.exitCode == 0 && only?.hasPrefix("ct-denoise ") == true, "\(one)")
      #expect(one.errorLines.first == "pellucid: model ct-denoise, the only one that fits")
      let coarse = try scene.input("b.nii", NIfTIBytes.phantom([40, 36, 2], spacing: [9, 9, 2.5]).data)
      let (two, fitting) = try plan(scene, coarse, models(scene, coarse: true))
      #expect(two.exitCode == 0 && fitting?.hasPrefix("tiny ") == true, "\(two)")
      #expect(two.errorLines.first == "pellucid: model other, the only one that fits")
    }
  }

  @Test("run refuses to guess: 64 where several fit, 69 where none does, with the models' names")
  func runRefuses() throws {
    try Scene.with { scene in
      let environment = try models(scene)
      let scan = try scene.input("a.nii", NIfTIBytes.phantom([40, 36, 2]).data)
      let several = try plan(scene, scan, environment).0
      #expect(several.exitCode == 64 && several.standardError.contains("ct-denoise, other"), "\(several)")
      let coarse = try scene.input("b.nii", NIfTIBytes.phantom([40, 36, 2], spacing: [9, 9, 2.5]).data)
      let none = try plan(scene, coarse, environment).0
      #expect(none.exitCode == 69 && none.errorLines.count == 1, "\(none)")
      for word in ["ct-denoise (", "other (", "spacing"] { #expect(none.standardError.contains(word)) }
    }
  }

  @Test("batch, far from the repository's workflows: one model is taken, several and none are told")
  func batch() throws {
    try Scene.with { scene in
      let scan = try scene.input("a.nii", NIfTIBytes.phantom([24, 20, 2]).data)
      let far = scene.folder.appendingPathComponent("bin")
      try FileManager.default.createDirectory(at: far, withIntermediateDirectories: true)
      let executable = far.appendingPathComponent("pellucid")
      try FileManager.default.copyItem(at: Executable.url, to: executable)
      func batch(_ environment: [String: String]) throws -> Executable.Outcome {
        try Executable.run(
          ["batch", scan, "-o", scene.output("tree"), "--steps", "1", "--no-report"], in: scene.folder,
          environment: environment.merging(["HOME": scene.folder.path]) { _, new in new }, executable: executable)
      }
      let none = try batch([:])
      #expect(none.exitCode == 69 && none.standardError.contains("--model"), "\(none)")
      let environment = try models(scene)
      let one = try batch(environment)
      #expect(
        one.exitCode == 0 && one.errorLines.first == "pellucid: model other, the only one that is installed", "\(one)")
      let second = scene.folder.appendingPathComponent("models/second.safetensors")
      try FileManager.default.copyItem(at: scene.model, to: second)
      let several = try batch(environment)
      #expect(several.exitCode == 64 && several.standardError.contains("other, second"), "\(several)")
    }
  }
}
