import Foundation
import Testing

@Suite("inspect says what a file is, whether it is whole, and which of its fields may name somebody")
struct InspectTests {
  private struct Findings: Decodable {
    struct File: Decodable {
      struct Scan: Decodable {
        var format: String
        var integrity: String
        var dimensions: [Int]
        var spacing: [Double]
        var orientation: String?
        var sformCode: Int?
        var dataType: String
        var minimum: Double?
        var maximum: Double?
        var percentiles: [String: Double]
        var textFields: [String]
      }
      struct Fitness: Decodable {
        var name: String
        var fits: Bool
        var matches: Bool?
      }
      var ok: Bool
      var problem: String?
      var scan: Scan?
      var models: [Fitness]
      var workflows: [Fitness]
    }
    var files: [File]
  }

  private func inspect(_ scene: Scene, _ arguments: [String]) throws -> (Executable.Outcome, [Findings.File]) {
    let outcome = try scene.execute(
      ["inspect", "--json"] + arguments, environment: ["PELLUCID_MODELS": scene.folder.path])
    let data = Data(outcome.standardOutput.utf8)
    return (outcome, try #require(try? JSONDecoder().decode(Findings.self, from: data), "\(outcome)").files)
  }

  /// The phantom with texts in its header and an extension behind it.
  private func withTexts() -> Data {
    var data = NIfTIBytes.phantom().data
    for (offset, text) in [(4, "MUELLER"), (14, "MUELLER"), (148, "MUELLER"), (228, "MUELLER"), (328, "MUELLER")] {
      data.replaceSubrange(offset..<(offset + text.utf8.count), with: Data(text.utf8))
    }
    // An extension of 16 bytes, so voxels begin at 368.
    withUnsafeBytes(of: Float(368).bitPattern.littleEndian) { data.replaceSubrange(108..<112, with: $0) }
    data[348] = 1
    data.insert(contentsOf: [16, 0, 0, 0, 6, 0, 0, 0] + Array("MUELLER ".utf8), at: 352)
    return data
  }

  @Test("a compressed scan: header, geometry, values, and the models and workflows that are meant for it")
  func nifti() throws {
    try Scene.with { scene in
      let (outcome, files) = try inspect(
        scene, [try scene.input("scan.nii.gz", GzipBytes.stored(NIfTIBytes.phantom().data))])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      let file = try #require(files.first), scan = try #require(file.scan)
      #expect(scan.format == "nifti1" && scan.dataType == "int16" && scan.integrity == "gzip CRC32 and length checked")
      #expect(scan.dimensions == [40, 36, 3, 1])
      #expect(zip(scan.spacing, [0.7, 0.7, 2.5]).allSatisfy { abs($0 - $1) < 1e-6 })
      #expect(scan.orientation == "RAS" && scan.sformCode == 1)
      #expect(scan.textFields.isEmpty)
      // The same values, sorted here.
      var values: [Int16] = []
      let voxels = NIfTIBytes.phantom().voxels
      for i in stride(from: 0, to: voxels.count, by: 2) {
        values.append(Int16(bitPattern: UInt16(voxels[i]) | UInt16(voxels[i + 1]) << 8))
      }
      values.sort()
      #expect(scan.minimum == Double(values.first!) && scan.maximum == Double(values.last!))
      for (name, percent) in [("p1", 0.01), ("p50", 0.5), ("p99", 0.99)] {
        let rank = Int((percent * Double(values.count)).rounded(.up)) - 1
        #expect(scan.percentiles[name] == Double(values[rank]), "\(name)")
      }
      #expect(file.models.contains { $0.name == "tiny" && $0.fits })
      #expect(file.workflows.contains { $0.name == "ct-denoise" && $0.fits && $0.matches == true })
    }
  }

  @Test("fields with free text are named, and what stands in them is not shown")
  func texts() throws {
    try Scene.with { scene in
      let path = try scene.input("scan.nii", withTexts())
      let (outcome, files) = try inspect(scene, [path])
      #expect(
        files.first?.scan?.textFields == ["data_type", "db_name", "descrip", "aux_file", "intent_name", "extensions"])
      let text = try scene.execute(["inspect", path])
      for shown in [outcome.standardOutput, outcome.standardError, text.standardOutput, text.standardError] {
        #expect(!shown.contains("MUELLER"))
      }
      #expect(text.standardOutput.contains("free text    data_type, db_name"))
    }
  }

