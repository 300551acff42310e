import Foundation
import Models
import Testing

/// The validator of the BIDS standard.
private enum BIDSValidator {
  struct Issue: Decodable, Hashable {
    var code: String
    var subCode: String?
    var severity: String
    var location: String?
  }

  private struct Report: Decodable {
    struct Issues: Decodable { var issues: [Issue] }
    struct Summary: Decodable { var totalFiles: Int }
    var issues: Issues
    var summary: Summary
  }

  /// What it finds in a dataset, and how many files it looked at.
  static func judge(_ dataset: URL) throws -> (issues: [Issue], files: Int) {
    let outcome = try Validators.run("bids-validator-deno", [dataset.path, "--format", "json"])
    let report = try JSONDecoder().decode(Report.self, from: outcome.output)
    let isValid = !report.issues.issues.contains { $0.severity == "error" }
    #expect((outcome.code == 0) == isValid)
    return (report.issues.issues, report.summary.totalFiles)
  }

  static func errors(_ dataset: URL) throws -> [String] {
    try judge(dataset).issues.filter { $0.severity == "error" }.map { $0.subCode ?? $0.code }
  }
}

@Suite("The results of a BIDS dataset are a BIDS derivative, by the standard's own validator")
struct BIDSTests {
  /// One image of every kind of name, and some that stay in cases/.
  private static let known = [
    "sub-01/anat/sub-01_T1w.nii.gz", "sub-01/anat/sub-01_run-01_FLAIR.nii", "sub-01/anat/sub-01_acq-a_UNIT1.nii.gz",
    "sub-01/dwi/sub-01_acq-b0_dir-AP_run-1_ADC.nii.gz", "sub-02/ses-1/anat/sub-02_ses-1_T1w.nii.gz",
    "sub-02/ses-2/anat/sub-02_ses-2_task-rest_acq-fast_ce-gd_rec-norm_run-2_echo-1_part-mag_chunk-3_T2starw.nii.gz",
  ]
  private static let others = [
    "sub-01/ct/sub-01_ct.nii.gz", "sub-01/func/sub-01_task-rest_bold.nii.gz",
    "sub-02/ses-1/anat/sub-02_ses-1_run-1_acq-late_T1w.nii.gz", "sourcedata/sub-01/anat/sub-01_T1w.nii.gz",
  ]

  /// A dataset, and the results of a batch over it in its derivatives.
  private func results(_ scene: Scene) throws -> URL {
    let dataset = scene.inputs
    try Data(#"{"Name": "Phantoms", "BIDSVersion": "1.11.1", "DatasetType": "raw"}"#.utf8).write(
      to: dataset.appendingPathComponent("dataset_description.json"))
    for (number, path) in (Self.known + Self.others).enumerated() {
      let file = dataset.appendingPathComponent(path)
      try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      let image = NIfTIBytes([24, 20, 2], spacing: [0.75, 0.75, 2.5]) { i, j, k in (i * 7 + j * 3 + k + number) % 100 }
      try (path.hasSuffix(".gz") ? GzipBytes.stored(image.data) : image.data).write(to: file)
    }
    try TinyModel.write(to: scene.model) {
      $0.intensity = .percentiles(low: 0, high: 99.5)
      $0.envelope.modality = "MR"
    }
    let results = dataset.appendingPathComponent("derivatives/pellucid")
    let outcome = try scene.execute([
      "batch", dataset.path, "-o", results.path, "--model", scene.model.path, "--steps", "1",
    ])
    try #require(outcome.exitCode == 0, "\(outcome.standardError)")
    return results
  }

  @Test("a batch over a dataset leaves no error, once every image has its name; what has none is in cases/ alone")
  func valid() throws {
    try Scene.with { scene in
      let results = try results(scene)
      let files = try contents(of: results)
      #expect(try FileManager.default.contentsOfDirectory(atPath: results.path + "/cases").count == 9)
      let images = files.filter { $0.hasPrefix("sub-") && $0.contains(".nii") }
      let expected = Self.known.map { path in
        let mark = path.lastIndex(of: "_") ?? path.endIndex
        // Results are compressed, whatever the input was.
        return String(path[..<mark] + "_desc-denoised" + path[mark...]) + (path.hasSuffix(".nii") ? ".gz" : "")
      }
      #expect(images == expected.sorted())
      let (issues, count) = try BIDSValidator.judge(results)
      // Each image with its sidecar, description and README.
      #expect(count >= 2 * images.count + 2)
      #expect(issues.filter { $0.severity == "error" } == [])
      #expect(!issues.contains { $0.code == "GZIP_HEADER_MTIME" }, "no clock in the images")
    }
  }

  @Test(
    "the validator refuses what a derivative must not be: no word on the skull, entities out of order, no description")
  func broken() throws {
    try Scene.with { scene in
      let results = try results(scene)
      #expect(try BIDSValidator.errors(results) == [])
      let stem = results.appendingPathComponent("sub-01/anat/sub-01_desc-denoised_T1w").path
      let sidecar = URL(fileURLWithPath: stem + ".json")
      let whole = try Data(contentsOf: sidecar)
      var object = try #require(try JSONSerialization.jsonObject(with: whole) as? [String: Any])
      object["SkullStripped"] = nil
      try JSONSerialization.data(withJSONObject: object).write(to: sidecar)
      #expect(try BIDSValidator.errors(results) == ["SkullStripped"])
      try whole.write(to: sidecar)
      let name = results.appendingPathComponent("sub-01/anat/sub-01_desc-denoised_acq-a_T1w.nii.gz")
      try FileManager.default.copyItem(at: URL(fileURLWithPath: stem + ".nii.gz"), to: name)
      #expect(try !BIDSValidator.errors(results).isEmpty)
      try FileManager.default.removeItem(at: name)
      let description = results.appendingPathComponent("dataset_description.json")
      try FileManager.default.moveItem(at: description, to: results.appendingPathComponent("cases/moved.json"))
      #expect(try !BIDSValidator.errors(results).isEmpty)
    }
  }
}
