import BatchQueue
import DurableFiles
import Foundation
import Provenance
import TestSupport
import Testing

@testable import Cases

/// A BIDS dataset with a spool, and results below its derivatives unless told otherwise.
private struct Dataset {
  let root: URL
  let spool: Spool
  var results: URL { spool.results.root }

  static func with<R>(results: String = "bids/derivatives/pellucid", _ body: (Dataset) throws -> R) throws -> R {
    try withTemporaryFolder { folder in
      let root = folder.appendingPathComponent("bids")
      try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
      try Data(#"{"Name": "x", "BIDSVersion": "1.11.1"}"#.utf8).write(
        to: root.appendingPathComponent("dataset_description.json"))
      return try body(Dataset(root: root, spool: try Spool(for: folder.appendingPathComponent(results))))
    }
  }

  /// Commits a result for a file of the dataset: what a worker leaves.
  @discardableResult
  func commit(_ path: String, job key: Character = "a", task synthetic: Bool = false, image: String = "output.nii.gz")
    throws -> JobID
  {
    let key = String(repeating: key, count: 64)
    let job = JobID(key: key)
    try BIDSView.remember(RelativePath(path), of: BoundFolder(root), as: job, in: spool)
    let data = Data("voxels of \(key)".utf8)
    let folder = spool.results.caseFolder(of: job)
    try makeFolder(folder)
    try data.write(to: folder.appendingPathComponent(image))
    try makeFolder(spool.results.manifest(of: job).deletingLastPathComponent())
    try Manifest(
      id: "a", startedAt: "2026-11-21T10:00:00.000Z", endedAt: "2026-11-21T10:00:01.500Z", durations: Durations(),
      software: SoftwareRecord(name: "pellucid", version: "7.8.9", numericVersion: 1, compiler: "Swift", libs: [:]),
      model: ModelRecord(name: "mr-denoise", version: "3", cardSha256: "22", weightsSha256: "abc"),
      parameters: ["seed": .integer(7)], rng: RandomRecord(algorithm: "philox4x32-10", seed: 7, keying: "voxel"),
      inputs: [FileRecord(role: "image", name: "input.nii.gz", sha256: "11", bytes: 5)],
      outputs: [FileRecord(role: "image", name: image, sha256: ContentDigest.sha256(of: data), bytes: data.count)],
      qc: QualityControl(metrics: [:], unit: "", flags: [], envelope: EnvelopeRecord(inside: true, reasons: [])),
      environment: EnvironmentRecord.current(isa: "avx2", blasCore: "Haswell", threads: 2, memoryCap: nil),
      marking: Marking(synthetic: synthetic)
    ).write(to: spool.results.manifest(of: job))
    return job
  }

  func object(_ path: String) throws -> [String: Any] {
    let data = try Data(contentsOf: results.appendingPathComponent(path))
    return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
  }

  /// The files outside of `cases` and hidden folders, sorted.
  func files() throws -> [String] {
    try FileManager.default.subpathsOfDirectory(atPath: results.path).filter { path in
      var isFolder: ObjCBool = false
      _ = FileManager.default.fileExists(atPath: results.appendingPathComponent(path).path, isDirectory: &isFolder)
      return !isFolder.boolValue && !path.hasPrefix("cases/") && !(path.hasPrefix(".") && path.contains("/"))
    }.sorted()
  }
}

@Suite("Results under BIDS names")
struct BIDSViewTests {
  private static let dataset = [".bidsignore", "README", "dataset_description.json"]

