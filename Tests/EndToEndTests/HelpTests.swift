import Foundation
import Testing

@Suite("The executable says what it can do, and the documentation says the same")
struct HelpTests {
  @Test("the help text lists every subcommand with one line each")
  func rootHelp() throws {
    try Scene.withoutModel { folder in
      let outcome = try Executable.run(["--help"], in: folder)
      #expect(outcome.exitCode == 0)
      for command in [
        "batch", "bench", "compare", "config", "degrade", "doctor", "enqueue", "evaluate", "inspect", "models", "plan",
        "queue", "report", "run", "train", "verify", "watch", "worker",
      ] {
        #expect(
          outcome.standardOutput.split(separator: "\n").contains { $0.hasPrefix("  \(command) ") && $0.count > 25 },
          "\(command) is missing")
      }
    }
  }

  @Test("the version is one line")
  func version() throws {
    try Scene.withoutModel { folder in
      let outcome = try Executable.run(["--version"], in: folder)
      #expect(outcome.exitCode == 0)
      #expect(outcome.standardOutput.wholeMatch(of: /\d+\.\d+\.\d+\n/) != nil)
    }
  }

  @Test("Docs/Commands.md is what `make docs` would write")
  func commandsPage() throws {
    try Scene.withoutModel { folder in
      let page = try String(contentsOf: Repository.root.appendingPathComponent("Docs/Commands.md"), encoding: .utf8)
      let script = Process()
      script.executableURL = Repository.root.appendingPathComponent("Workflows/commands.sh")
      script.arguments = [Executable.url.path]
      let written = folder.appendingPathComponent("Commands.md")
      try Data().write(to: written)
      script.standardOutput = try FileHandle(forWritingTo: written)
      try script.run()
      script.waitUntilExit()
      #expect(script.terminationStatus == 0)
      #expect(try String(contentsOf: written, encoding: .utf8) == page, "run `make docs` and commit the page")
    }
  }

  @Test("the manual and the completions are what `make docs` would write")
  func manual() throws {
    try Scene.withoutModel { folder in
      let outcome = try Tool.run(
        Repository.root.appendingPathComponent("Workflows/manual.sh").path, [Executable.url.path, folder.path],
        in: folder, environment: ["PATH": "/usr/bin:/bin"])
      #expect(outcome.exitCode == 0, "\(outcome.output)")
      for part in ["man", "completions"] {
        let (written, committed) = (
          folder.appendingPathComponent(part), Repository.root.appendingPathComponent("Docs/\(part)")
        )
        let names = try contents(of: written)
        #expect(names.count > 2)
        #expect(try names == contents(of: committed), "run `make docs` and commit the pages")
        for name in names {
          let (new, old) = try (
            Data(contentsOf: written.appendingPathComponent(name)),
            Data(contentsOf: committed.appendingPathComponent(name))
          )
          #expect(new == old, "\(name): run `make docs` and commit the pages")
        }
      }
    }
  }

  @Test("doctor names the instruction set and the BLAS core, as text and as JSON")
  func doctor() throws {
    try Scene.withoutModel { folder in
      let text = try Executable.run(["doctor"], in: folder, environment: ["OPENBLAS_CORETYPE": ""])
      #expect(text.exitCode == 0, "\(text.standardError)")
      #expect(text.standardOutput.contains("instruction set"))
      let json = try Executable.run(["doctor", "--json"], in: folder)
      let object = try JSONSerialization.jsonObject(with: Data(json.standardOutput.utf8)) as? [String: Any]
      #expect(["avx512", "avx2", "portable"].contains(object?["instructionSet"] as? String))
    }
  }

  @Test("doctor warns when a preset core type keeps OpenBLAS from choosing its own")
  func doctorWarns() throws {
    try Scene.withoutModel { folder in
      let outcome = try Executable.run(["doctor"], in: folder, environment: ["OPENBLAS_CORETYPE": "Haswell"])
      #expect(outcome.exitCode == 0)
      #expect(outcome.standardOutput.contains("OPENBLAS_CORETYPE"))
    }
  }
}
