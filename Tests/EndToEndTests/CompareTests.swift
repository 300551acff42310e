import Foundation
import Models
import Testing

@Suite("compare and evaluate measure only what lies in one place and is made of numbers")
struct CompareTests {
  private let scan = NIfTIBytes.phantom([24, 20, 2])

  /// The same scan with one number of its sform changed: row and column of the affine.
  private func moved(_ row: Int, _ column: Int, to value: Float) -> Data {
    var data = scan.data
    let offset = 280 + 16 * row + 4 * column
    withUnsafeBytes(of: value.bitPattern.littleEndian) { data.replaceSubrange(offset..<(offset + 4), with: $0) }
    return data
  }

  /// Voxels of a closed form, the first ones replaced.
  private func floats(startingWith odd: [Float]) -> Data {
    NIfTIBytes(
      [24, 20, 2],
      float: { i, j, k in
        let index = i + 24 * (j + 20 * k)
        return index < odd.count ? odd[index] : Float((i * 7 + j * 3 + k) % 50)
      }
    ).data
  }

  @Test(
    "an image that lies elsewhere than the reference is refused, unless its geometry is to be ignored",
    arguments: [
      // A voxel to the right, mirrored, thicker slices, a rotation by a degree.
      (0, 3, Float(0.7), "0.7 mm"), (0, 0, -0.7, "32.2 mm"), (2, 2, 3, "0.5 mm"), (0, 1, 0.012, "0.228 mm"),
      (1, 3, 0.01, "0.01 mm"),
    ])
  func elsewhere(row: Int, column: Int, value: Float, distance: String) throws {
    try Scene.with { scene in
      let reference = try scene.input("reference.nii", scan.data)
      let other = try scene.input("other.nii", moved(row, column, to: value))
      let outcome = try scene.execute(["compare", other, "--reference", reference])
      #expect(outcome.exitCode == 65 && outcome.standardOutput == "")
      let message = try #require(outcome.errorLines.last)
      #expect(message.contains("other.nii") && message.contains("--ignore-geometry"))
      #expect(message.contains("up to \(distance) apart"), "\(message)")
      let ignoring = try scene.execute(["compare", other, "--reference", reference, "--ignore-geometry", "--json"])
      #expect(ignoring.exitCode == 0, "\(ignoring.standardError)")
      #expect(ignoring.standardOutput.contains(#""meanAbsoluteError" : 0"#))
    }
  }

  @Test("slices that equal the reference leave the means to the others") func equalSlices() throws {
    try Scene.with { scene in
      let reference = try scene.input("reference.nii", floats(startingWith: []))
      // Four voxels of the first slice's 480 are off by 2: a mean squared error of 1/30.
      let other = try scene.input("other.nii", floats(startingWith: [2, 9, 16, 23]))
      let outcome = try scene.execute(["compare", other, "--reference", reference, "--window", "0,50", "--json"])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      #expect(outcome.standardOutput.contains(#""equalSlices" : 1"#))
      let number = try #require(outcome.standardOutput.firstMatch(of: /"psnr" : ([0-9.]+)/))
      #expect(abs((Double(number.1) ?? 0) - 10 * log10(2500.0 * 30)) < 1e-6)
      let table = try scene.execute(["compare", other, "--reference", reference])
      #expect(table.standardOutput.contains("other.nii: 1 slices equal the reference and are left out of the means"))
    }
  }

  @Test("what headers round away is no difference, and pictures lie nowhere")
  func rounding() throws {
    try Scene.with { scene in
      let reference = try scene.input("reference.nii", scan.data)
      let other = try scene.input("other.nii", moved(0, 3, to: 0.001))
      #expect(try scene.execute(["compare", other, "--reference", reference]).exitCode == 0)
      let slice = Repository.root.appendingPathComponent("SampleData/ct-lowdose-slice.png").path
      #expect(try scene.execute(["compare", slice, "--reference", slice]).exitCode == 0)
    }
  }

  @Test("voxels that are no numbers are counted and refused, in an image as in the reference; no figure is printed")
  func notNumbers() throws {
    try Scene.with { scene in
      let good = try scene.input("good.nii", floats(startingWith: []))
      let bad = try scene.input("bad.nii", floats(startingWith: [.nan, .infinity, 3, -.infinity]))
      for arguments in [
        ["compare", bad, "--reference", good], ["compare", good, "--reference", bad],
        ["compare", good, bad, "--reference", good, "--ignore-geometry", "--window", "0,50"],
      ] {
        let outcome = try scene.execute(arguments)
        #expect(outcome.exitCode == 65 && outcome.standardOutput == "", "\(arguments)")
        #expect(outcome.errorLines.last?.contains("3 of 960 voxels of bad.nii are no numbers") == true)
      }
      #expect(try scene.execute(["compare", good, "--reference", good]).exitCode == 0)
    }
  }

