import Foundation
import Testing

@Suite("What cannot work is refused in one line, with the documented code, and leaves nothing behind")
struct BadInputTests {
  @Test("files", arguments: BadInput.files)
  func file(_ bad: BadInput) throws { try expectRefusal(bad) }

  @Test("places", arguments: BadInput.places)
  func place(_ bad: BadInput) throws { try expectRefusal(bad) }

  @Test("models", arguments: BadInput.models)
  func model(_ bad: BadInput) throws { try expectRefusal(bad) }

  @Test("flags", arguments: BadInput.flags)
  func flag(_ bad: BadInput) throws { try expectRefusal(bad) }

  @Test("a disk that is full", .enabled(if: Mount.isPossible))
  func fullDisk() throws {
    try Scene.with { scene in
      let scan = try scene.input("scan.nii", NIfTIBytes.phantom([64, 64, 8]).data)
      try Mount.with("size=16k", at: scene.outputs) {
        try expectRefusal(scene.run(scan, to: "clear.nii"), exitCode: 74, mentions: ["make room"], in: scene)
      }
    }
  }

  @Test("a disk that is read-only", .enabled(if: Mount.isPossible))
  func readOnlyDisk() throws {
    try Scene.with { scene in
      let scan = try scene.input("scan.nii", NIfTIBytes.phantom().data)
      try Mount.with("size=1m,ro", at: scene.outputs) {
        try expectRefusal(scene.run(scan, to: "clear.nii"), exitCode: 77, mentions: ["read-only"], in: scene)
      }
    }
  }

  private func expectRefusal(_ bad: BadInput) throws {
    try Scene.with { scene in
      let arguments = try bad.arguments(scene)
      try expectRefusal(arguments, exitCode: bad.exitCode, mentions: bad.mentions, in: scene)
    }
  }

  /// One line that begins in the house's way and says what to do; the code; no new file under any name.
  private func expectRefusal(_ arguments: [String], exitCode: Int32, mentions: [String], in scene: Scene) throws {
    let before = try contents(of: scene.folder)
    let outcome = try scene.execute(arguments)
    #expect(outcome.exitCode == exitCode, "\(outcome.standardError)")
    #expect(outcome.errorLines.count == 1, "\(outcome.standardError)")
    let line = outcome.errorLines.last ?? ""
    #expect(line.hasPrefix("pellucid: error: "))
    for word in mentions { #expect(line.contains(word), "\(line)") }
    #expect(Self.saysWhatToDo(line), "\(line)")
    #expect(outcome.standardOutput.isEmpty)
    #expect(try contents(of: scene.folder) == before)
  }

  /// A message has two parts: what is wrong, then (after a mark) an instruction, or it says how things must be.
  private static func saysWhatToDo(_ line: String) -> Bool {
    let verbs = [
      "allow", "ask", "check", "choose", "convert", "copy", "crop", "download", "export", "fetch", "free", "get",
      "give",
      "import", "install", "list", "make", "name", "pass", "raise", "remount", "remove", "rename", "repair", "replace",
      "resample",
      "run", "see", "set", "try", "use", "write",
    ]
    let parts = line.dropFirst("pellucid: error: ".count).split { ":;,.(".contains($0) }
    let instructions = parts.dropFirst().flatMap { $0.split { !$0.isLetter } }.map { $0.lowercased() }
    return line.contains(" must ") || instructions.contains { verbs.contains($0) }
  }
}
