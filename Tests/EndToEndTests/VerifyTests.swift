import DurableFiles
import Foundation
import Models
import Provenance
import Testing

@Suite("verify finds whatever is not as its manifest says, and changes nothing")
struct VerifyTests {
  /// One line of `verify --json`.
  private struct Row: Decodable {
    var job: String?
    var ok: Bool
    var checked: Int
    var problems: [String]
    var remarks: [String]
    var rerun: String?
  }
  private struct Findings: Decodable {
    var results: [Row]
    var ok: Bool
  }

  /// A scene whose `out/tree` holds the committed results of some scans.
  private func withTree(_ count: Int = 1, _ body: (Scene, URL) throws -> Void) throws {
    try Scene.with { scene in
      for number in 0..<count {
        _ = try scene.input("scan\(number).nii", NIfTIBytes.phantom([24, 20, 2 + number]).data)
      }
      let tree = scene.outputs.appendingPathComponent("tree")
      let outcome = try scene.execute([
        "batch", scene.inputs.path, "-o", tree.path, "--model", scene.model.path, "--steps", "2", "--no-report",
        "--quiet",
      ])
      try #require(outcome.exitCode == 0, "\(outcome.standardError)")
      try body(scene, tree)
    }
  }

  private func verify(_ scene: Scene, _ place: URL, _ more: [String] = []) throws -> (code: Int32, findings: Findings) {
    let outcome = try scene.execute(["verify", place.path, "--json"] + more)
    let data = Data(outcome.standardOutput.utf8)
    let findings = try #require(try? JSONDecoder().decode(Findings.self, from: data), "\(outcome.standardError)")
    return (outcome.exitCode, findings)
  }

  private func cases(_ tree: URL) throws -> [URL] {
    let folder = tree.appendingPathComponent("cases")
    return try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted().map {
      folder.appendingPathComponent($0)
    }
  }

  /// The file of the manifest, which has two names.
  private func manifest(_ tree: URL, _ job: String) -> URL {
    tree.appendingPathComponent(".pellucid/manifests/\(job.prefix(2))/\(job).json")
  }

  private func staged(_ tree: URL) throws -> [URL] {
    let folder = tree.appendingPathComponent(".pellucid/spool/input")
    return try contents(of: folder).filter { $0.hasSuffix(".nii") }.map(folder.appendingPathComponent)
  }

  /// Writes into a file without making another one of it, so that its other name sees it too.
  private func overwrite(_ url: URL, _ change: (inout Data) -> Void) throws {
    var data = try Data(contentsOf: url)
    change(&data)
    chmod(url.path, 0o644)
    let file = try FileHandle(forWritingTo: url)
    try file.truncate(atOffset: 0)
    try file.write(contentsOf: data)
    try file.close()
  }

  private func edit(_ url: URL, _ change: (inout [String: Any]) -> Void) throws {
    try overwrite(url) { data in
      var object = (try? JSONSerialization.jsonObject(with: data) as? [String: Any]) ?? [:]
      change(&object)
      data = (try? JSONSerialization.data(withJSONObject: object)) ?? Data()
    }
  }

  /// Name, bytes and time of change of everything.
  private func state(_ folder: URL) throws -> [String] {
    try contents(of: folder).map { name in
      let url = folder.appendingPathComponent(name)
      let time = try FileManager.default.attributesOfItem(atPath: url.path)[.modificationDate] as? Date
      return "\(name) \((try? ContentDigest.sha256(of: url)) ?? "") \(time?.timeIntervalSince1970 ?? 0)"
    }
  }

  @Test("what a batch left is as it was, computed again it has the same voxels, and nothing is touched")
  func intact() throws {
    try withTree(2) { scene, tree in
      let before = try state(scene.outputs)
      let (code, findings) = try verify(scene, tree, ["--rerun"])
      #expect(code == 0)
      #expect(findings.ok && findings.results.count == 2)
      for row in findings.results {
        #expect(row.ok && row.problems.isEmpty && row.remarks.isEmpty && row.rerun == "identical", "\(row)")
        #expect(row.checked == 2, "the output and the spool's copy of the input")
      }
      #expect(try findings.results.compactMap(\.job) == cases(tree).map(\.lastPathComponent))
      #expect(try state(scene.outputs) == before)
    }
  }

