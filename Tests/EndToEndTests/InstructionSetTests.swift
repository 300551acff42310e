import Foundation
import Testing

@Suite("A PELLUCID_ISA that is not followed is said, once")
struct InstructionSetTests {
  private static let warning = "PELLUCID_ISA=neon"

  @Test("doctor names the value and the valid ones, and nothing when the value is followed")
  func doctor() throws {
    try Scene.withoutModel { folder in
      func warnings(_ value: String) throws -> [Substring] {
        let outcome = try Executable.run(["doctor"], in: folder, environment: ["PELLUCID_ISA": value])
        #expect(outcome.exitCode == 0)
        return outcome.standardOutput.split(separator: "\n").filter { $0.contains("PELLUCID_ISA=") }
      }
      let lines = try warnings("neon")
      #expect(lines.count == 1 && lines[0].hasPrefix("warning "))
      #expect(lines[0].contains(Self.warning) && lines[0].contains("portable, avx2, avx512"))
      #expect(try warnings("portable").isEmpty && warnings("").isEmpty)
      let hostile = try warnings("a\u{1B}[31m\nb")
      #expect(hostile.count == 1 && !hostile[0].contains("\u{1B}"))
    }
  }

  /// Commands that compute, with files that are not there: the warning comes before they are looked for.
  private static let commands: [[String]] = [
    ["bench", "--model", "none"], ["evaluate", "--model", "none", "--data", "none.nii"],
    ["degrade", "none.nii", "-o", "out.nii", "--kind", "rician", "--sigma", "0.1", "--seed", "1"],
    ["run", "none.nii", "-o", "out.nii", "--model", "none"], ["train", "none.yaml", "-o", "out"],
  ]

  @Test("every command that computes warns on stderr in one line", arguments: commands)
  func everyCommand(_ arguments: [String]) throws {
    try Scene.withoutModel { folder in
      func errorLines(_ value: String) throws -> [String] {
        try Executable.run(arguments, in: folder, environment: ["PELLUCID_ISA": value]).errorLines
      }
      let lines = try errorLines("neon")
      #expect(lines.count == 2 && lines[0].hasPrefix("pellucid: warning: \(Self.warning) "), "\(lines)")
      #expect(try errorLines("portable") == [lines[1]])
    }
  }

  @Test("the work is done all the same, and the JSON on stdout stays whole")
  func goesOn() throws {
    try Scene.with { scene in
      let scan = try scene.input("scan.nii", NIfTIBytes.phantom().data)
      let outcome = try scene.execute(scene.run(scan, "--steps", "1", "--json"), environment: ["PELLUCID_ISA": "neon"])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      #expect(outcome.errorLines.filter { $0.contains(Self.warning) }.count == 1)
      #expect(try JSONSerialization.jsonObject(with: Data(outcome.standardOutput.utf8)) is [String: Any])
    }
  }
}
