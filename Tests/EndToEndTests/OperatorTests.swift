import Foundation
import Testing

@Suite("What an operator asks of queue and workers")
struct OperatorTests {
  @Test("--strict: done with warnings ends with 20 and names them; without warnings, and without --strict, with 0")
  func strict() throws {
    try Scene.with { scene in
      let coarse = try scene.input("coarse.nii", NIfTIBytes.phantom([24, 20, 2], spacing: [1.2, 1.2, 2.5]).data)
      let good = try scene.input("good.nii", NIfTIBytes.phantom([24, 20, 2]).data)
      let last = "pellucid: strict: done, with warnings: W-ENVELOPE (2)"
      for again in ["computed", "left, for it is the same result"] {
        let outcome = try scene.execute(scene.run(coarse, "--strict", "--steps", "1"))
        #expect(outcome.exitCode == 20 && outcome.errorLines.last == last, "\(again): \(outcome.standardError)")
      }
      #expect(try scene.execute(scene.run(coarse, "--steps", "1")).exitCode == 0)
      #expect(try scene.execute(scene.run(good, to: "good.nii.gz", "--strict", "--steps", "1")).exitCode == 0)

      func batch(_ tree: String, _ more: String...) throws -> Executable.Outcome {
        try scene.execute(
          ["batch", "-o", scene.output(tree), "--model", scene.model.path, "--steps", "1", "--no-report"] + more)
      }
      let warned = try batch("tree", coarse, good, "--strict")
      #expect(warned.exitCode == 20 && warned.errorLines.last == last, "\(warned.standardError)")
      #expect(try batch("tree", coarse, good).exitCode == 0)
      #expect(try batch("tree", good, "--strict").exitCode == 0)
      let bad = try scene.input("bad.nii", NIfTIBytes.phantom().data.dropLast(5))
      #expect(try batch("tree", coarse, bad, "--strict").exitCode == 8, "what failed weighs more")
    }
  }
}