  @Test("a result in three planes with matched slice detail is made again as its manifest says")
  func parameters() throws {
    try Scene.with { scene in
      try TinyModel.write(to: scene.model) {
        $0.envelope.modality = "MR"
        // Hardly anything is left of differences: they lack what can be given back.
        $0.prediction = PredictionRecord(kind: .data, skip: .none, residualScale: 0.1, clampData: true)
      }
      let scan = NIfTIBytes([24, 20, 12], spacing: [1, 1, 1]) { i, j, k in
        100 * (5 * i % 7 + 3 * j % 5 + 7 * k % 6) - 700
      }
      _ = try scene.input("scan.nii", scan.data)
      let tree = scene.outputs.appendingPathComponent("tree")
      let batch = try scene.execute(
        [
          "batch", scene.inputs.path, "-o", tree.path, "--model", scene.model.path, "--steps", "1", "--no-report",
          "--quiet",
        ]
          + ["--plane", "all-if-cubic", "--slice-detail", "matched", "--force"])
      try #require(batch.exitCode == 0, "\(batch.standardError)")
      let job = try #require(try cases(tree).first?.lastPathComponent)
      let record = try Manifest.read(manifest(tree, job))
      #expect(try #require(record.qc.metrics["sliceDetailGain"]) > 0 && record.qc.slicing?.plane == "all")
      let (code, findings) = try verify(scene, tree, ["--rerun"])
      #expect(code == 0 && findings.results.map(\.rerun) == ["identical"])
    }
  }

  @Test("an output that cannot be read now is told, and the other results are checked all the same")
  func unreadable() throws {
    try withTree(2) { scene, tree in
      let image = try #require(try cases(tree).first).appendingPathComponent("output.nii.gz")
      try FileManager.default.removeItem(at: image)
      try FileManager.default.createSymbolicLink(at: image, withDestinationURL: image)
      let (code, findings) = try verify(scene, tree)
      #expect(code == 66 && findings.results.map(\.ok) == [false, true])
      #expect(findings.results[0].problems.contains { $0.contains("symbolic links") }, "\(findings)")
      let retry = try scene.execute([
        "queue", "retry", image.deletingLastPathComponent().lastPathComponent, "--results", tree.path,
      ])
      #expect(retry.exitCode == 66)
      #expect(!FileManager.default.fileExists(atPath: tree.path + "/.pellucid/damaged"), "nothing is put aside")
    }
  }

  @Test("one flipped byte of an output is found, and the other results are still fine")
  func changedOutput() throws {
    try withTree(2) { scene, tree in
      let folder = try cases(tree)[1]
      try overwrite(folder.appendingPathComponent("output.nii.gz")) { $0[$0.count - 1] ^= 1 }
      let (code, findings) = try verify(scene, tree)
      #expect(code == 65)
      #expect(!findings.ok)
      #expect(findings.results.map(\.ok) == [true, false])
      #expect(findings.results[1].job == folder.lastPathComponent)
      #expect(findings.results[1].problems == ["output.nii.gz is changed"])
      try FileManager.default.removeItem(at: folder)
      #expect(try verify(scene, tree).findings.results[1].problems == ["the files of the result are gone"])
    }
  }

  @Test(
    "a manifest that was edited is found: its parameters, its key, its copy, or all of it",
    arguments: ["seed", "input", "copy", "damage"])
  func changedManifest(_ what: String) throws {
    try withTree { scene, tree in
      let folder = try cases(tree)[0]
      let file = manifest(tree, folder.lastPathComponent)
      switch what {
      case "seed":
        try edit(file) { object in
          var parameters = object["parameters"] as? [String: Any] ?? [:]
          parameters["seed"] = 8
          object["parameters"] = parameters
        }
      case "input":
        try edit(file) { object in
          var inputs = object["inputs"] as? [[String: Any]] ?? []
          inputs[0]["sha256"] = String(repeating: "0", count: 64)
          object["inputs"] = inputs
        }
      case "copy":
        let copy = folder.appendingPathComponent("output.manifest.json")
        let data = try Data(contentsOf: copy) + Data("\n".utf8)
        try FileManager.default.removeItem(at: copy)
        try data.write(to: copy)
      default: try overwrite(file) { $0 = $0.prefix(100) }
      }
      let (code, findings) = try verify(scene, tree)
      #expect(code == 65)
      #expect(findings.results.count == 1 && findings.results[0].problems.count >= 1)
      #expect(findings.results[0].job == folder.lastPathComponent)
    }
  }

