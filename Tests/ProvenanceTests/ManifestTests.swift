import DurableFiles
import Foundation
import Glibc
import Provenance
import TestSupport
import Testing

private func manifest(
  parameters: [String: ParameterValue] = ["sampler": .text("ddim"), "seed": .integer(7)], id: String = "a",
  output: FileRecord? = nil, input: String = "11", commit: String? = nil
) throws -> Manifest {
  try Manifest(
    id: id, startedAt: "2026-11-21T10:00:00.000Z", endedAt: "2026-11-21T10:00:01.500Z",
    durations: Durations(read: 0.1, infer: 1.25),
    software: SoftwareRecord(
      name: "pellucid", version: "0.1.0", commit: commit, numericVersion: 1, compiler: "Swift", libs: [:]),
    model: ModelRecord(name: "ct-denoise", version: "1", cardSha256: "22", weightsSha256: "33"),
    parameters: parameters, rng: RandomRecord(algorithm: "philox4x32-10", seed: 7, keying: "voxel"),
    inputs: [FileRecord(role: "image", name: "in.nii", sha256: input, bytes: 5)],
    outputs: output.map { [$0] } ?? [],
    qc: QualityControl(
      metrics: ["noise": 3.5], unit: "HU", flags: [], envelope: EnvelopeRecord(inside: true, reasons: [])),
    environment: EnvironmentRecord.current(isa: "avx2", blasCore: "Haswell", threads: 2, memoryCap: nil),
    marking: Marking(synthetic: false))
}

