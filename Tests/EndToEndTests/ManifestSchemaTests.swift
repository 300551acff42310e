import Foundation
import Models
import Testing

/// JSON Schema as python-jsonschema understands it: a validator that knows nothing of this program.
enum JSONSchemaValidator {
  /// What is wrong with each file, by path, nothing for valid ones; installs the validator if need be.
  static func errors(_ schema: URL, _ files: [URL]) throws -> [String: [String]] {
    let script = Repository.root.appendingPathComponent("Workflows/validators/json_schema.py").path
    let outcome = try Validators.run("python", [script, schema.path] + files.map(\.path))
    try #require(outcome.code == 0, "the validator failed")
    return try JSONDecoder().decode([String: [String]].self, from: outcome.output)
  }
}

@Suite("Manifests are what their published schema says, by another program's judgement")
struct ManifestSchemaTests {
  private let schema = Repository.root.appendingPathComponent("Docs/manifest.schema.json")

  /// The manifest of a run, where the run leaves it.
  private func manifest(_ scene: Scene, _ arguments: [String], at path: String = "clear.manifest.json") throws -> URL {
    let outcome = try scene.execute(
      arguments, environment: ["SLURM_JOB_ID": "17", "SLURM_ARRAY_TASK_ID": "4", "SLURM_RESTART_COUNT": "1"])
    try #require(outcome.exitCode == 0, "\(outcome.standardError)")
    return scene.outputs.appendingPathComponent(path)
  }