  @Test("the spool's copy of the input counts while it is there; without it, inputs are found by their digest")
  func inputs() throws {
    try withTree { scene, tree in
      let copy = try #require(try staged(tree).first)
      try overwrite(copy) { $0[400] ^= 1 }
      let changed = try verify(scene, tree)
      #expect(changed.code == 65)
      #expect(changed.findings.results[0].problems.count == 1)
      try FileManager.default.removeItem(at: copy)
      let gone = try verify(scene, tree)
      #expect(gone.code == 0)
      #expect(gone.findings.results[0].checked == 1)
      let missing = try verify(scene, tree, ["--rerun"])
      #expect(missing.code == 69, "what was asked for was not done")
      #expect(missing.findings.ok && missing.findings.results[0].rerun == "input missing")
      let found = try verify(scene, tree, ["--rerun", "--inputs", scene.inputs.path])
      #expect(found.code == 0)
      #expect(found.findings.results[0].rerun == "identical")
    }
  }

  /// Puts other voxels in the place of a result's, with all digests as they should be.
  private func forge(_ tree: URL, _ job: String, isa: String? = nil) throws {
    let output = tree.appendingPathComponent("cases/\(job)/output.nii.gz")
    var digest = ""
    try overwrite(output) { data in
      data = GzipBytes.stored(NIfTIBytes.phantom([24, 20, 2]).data)
      digest = ContentDigest.sha256(of: data)
    }
    try edit(manifest(tree, job)) { object in
      var outputs = object["outputs"] as? [[String: Any]] ?? []
      outputs[0]["sha256"] = digest
      outputs[0]["sha256Voxels"] = String(repeating: "1", count: 64)
      object["outputs"] = outputs
      if let isa {
        var environment = object["environment"] as? [String: Any] ?? [:]
        environment["isa"] = isa
        object["environment"] = environment
      }
    }
  }

  @Test("voxels that the model never made are found by computing them again, and by nothing else")
  func forged() throws {
    try withTree { scene, tree in
      let job = try cases(tree)[0].lastPathComponent
      try forge(tree, job)
      #expect(try verify(scene, tree).code == 0)
      let (code, findings) = try verify(scene, tree, ["--rerun"])
      #expect(code == 65)
      #expect(findings.results[0].rerun == "different" && !findings.results[0].ok)
    }
  }

  @Test("other voxels on another instruction set are told and are no failure")
  func otherMachine() throws {
    try withTree { scene, tree in
      try forge(tree, try cases(tree)[0].lastPathComponent, isa: "another")
      let (code, findings) = try verify(scene, tree, ["--rerun"])
      #expect(code == 0)
      #expect(findings.results[0].ok && findings.results[0].rerun == "different on another machine")
      #expect(findings.results[0].remarks.contains { $0.contains("instruction set was another") })
    }
  }

  @Test("the result of a single run is checked by its output or its manifest")
  func single() throws {
    try Scene.with { scene in
      let scan = try scene.input("scan.nii", NIfTIBytes.phantom().data)
      #expect(try scene.execute(scene.run(scan, to: "clear.nii", "--samples", "2", "--steps", "2")).exitCode == 0)
      for name in ["clear.nii", "clear.manifest.json"] {
        let (code, findings) = try verify(
          scene, scene.outputs.appendingPathComponent(name),
          ["--rerun", "--inputs", scene.inputs.path, "--model", scene.model.path])
        #expect(code == 0)
        #expect(findings.results.map(\.rerun) == ["identical"])
        #expect(findings.results.map(\.checked) == [2])
      }
      let other = try verify(
        scene, scene.outputs.appendingPathComponent("clear.nii"), ["--rerun", "--inputs", scene.inputs.path])
      #expect(other.code == 69)
      #expect(other.findings.results[0].rerun == "model missing")
    }
  }

  @Test("a sample is a part of the results, one at least")
  func sample() throws {
    try withTree(3) { scene, tree in
      let half = try verify(scene, tree, ["--sample", "50%"]).findings
      #expect(half.results.count == 2)
      let least = try verify(scene, tree, ["--sample", "0.1%"]).findings
      #expect(least.results.count == 1)
      let none = try scene.execute(["verify", tree.path, "--sample", "0%"])
      #expect(none.exitCode == 64)
    }
  }

  @Test("what is no results tree is 66, an empty one 2")
  func nothing() throws {
    try Scene.with { scene in
      func code(_ place: String) throws -> Int32 { try scene.execute(["verify", place]).exitCode }
      #expect(try code(scene.outputs.path) == 66)
      #expect(try code(scene.output("gone")) == 66)
      #expect(try code(scene.model.path) == 66)
      let tree = scene.outputs.appendingPathComponent("tree")
      try FileManager.default.createDirectory(
        at: tree.appendingPathComponent(".pellucid/manifests"), withIntermediateDirectories: true)
      #expect(try code(tree.path) == 2)
    }
  }
}