@Suite("Manifest") struct ManifestTests {
  @Test("a manifest reads back equal, with every kind of parameter")
  func roundTrip() throws {
    let parameters: [String: ParameterValue] = [
      "a": .text("x/y"), "b": .integer(.max), "c": .number(-0.1), "d": .flag(true),
      "e": .list([.integer(1), .text("z")]),
      "f": .number(2),
    ]
    let written = try manifest(parameters: parameters)
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("out.manifest.json")
      try written.write(to: url)
      #expect(try Manifest.read(url) == written)
    }
  }

  @Test("a build that was not told its commit says nothing of one")
  func commit() throws {
    #expect(!String(decoding: try manifest().encoded(), as: UTF8.self).contains("commit\""))
    let told = try manifest(commit: "4ae19c3f00d1-dirty")
    #expect(try JSONDecoder().decode(Manifest.self, from: told.encoded()).software.commit == "4ae19c3f00d1-dirty")
  }

  @Test("evaluations are counted over samples and planes; nonsense counts as not known")
  func evaluations() throws {
    func count(_ evaluations: ParameterValue?, samples: UInt64? = nil, plane: String? = nil) throws -> Int? {
      var parameters: [String: ParameterValue] = [:]
      parameters["evaluations"] = evaluations
      parameters["samples"] = samples.map(ParameterValue.integer)
      var manifest = try manifest(parameters: parameters)
      manifest.qc.slicing = plane.map { SlicingRecord(plane: $0, axis: 2) }
      return manifest.evaluationsPerSlice
    }
    #expect(try count(.integer(4)) == 4)
    #expect(try count(.integer(4), samples: 5, plane: "axial") == 20)
    #expect(try count(.integer(4), samples: 5, plane: "all") == 60)
    #expect(try count(nil, samples: 5) == nil && count(.text("4")) == nil)
    #expect(try count(.integer(.max)) == nil && count(.integer(1 << 62), samples: 2) == nil)
    #expect(try count(.integer(1 << 62), plane: "all") == nil)
  }

  @Test("canonical JSON sorts keys, spells numbers once, and has the digest that sha256sum gives")
  func canonical() throws {
    let parameters: [String: ParameterValue] = [
      "b": .number(2), "a": .text("x/y"), "c": .list([.flag(false), .integer(3)]),
    ]
    let text = String(decoding: try CanonicalJSON.data(of: parameters), as: UTF8.self)
    #expect(text == #"{"a":"x/y","b":2,"c":[false,3]}"#)
    // printf '%s' '{"a":"x/y","b":2,"c":[false,3]}' | sha256sum
    #expect(
      try CanonicalJSON.digest(of: parameters) == "4d808f3d22ec63e9d54d7e4c66825491117a1e8e28a236a44b2f284fb763d2ff")
    #expect(
      try manifest(parameters: parameters).parametersSha256
        == "4d808f3d22ec63e9d54d7e4c66825491117a1e8e28a236a44b2f284fb763d2ff")
  }

  @Test("the job key follows input and parameters, and nothing else")
  func jobKey() throws {
    let key = try manifest().jobKey
    #expect(try manifest(id: "b").jobKey == key)
    #expect(try manifest(commit: "4ae19c3f00d1").jobKey == key, "another build of the same numbers is the same job")
    #expect(try manifest(input: "12").jobKey != key)
    #expect(try manifest(parameters: ["sampler": .text("ddim"), "seed": .integer(8)]).jobKey != key)
  }

  @Test("verification finds changed and missing outputs, and does not follow a name out of the folder")
  func verify() throws {
    try withTemporaryFolder { folder in
      let data = Data("voxels".utf8)
      try data.write(to: folder.appendingPathComponent("out.nii"))
      func record(_ name: String) -> FileRecord {
        FileRecord(role: "image", name: name, sha256: ContentDigest.sha256(of: data), bytes: data.count)
      }
      #expect(try manifest(output: record("out.nii")).verify(in: folder).isIntact)
      #expect(try manifest(output: record("gone.nii")).verify(in: folder).problems.map(\.kind) == [.missing])
      let inner = folder.appendingPathComponent("inner")
      try FileManager.default.createDirectory(at: inner, withIntermediateDirectories: false)
      #expect(try manifest(output: record("../out.nii")).verify(in: inner).problems.map(\.kind) == [.missing])
      try Data("Voxels".utf8).write(to: folder.appendingPathComponent("out.nii"))
      #expect(try manifest(output: record("out.nii")).verify(in: folder).problems.map(\.kind) == [.changed])
    }
  }

  @Test("damaged, foreign and future files are refused by name")
  func refusals() throws {
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("m.json")
      #expect { try Manifest.read(url) } throws: { ($0 as? ProvenanceError)?.kind == .missing }
      for text in ["", "{}", "[1, 2", "\u{0}"] {
        try Data(text.utf8).write(to: url)
        #expect { try Manifest.read(url) } throws: { ($0 as? ProvenanceError)?.kind == .unreadable }
      }
      var future = try manifest()
      future.schema = "pellucid-manifest/2"
      try future.write(to: url)
      #expect { try Manifest.read(url) } throws: {
        ($0 as? ProvenanceError)?.description.contains("manifest/2") == true
      }
      let pipe = folder.appendingPathComponent("pipe")
      #expect(mkfifo(pipe.path(percentEncoded: false), 0o600) == 0)
      #expect { try Manifest.read(pipe) } throws: { ($0 as? ProvenanceError)?.kind == .missing }
      future.schema = "\u{1B}[2J\n" + String(repeating: "x", count: 5000)
      try future.write(to: url)
      #expect {
        try Manifest.read(url)
      } throws: { error in
        guard let text = (error as? ProvenanceError)?.description else { return false }
        return text.count < 300 && text.unicodeScalars.allSatisfy { $0.value >= 0x20 }
      }
    }
  }

  @Test(
    "the manifest lies beside the output, whatever its ending",
    arguments: [
      ("a/scan.nii.gz", "scan.manifest.json"), ("a/scan.v2.nii", "scan.v2.manifest.json"),
      ("a/x.PNG", "x.manifest.json"),
      ("a/.nii", ".nii.manifest.json"), ("a/plain", "plain.manifest.json"),
    ])
  func location(output: String, name: String) {
    let url = Manifest.location(for: URL(fileURLWithPath: output))
    #expect(url.lastPathComponent == name)
    #expect(url.deletingLastPathComponent().lastPathComponent == "a")
  }

  @Test("the machine's record has no host name in it")
  func environment() throws {
    let text = String(decoding: try manifest().encoded(), as: UTF8.self)
    let host = ProcessInfo.processInfo.hostName
    #expect(host == "localhost" || !text.contains(host))
    #expect(try manifest().environment.kernel.hasPrefix("Linux "))
  }

  @Test("two hosts can be told apart by a digest, and a Slurm job by its numbers alone")
  func surroundings() throws {
    let host = try #require(try manifest().environment.host)
    #expect(host.wholeMatch(of: /[0-9a-f]{16}/) != nil)
    #expect(SlurmRecord(environment: [:]) == nil)
    #expect(SlurmRecord(environment: ["SLURM_JOB_ID": "Müller"]) == nil)
    let record = SlurmRecord(
      environment: ["SLURM_JOB_ID": "71", "SLURM_ARRAY_TASK_ID": "3", "SLURM_RESTART_COUNT": "Müller"])
    #expect(record?.job == 71 && record?.arrayTask == 3 && record?.restarts == nil)
  }

  @Test("a manifest that was written has no contradiction in it; one that was edited has")
  func contradictions() throws {
    let record = FileRecord(role: "image", name: "out.nii", sha256: "44", bytes: 1)
    var written = try manifest(output: record)
    #expect(try written.inconsistencies() == [])
    written.parameters["seed"] = .integer(8)
    #expect(try written.inconsistencies().count == 2, "parameters and key")
    var other = try manifest(output: record)
    other.model.weightsSha256 = "34"
    #expect(try other.inconsistencies().count == 1)
  }

  @Test("times are UTC with milliseconds")
  func time() {
    #expect(Timestamp.text(Date(timeIntervalSince1970: 1_795_255_200.125)) == "2026-11-21T10:00:00.125Z")
  }
}