  @Test("a committed image of a dataset gets its name and a sidecar; the image is the case's own file")
  func names() throws {
    try Dataset.with { dataset in
      let job = try dataset.commit("sub-01/ses-2/anat/sub-01_ses-2_acq-fast_run-1_T1w.nii.gz")
      #expect(try BIDSView.update(dataset.spool) == 1)
      let stem = "sub-01/ses-2/anat/sub-01_ses-2_acq-fast_run-1_desc-denoised_T1w"
      #expect(try dataset.files() == (Self.dataset + [stem + ".json", stem + ".nii.gz"]).sorted())
      let image = dataset.spool.results.caseFolder(of: job).appendingPathComponent("output.nii.gz")
      #expect(leadToSameFile(dataset.results.appendingPathComponent(stem + ".nii.gz"), image))
      let sidecar = try dataset.object(stem + ".json")
      #expect(
        sidecar["Sources"] as? [String] == ["bids:raw:sub-01/ses-2/anat/sub-01_ses-2_acq-fast_run-1_T1w.nii.gz"])
      #expect(sidecar["RawSources"] == nil, "it is deprecated")
      #expect(sidecar["SkullStripped"] as? Bool == false, "required of derived MRI")
      #expect((sidecar["Description"] as? String)?.contains("Research use only") == true)
      #expect(try BIDSView.update(dataset.spool) == 0, "a second time there is nothing to do")
    }
  }

  @Test("the results are a derivative dataset that leads to the raw one")
  func description() throws {
    try Dataset.with { dataset in
      try dataset.commit("sub-01/anat/sub-01_T1w.nii.gz")
      try BIDSView.update(dataset.spool)
      let description = try dataset.object("dataset_description.json")
      #expect(description["DatasetType"] as? String == "derivative")
      #expect(description["BIDSVersion"] as? String == "1.11.1")
      #expect((description["Name"] as? String)?.isEmpty == false)
      #expect(description["DatasetLinks"] as? [String: String] == ["raw": "../.."])
      let generators = try #require(description["GeneratedBy"] as? [[String: String]])
      #expect(generators.map { $0["Name"] } == ["pellucid", "mr-denoise"], "the first is part of the folder's name")
      #expect(generators.map { $0["Version"] } == ["7.8.9", "3"])
      #expect(generators[1]["Description"]?.contains("abc") == true, "the weights' digest")
    }
  }

  @Test("results outside of the dataset name no sources: a path to them would tell where data lie")
  func elsewhere() throws {
    try Dataset.with(results: "results") { dataset in
      try dataset.commit("sub-01/anat/sub-01_T1w.nii.gz")
      #expect(try BIDSView.update(dataset.spool) == 1)
      #expect(try dataset.object("dataset_description.json")["DatasetLinks"] == nil)
      #expect(try dataset.object("sub-01/anat/sub-01_desc-denoised_T1w.json")["Sources"] == nil)
    }
  }

  @Test("what is no raw image of the standard stays in cases/ alone, and makes no dataset")
  func notBIDS() throws {
    try Dataset.with { dataset in
      try dataset.commit("sub-01/ct/sub-01_ct.nii.gz")
      try dataset.commit("notes/scan.nii.gz", job: "b")
      try dataset.commit("sub-01/anat/sub-01_T1w.nii.gz", job: "c", task: true)
      #expect(try BIDSView.update(dataset.spool) == 0)
      #expect(try dataset.files() == [])
    }
    try Dataset.with { dataset in
      try FileManager.default.removeItem(at: dataset.root.appendingPathComponent("dataset_description.json"))
      try dataset.commit("sub-01/anat/sub-01_T1w.nii.gz")
      #expect(try BIDSView.update(dataset.spool) == 0, "a name alone makes no dataset")
    }
  }

  @Test("two treatments of one image have two names, whichever came first; equal bytes of two subjects have both names")
  func several() throws {
    try Dataset.with { dataset in
      try dataset.commit("sub-01/anat/sub-01_T1w.nii.gz", job: "a")
      try dataset.commit("sub-01/anat/sub-01_T1w.nii.gz", job: "b")
      let shared = JobID(key: String(repeating: "a", count: 64))
      try BIDSView.remember(
        RelativePath("sub-02/anat/sub-02_T1w.nii.gz"), of: BoundFolder(dataset.root), as: shared, in: dataset.spool)
      #expect(try BIDSView.update(dataset.spool) == 3)
      let images = try dataset.files().filter { $0.hasSuffix(".nii.gz") }
      #expect(images.count == 3 && images.contains("sub-02/anat/sub-02_desc-denoised_T1w.nii.gz"))
      #expect(images.contains("sub-01/anat/sub-01_desc-denoised_T1w.nii.gz"))
      let second = ["a", "b"].map { "sub-01/anat/sub-01_desc-denoised\(String(repeating: $0, count: 8))_T1w.nii.gz" }
      #expect(images.filter(second.contains).count == 1)
      #expect(try BIDSView.update(dataset.spool) == 0)
    }
  }

  @Test("the image's own ending is kept; what a person wrote under a name or in the description stays")
  func endingsAndOthersFiles() throws {
    try Dataset.with { dataset in
      try dataset.commit("sub-01/anat/sub-01_T1w.nii", image: "output.nii")
      let taken = dataset.results.appendingPathComponent("sub-01/anat/sub-01_desc-denoised_T1w.nii")
      try makeFolder(taken.deletingLastPathComponent())
      try Data("mine".utf8).write(to: taken)
      try Data(#"{"Name": "mine"}"#.utf8).write(to: dataset.results.appendingPathComponent("dataset_description.json"))
      #expect(try BIDSView.update(dataset.spool) == 1)
      #expect(try Data(contentsOf: taken) == Data("mine".utf8))
      #expect(try dataset.object("dataset_description.json")["Name"] as? String == "mine")
      #expect(try dataset.files().contains("sub-01/anat/sub-01_desc-denoisedaaaaaaaa_T1w.nii"))
    }
  }

  @Test("a result whose files are gone keeps no other from its name, and gets none itself")
  func gone() throws {
    try Dataset.with { dataset in
      let lost = try dataset.commit("sub-01/anat/sub-01_T1w.nii.gz")
      try dataset.commit("sub-02/anat/sub-02_T1w.nii.gz", job: "b")
      try FileManager.default.removeItem(at: dataset.spool.results.caseFolder(of: lost))
      #expect(try BIDSView.update(dataset.spool) == 1)
      let names = try dataset.files()
      #expect(names.contains("sub-02/anat/sub-02_desc-denoised_T1w.nii.gz"))
      #expect(!names.contains { $0.contains("sub-01") })
    }
  }

  @Test("a result that cannot be read now is not gone, and is not put aside")
  func silentDisk() throws {
    try Dataset.with { dataset in
      let job = try dataset.commit("sub-01/anat/sub-01_T1w.nii.gz")
      let image = dataset.spool.results.caseFolder(of: job).appendingPathComponent("output.nii.gz")
      #expect(try ResultMender.isInPlace(job, in: dataset.spool.results))
      try FileManager.default.removeItem(at: image)
      #expect(try !ResultMender.isInPlace(job, in: dataset.spool.results))
      // A link to itself: the system says neither that something is there nor that it is not.
      try FileManager.default.createSymbolicLink(at: image, withDestinationURL: image)
      #expect(throws: FileError.self) { try ResultMender.isInPlace(job, in: dataset.spool.results) }
      #expect(throws: FileError.self) { try ResultMender.mend(job, in: dataset.spool) }
      let manifest = dataset.spool.results.manifest(of: job)
      try FileManager.default.removeItem(at: manifest)
      #expect(try !ResultMender.isInPlace(job, in: dataset.spool.results))
      try FileManager.default.createSymbolicLink(at: manifest, withDestinationURL: manifest)
      #expect(throws: FileError.self) { try ResultMender.isInPlace(job, in: dataset.spool.results) }
    }
  }
}