  @Test(
    "what run and batch leave is valid: NIfTI, a pair, PNG, several samples with noise between slices, a case of a batch"
  )
  func valid() throws {
    try Scene.with { scene in
      let scan = try scene.input("scan.nii.gz", GzipBytes.stored(NIfTIBytes.phantom([24, 20, 2]).data))
      var files = [
        try manifest(scene, scene.run(scan, to: "a.nii.gz", "--report", "--steps", "2"), at: "a.manifest.json")
      ]
      files.append(
        try manifest(
          scene, scene.run(scan, to: "b.hdr", "--samples", "2", "--sampler", "ddim:0.5", "--memory", "2G"),
          at: "b.manifest.json"))
      files.append(
        try manifest(
          scene, scene.run(scan, to: "e.nii", "--plane", "all-if-cubic", "--tile", "64", "--steps", "1"),
          at: "e.manifest.json"))
      try TinyModel.write(to: scene.folder.appendingPathComponent("mr.safetensors")) { $0.envelope.modality = "MR" }
      files.append(
        try manifest(
          scene,
          ["run", scan, "-o", scene.output("f.nii"), "--model", "mr.safetensors", "--steps", "1", "--force"]
            + ["--slice-detail", "matched"], at: "f.manifest.json"))
      let noise = try scene.input("noise.nii", NIfTIBytes([24, 20, 2], float: { i, _, _ in Float(i % 5) - 2 }).data)
      files.append(try manifest(scene, scene.run(scan, to: "c.nii", "--noise", noise), at: "c.manifest.json"))
      try TinyModel.write(to: scene.folder.appendingPathComponent("png.safetensors")) { $0.intensity = .fullRange }
      let slice = Repository.root.appendingPathComponent("SampleData/ct-lowdose-slice.png")
      files.append(
        try manifest(
          scene, ["run", slice.path, "-o", scene.output("d.png"), "--model", "png.safetensors", "--steps", "1"],
          at: "d.manifest.json"))
      let batch = try scene.execute(
        ["batch", scan, "-o", scene.output("tree"), "--model", scene.model.path, "--steps", "2"],
        environment: ["SLURM_JOB_ID": "17"])
      try #require(batch.exitCode == 0, "\(batch.standardError)")
      let committed = scene.outputs.appendingPathComponent("tree/.pellucid/manifests")
      let names = try contents(of: committed).filter { $0.hasSuffix(".json") }
      #expect(names.count == 1)
      files += names.map(committed.appendingPathComponent)
      let found = try JSONSchemaValidator.errors(schema, files)
      #expect(found.count == files.count)
      for file in files { #expect(found[file.path] == [], "\(file.lastPathComponent)") }
      let first = try object(files[0])
      let units = try files.map { (try object($0)["qc"] as? [String: Any])?["unit"] as? String }
      #expect(units == ["HU", "HU", "HU", "a.u.", "HU", "a.u.", "HU"], "a PNG's grey levels are no HU")
      let environment = first["environment"] as? [String: Any]
      let slurm = environment?["slurm"] as? [String: Int]
      #expect(slurm == ["job": 17, "arrayTask": 4, "restarts": 1])
      let software = first["software"] as? [String: Any]
      #expect((software?["libs"] as? [String: String])?.keys.sorted() == ["libnifti", "libpng", "openblas", "zlib"])
      let build = try Executable.sha256()
      #expect(software?["buildHash"] as? String == build)
    }
  }

  @Test("a manifest with a field too many, too few, or of another kind is refused, each by name")
  func broken() throws {
    try Scene.with { scene in
      let scan = try scene.input("scan.nii", NIfTIBytes.phantom([24, 20, 2]).data)
      let good = try object(try manifest(scene, scene.run(scan, "--steps", "2")))
      let changes: [(path: [String], value: Any?)] = [
        (["schema"], "pellucid-manifest/2"), (["id"], "1"), (["jobKey"], "AB"), (["status"], "failed"),
        (["patientName"], "Müller"), (["startedAt"], "yesterday"), (["durations", "infer"], -1), (["qc"], nil),
        (["software", "path"], "/home"), (["software", "buildHash"], "12"),
        (["software", "commit"], "two words"), (["model", "weightsSha256"], nil),
        (["parameters", "seed"], -1), (["parameters", "sampler"], "magic"), (["parameters", "secret"], "x"),
        (["parameters", "labels"], []), (["environment", "hostname"], "ward7"), (["environment", "host"], "ward7"),
        (["environment", "isa"], "mmx"), (["marking", "researchUseOnly"], false), (["privacy", "user"], "x"),
        (["qc", "flags"], ["anything"]), (["qc", "unit"], "mSv"), (["inputs"], []), (["outputs"], []),
        (["inputs", "0", "name"], "/home/scan.nii"), (["inputs", "0", "sha256"], "xyz"),
        (["inputs", "0", "path"], "x"), (["inputs", "0", "geometry"], nil),
        (["inputs", "0", "geometry", "dimensions"], [1, 2]), (["outputs", "0", "sha256Voxels"], nil),
        (["outputs", "0", "role"], "thing"), (["outputs", "0", "roundTripError"], "none"),
      ]
      let files = try changes.enumerated().map { number, change in
        let file = scene.outputs.appendingPathComponent("broken\(number).json")
        let value = Self.changing(good, change.path[...], to: change.value)
        try JSONSerialization.data(withJSONObject: value).write(to: file)
        return file
      }
      let untouched = scene.outputs.appendingPathComponent("good.json")
      try JSONSerialization.data(withJSONObject: good).write(to: untouched)
      let found = try JSONSchemaValidator.errors(schema, files + [untouched])
      #expect(found[untouched.path] == [], "what is changed is what counts")
      for (file, change) in zip(files, changes) {
        #expect(found[file.path]?.isEmpty == false, "\(change.path.joined(separator: "."))")
      }
    }
  }

  private func object(_ url: URL) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: url)) as? [String: Any])
  }

  /// The document with the value at a path replaced, added, or with nil removed.
  private static func changing(_ document: Any, _ path: ArraySlice<String>, to value: Any?) -> Any {
    guard let step = path.first else { return value ?? NSNull() }
    if var list = document as? [Any], let index = Int(step) {
      list[index] = changing(list[index], path.dropFirst(), to: value)
      return list
    }
    var object = document as? [String: Any] ?? [:]
    if path.count == 1 {
      object[step] = value
    } else {
      object[step] = changing(object[step] ?? [:], path.dropFirst(), to: value)
    }
    return object
  }
}
