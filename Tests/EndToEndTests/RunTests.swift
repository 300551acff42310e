import DurableFiles
import Foundation
import Models
import TensorCore
import Testing
import Volumes

@Suite("A run leaves a whole result with its record, the same bits however it is computed, or nothing")
struct RunTests {
  private let scan = NIfTIBytes.phantom().data

  @Test("a NIfTI scan gives a NIfTI result on the same grid, a manifest and a report")
  func niftiRun() throws {
    try Scene.with { scene in
      let input = try scene.input("scan.nii.gz", GzipBytes.stored(scan))
      let outcome = try scene.execute(scene.run(input, "--report"))
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      #expect(
        try contents(of: scene.outputs) == ["clear.manifest.json", "clear.nii.gz", "clear.report.html"])
      let before = try VolumeFile.read(URL(fileURLWithPath: input))
      let after = try VolumeFile.read(scene.outputs.appendingPathComponent("clear.nii.gz"))
      #expect(after.voxels.shape == before.voxels.shape)
      #expect(after.affine == before.affine)
      #expect(after.voxels != before.voxels)
      let report = try String(contentsOf: scene.outputs.appendingPathComponent("clear.report.html"), encoding: .utf8)
      #expect(report.contains("</html>"))
      #expect(!report.contains("src=\"http"), "the page must need no network")
    }
  }

  @Test(
    "a volume that is one voxel wide, high or deep is restored like any other",
    arguments: [[1, 36, 3], [36, 1, 3], [40, 36, 1]])
  func thin(_ dimensions: [Int]) throws {
    try Scene.with { scene in
      let outcome = try scene.execute(
        scene.run(try scene.input("scan.nii", NIfTIBytes.phantom(dimensions).data), to: "clear.nii"))
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      let after = try VolumeFile.read(scene.outputs.appendingPathComponent("clear.nii"))
      #expect(after.voxels.shape == [1] + dimensions.reversed())
    }
  }

  @Test("the manifest names the digests of what was read and written, and no path of the machine")
  func manifest() throws {
    try Scene.with { scene in
      let input = try scene.input("scan.nii", scan)
      #expect(try scene.execute(scene.run(input, to: "clear.nii")).exitCode == 0)
      let data = try Data(contentsOf: scene.outputs.appendingPathComponent("clear.manifest.json"))
      let manifest = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
      #expect(manifest["schema"] as? String == "pellucid-manifest/1")
      #expect(manifest["status"] as? String == "committed")
      let written = try #require((manifest["outputs"] as? [[String: Any]])?.first)
      #expect(written["name"] as? String == "clear.nii")
      #expect(written["sha256"] as? String == (try digest(scene.outputs.appendingPathComponent("clear.nii"))))
      let read = try #require((manifest["inputs"] as? [[String: Any]])?.first)
      #expect(read["sha256"] as? String == (try digest(URL(fileURLWithPath: input))))
      #expect(!String(decoding: data, as: UTF8.self).contains(scene.folder.path))
    }
  }

  @Test("a grey PNG gives a grey PNG of the same size")
  func pngRun() throws {
    try Scene.with { scene in
      try TinyModel.write(to: scene.model) { $0.intensity = .fullRange }
      let sample = try Data(contentsOf: Repository.root.appendingPathComponent("SampleData/ct-lowdose-slice.png"))
      let outcome = try scene.execute(scene.run(try scene.input("slice.png", sample), to: "clear.png", "--steps", "2"))
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      let after = try VolumeFile.read(scene.outputs.appendingPathComponent("clear.png"))
      #expect(after.voxels.shape == [1, 1, 256, 256])
      #expect(after.header.format == .png)
    }
  }

  @Test("one, two and three threads give the same bits")
  func threads() throws {
    try Scene.with { scene in
      let input = try scene.input("scan.nii", scan)
      let results = try (1...3).map { count in
        let outcome = try scene.execute(scene.run(input, to: "clear\(count).nii", "--threads", "\(count)"))
        #expect(outcome.exitCode == 0, "\(outcome.standardError)")
        return try Data(contentsOf: scene.outputs.appendingPathComponent("clear\(count).nii"))
      }
      #expect(results[0] == results[1])
      #expect(results[0] == results[2])
    }
  }

  @Test("another seed gives another result, unless the noise comes from a file")
  func noise() throws {
    try Scene.with { scene in
      let input = try scene.input("scan.nii", scan)
      let field = NIfTIBytes([40, 36, 3], float: { i, j, k in Float((i &* 31 &+ j &* 17 &+ k &* 7) % 13) / 6 - 1 }).data
      let noise = try scene.input("noise.nii", field)
      func result(_ name: String, _ arguments: [String]) throws -> Data {
        let outcome = try scene.execute(arguments)
        #expect(outcome.exitCode == 0, "\(outcome.standardError)")
        return try Data(contentsOf: scene.outputs.appendingPathComponent(name))
      }
      let one = try result("1.nii", scene.run(input, to: "1.nii", "--seed", "1"))
      let two = try result("2.nii", scene.run(input, to: "2.nii", "--seed", "2"))
      let three = try result("3.nii", scene.run(input, to: "3.nii", "--seed", "1", "--noise", noise))
      let four = try result("4.nii", scene.run(input, to: "4.nii", "--seed", "2", "--noise", noise))
      #expect(one != two)
      #expect(one != three)
      #expect(three == four)
    }
  }

  @Test("the same run again does nothing")
  func again() throws {
    try Scene.with { scene in
      let arguments = scene.run(try scene.input("scan.nii", scan), to: "clear.nii")
      #expect(try scene.execute(arguments).exitCode == 0)
      let first = try identity(of: scene.outputs)
      #expect(try scene.execute(arguments).exitCode == 0)
      #expect(try identity(of: scene.outputs) == first)
    }
  }

  @Test("a dry run says what would be done and writes nothing")
  func dryRun() throws {
    try Scene.with { scene in
      let outcome = try scene.execute(scene.run(try scene.input("scan.nii", scan), "--dry-run"))
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      #expect(!outcome.standardOutput.isEmpty)
      #expect(try contents(of: scene.outputs).isEmpty)
    }
  }

  @Test(
    "with --if-exists version another result gets a number beside the first, the same one none, and the message says which"
  )
  func versions() throws {
    try Scene.with { scene in
      let scan = try scene.input("scan.nii", scan)
      func run(_ seed: String) throws -> String {
        let outcome = try scene.execute(
          scene.run(scan, to: "clear.nii.gz", "--steps", "1", "--if-exists", "version", "--seed", seed))
        #expect(outcome.exitCode == 0, "\(outcome.standardError)")
        return outcome.errorLines.last ?? ""
      }
      #expect(try run("1") == "pellucid: done: \(scene.output("clear.nii.gz"))")
      let first = try digest(scene.outputs.appendingPathComponent("clear.nii.gz"))
      #expect(try run("2") == "pellucid: done: \(scene.output("clear.2.nii.gz"))")
      #expect(try run("2").hasPrefix("pellucid: nothing to do: \(scene.output("clear.2.nii.gz")) was left"))
      #expect(try run("1").hasPrefix("pellucid: nothing to do: \(scene.output("clear.nii.gz")) was left"))
      #expect(try digest(scene.outputs.appendingPathComponent("clear.nii.gz")) == first)
      #expect(
        try contents(of: scene.outputs) == [
          "clear.2.manifest.json", "clear.2.nii.gz", "clear.manifest.json", "clear.nii.gz",
        ])
    }
  }

  @Test("a dry run says whether what stands there would be left, replaced or refused")
  func dryRunOverExisting() throws {
    try Scene.with { scene in
      let input = try scene.input("scan.nii", scan)
      func dry(_ more: String...) throws -> String {
        let outcome = try scene.execute(scene.run(input) + more + ["--dry-run", "--json"])
        let plan = try? JSONSerialization.jsonObject(with: Data(outcome.standardOutput.utf8)) as? [String: Any]
        return "\(outcome.exitCode) \(plan?["existing"] as? String ?? "-")"
      }
      #expect(try dry() == "0 new")
      #expect(try scene.execute(scene.run(input)).exitCode == 0)
      let before = try identity(of: scene.outputs)
      #expect(try dry() == "0 skip")
      #expect(try dry("--seed", "9") == "73 -")
      #expect(try dry("--if-exists", "fail") == "73 -")
      #expect(try dry("--seed", "9", "--if-exists", "skip") == "0 skip")
      #expect(try dry("--seed", "9", "--if-exists", "replace") == "0 replace")
      #expect(try identity(of: scene.outputs) == before)
      let text = try scene.execute(scene.run(input, to: "clear.nii.gz", "--dry-run"))
      #expect(text.standardOutput.contains("existing output: left as it is"))
    }
  }

  @Test("several samples give a mean and a standard deviation")
  func samples() throws {
    try Scene.with { scene in
      let outcome = try scene.execute(scene.run(try scene.input("scan.nii", scan), to: "clear.nii", "--samples", "2"))
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      let names = try contents(of: scene.outputs).filter { $0.hasSuffix(".nii") }
      #expect(names.count == 2 && names.contains("clear.nii"), "\(names)")
      let other = try #require(names.first { $0 != "clear.nii" })
      let deviation = try VolumeFile.read(scene.outputs.appendingPathComponent(other))
      #expect(deviation.voxels.withUnsafeBuffer { $0.allSatisfy { $0 >= 0 } && $0.contains { $0 > 0 } })
    }
  }

  @Test("killed at any moment, no file under a final name is half-written, and the next run succeeds")
  func killed() throws {
    try Scene.with { scene in
      let scan = try scene.input("scan.nii", NIfTIBytes.phantom([64, 64, 6]).data)
      // A result whose manifest is missing is left alone unless replacing it is asked for.
      let arguments = scene.run(scan, to: "clear.nii", "--report", "--if-exists", "replace")
      for delay in [0.02, 0.1, 0.3] {
        try Executable.runAndKill(arguments, in: scene.folder, after: delay)
        let visible = try contents(of: scene.outputs).filter { !$0.hasPrefix(".") }
        if visible.contains("clear.manifest.json") { #expect(visible.contains("clear.nii")) }
        if visible.contains("clear.nii") {
          #expect(try VolumeFile.read(scene.outputs.appendingPathComponent("clear.nii")).slices == 6)
        }
      }
      let outcome = try scene.execute(arguments)
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      #expect(try contents(of: scene.outputs).filter { !$0.hasPrefix(".") }.count == 3)
    }
  }

  @Test("the image of a pair whose header alone is uncompressed is an input as much as its header")
  func mixedPair() throws {
    try Scene.with { scene in
      let single = try scene.input("scan.nii", NIfTIBytes.phantom([24, 20, 2]).data)
      let pair = scene.inputs.appendingPathComponent("pair.hdr").path
      #expect(
        try scene.execute(["run", single, "-o", pair, "--model", scene.model.path, "--steps", "1"]).exitCode == 0)
      let packed = try scene.execute(
        ["run", single, "-o", scene.inputs.path + "/gz.hdr.gz", "--model", scene.model.path, "--steps", "1"])
      #expect(packed.exitCode == 0)
      let image = scene.inputs.appendingPathComponent("pair.img.gz")
      try FileManager.default.removeItem(at: scene.inputs.appendingPathComponent("pair.img"))
      try FileManager.default.copyItem(at: scene.inputs.appendingPathComponent("gz.img.gz"), to: image)
      let before = try Data(contentsOf: image)
      for arguments in [
        ["run", pair, "-o", pair + ".gz", "--model", scene.model.path, "--steps", "1", "--if-exists", "replace"],
        [
          "degrade", pair, "-o", pair + ".gz", "--kind", "rician", "--sigma", "0.1", "--seed", "1", "--if-exists",
          "replace",
        ],
      ] {
        let outcome = try scene.execute(arguments)
        #expect(outcome.exitCode == 64, "\(outcome)")
        #expect(try Data(contentsOf: image) == before)
      }
    }
  }

  private func digest(_ url: URL) throws -> String { try ContentDigest.sha256(of: url) }

  /// Name, inode and time of change of every file: equal only if nothing was written again.
  private func identity(of folder: URL) throws -> [String] {
    try contents(of: folder).map { name in
      let attributes = try FileManager.default.attributesOfItem(atPath: folder.appendingPathComponent(name).path)
      let number = attributes[.systemFileNumber] as? Int ?? 0
      let date = (attributes[.modificationDate] as? Date)?.timeIntervalSince1970 ?? 0
      return "\(name) \(number) \(date)"
    }
  }
}

/// Where the repository's own files lie.
enum Repository {
  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
}