  @Test("evaluate refuses pairs as compare does")
  func evaluate() throws {
    try Scene.with { scene in
      let truth = try scene.input("truth.nii", scan.data)
      let apart = try scene.input("apart.nii", moved(2, 3, to: 5))
      let bad = try scene.input("bad.nii", floats(startingWith: [.nan]))
      func evaluate(_ input: String, _ more: String...) throws -> Executable.Outcome {
        try scene.execute(
          [
            "evaluate", "--model", scene.model.path, "--data", truth, "--input", input, "--no-baselines", "--steps",
            "1",
          ]
            + more)
      }
      let refused = try evaluate(apart)
      #expect(refused.exitCode == 65 && refused.standardOutput == "")
      #expect(refused.errorLines.last?.contains("up to 5 mm apart") == true)
      let ignoring = try evaluate(apart, "--ignore-geometry")
      #expect(ignoring.exitCode == 0 && ignoring.standardOutput.contains("ddim"), "\(ignoring.standardError)")
      let numbers = try evaluate(bad)
      #expect(numbers.exitCode == 65)
      #expect(numbers.errorLines.last?.contains("1 of 960 voxels of bad.nii") == true, "\(numbers.standardError)")
      let alone = try scene.execute(["evaluate", "--model", "tiny", "--data", truth, "--ignore-geometry"])
      #expect(alone.exitCode == 64)
    }
  }

  @Test("a reference of one value has no range to measure in") func constant() throws {
    try Scene.with { scene in
      let flat = try scene.input("flat.nii", NIfTIBytes([24, 20, 2]) { _, _, _ in 100 }.data)
      let other = try scene.input("other.nii", scan.data)
      let outcome = try scene.execute(["compare", other, "--reference", flat])
      #expect(outcome.exitCode == 65 && outcome.standardOutput == "")
      #expect(
        outcome.errorLines.last?.contains("flat.nii") == true && outcome.errorLines.last?.contains("--window") == true)
      #expect(try scene.execute(["compare", other, "--reference", flat, "--window", "0,200"]).exitCode == 0)
    }
  }

  @Test(
    "evaluate --input takes a scan of every second slice for a model that fills gaps; scans of one name are told apart")
  func gaps() throws {
    try Scene.with { scene in
      try TinyModel.write(to: scene.model) {
        $0.task = .superResolve
        $0.conditionSlices = nil
      }
      func scan(_ slices: [Int], _ thickness: Float) -> Data {
        NIfTIBytes([24, 20, slices.count], spacing: [0.7, 0.7, thickness]) { i, j, k in
          (i * 31 + j * 17 + slices[k] * 40) % 300
        }
        .data
      }
      let (whole, every) = (
        try scene.input("scan.nii", scan([0, 1, 2, 3, 4], 1)), try scene.input("thick.nii", scan([0, 2, 4], 2))
      )
      let folder = scene.inputs.appendingPathComponent("other")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      let again = folder.appendingPathComponent("scan.nii").path
      try FileManager.default.copyItem(atPath: whole, toPath: again)
      let pairs = ["--data", whole, "--input", every, "--data", again, "--input", every]
      let evaluate = ["evaluate", "--model", scene.model.path, "--steps", "1"] + pairs
      let outcome = try scene.execute(evaluate)
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      #expect(
        outcome.standardOutput.contains("\(whole) 0-4, 2 slices") && outcome.standardOutput.contains("\(again) 0-4"))
      #expect(try scene.execute(evaluate + ["--limit", "2"]).exitCode == 64)
      // Shifted by half the distance of its slices it may be means of them; by more it lies elsewhere.
      for (shift, code) in [(Float(1), Int32(0)), (1.1, 65)] {
        var data = scan([0, 2, 4], 2)
        withUnsafeBytes(of: shift.bitPattern.littleEndian) { data.replaceSubrange(324..<328, with: $0) }
        let moved = try scene.input("moved.nii", data)
        let pair = ["--data", whole, "--input", moved]
        let refused = try scene.execute(["evaluate", "--model", scene.model.path, "--steps", "1"] + pair)
        #expect(refused.exitCode == code, "\(refused)")
        let ignoring = ["evaluate", "--model", scene.model.path, "--steps", "1", "--ignore-geometry"] + pair
        #expect(try scene.execute(ignoring).exitCode == 0)
      }
      let wrong = ["evaluate", "--model", scene.model.path, "--steps", "1", "--data", whole, "--input", whole]
      #expect(try scene.execute(wrong).exitCode == 65)
    }
  }
}