  @Test("the text chunks of a PNG and the name inside a gzip file are named too")
  func containers() throws {
    try Scene.with { scene in
      let sample = try Data(contentsOf: Repository.root.appendingPathComponent("SampleData/ct-lowdose-slice.png"))
      var gzip = GzipBytes.stored(NIfTIBytes.phantom().data)
      gzip[3] = 8
      gzip.insert(contentsOf: Array("MUELLER.nii\0".utf8), at: 10)
      let (outcome, files) = try inspect(
        scene,
        [
          try scene.input("slice.png", PNGText.add(["tEXt", "iTXt"], saying: "MUELLER", to: sample)),
          try scene.input("scan.nii.gz", gzip),
        ])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      #expect(files.count == 2 && files[0].scan?.format == "png")
      #expect(files[0].scan?.textFields.contains("tEXt") == true && files[0].scan?.textFields.contains("iTXt") == true)
      #expect(files.last?.scan?.textFields == ["gzip file name"])
    }
  }

  @Test(
    "damage, a missing file and voxels that are no image each get their code; the other files are shown all the same")
  func damaged() throws {
    try Scene.with { scene in
      let good = try scene.input("good.nii", NIfTIBytes.phantom().data)
      var gzip = GzipBytes.stored(NIfTIBytes.phantom().data)
      gzip[gzip.count / 2] ^= 1
      let bad = try scene.input("bad.nii.gz", gzip)
      let constant = try scene.input("constant.nii", NIfTIBytes([8, 8, 2]) { _, _, _ in 7 }.data)
      let (outcome, files) = try inspect(scene, [bad, good, constant])
      #expect(outcome.exitCode == 65)
      #expect(files.map(\.ok) == [false, true, false])
      #expect(files[0].scan == nil && files[2].scan?.minimum == 7)
      #expect(try scene.execute(["inspect", "--check", good]).exitCode == 0)
      let check = try scene.execute(["inspect", "--check", good, bad])
      #expect(check.exitCode == 65 && check.standardOutput.isEmpty && check.errorLines.count == 1)
      #expect(try scene.execute(["inspect", "--check", scene.output("gone.nii")]).exitCode == 66)
    }
  }

  @Test("memory does not grow with the file")
  func memory() throws {
    try Scene.with { scene in
      // 96 MiB of voxels as floats, 48 on the disk.
      let big = try scene.input("big.nii", NIfTIBytes.repeating([512, 512, 96]))
      let peak = try peakResidentKiB(of: ["inspect", "--check", big])
      let small = try peakResidentKiB(of: [
        "inspect", "--check", try scene.input("small.nii", NIfTIBytes.phantom().data),
      ])
      #expect(peak - small < 16 << 10, "\(peak) KiB against \(small) KiB")
    }
  }

  /// The most memory that the executable had, as a small process that started it hears from the kernel.
  private func peakResidentKiB(of arguments: [String]) throws -> Int {
    let python = Process()
    python.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    let script = """
      import resource, subprocess, sys
      subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
      print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
      """
    python.arguments = ["python3", "-c", script, Executable.url.path] + arguments
    let pipe = Pipe()
    python.standardOutput = pipe
    try python.run()
    let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    python.waitUntilExit()
    return try #require(Int(text.trimmingCharacters(in: .whitespacesAndNewlines)))
  }

  @Test("with --check, too, every file with a fault is named")
  func named() throws {
    try Scene.with { scene in
      let flat = try scene.input("flat.nii", NIfTIBytes([24, 20, 2]) { _, _, _ in 0 }.data)
      let good = try scene.input("good.nii", NIfTIBytes.phantom().data)
      let outcome = try scene.execute(["inspect", "--check", flat, good])
      #expect(outcome.exitCode == 65)
      #expect(outcome.errorLines.count == 1 && outcome.errorLines[0].contains("flat.nii: "), "\(outcome)")
    }
  }
}
