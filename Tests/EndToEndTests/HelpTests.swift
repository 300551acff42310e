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

  @Test("the version is one line, with the commit where the build was told; doctor and manifests say the same")
  func version() throws {
    try Scene.with { scene in
      let outcome = try scene.execute(["--version"])
      #expect(outcome.exitCode == 0)
      let line = try #require(
        outcome.standardOutput.wholeMatch(of: /(\d+\.\d+\.\d+)(?: \(([A-Za-z0-9._-]+)\))?\n/))
      struct Software: Decodable {
        var version: String
        var commit: String?
      }
      struct Manifest: Decodable { var software: Software }
      let scan = try scene.input("scan.nii", NIfTIBytes.phantom([24, 20, 2]).data)
      let run = try scene.execute(scene.run(scan, to: "clear.nii", "--steps", "1", "--json"))
      let manifest = try JSONDecoder().decode(Manifest.self, from: Data(run.standardOutput.utf8)).software
      #expect(manifest.version == line.1 && manifest.commit == line.2.map(String.init))
      let report = try scene.execute(["doctor", "--no-self-test", "--json"])
      let doctor = try JSONDecoder().decode(Software.self, from: Data(report.standardOutput.utf8))
      #expect(doctor.version == line.1 && doctor.commit == line.2.map(String.init))
    }
  }

  @Test("a build that is told its commit tells one room of C, and nothing that is no commit's name")
  func commit() throws {
    try Scene.withoutModel { folder in
      // What the build would be, and no build.
      func told(_ commit: String?) throws -> [String] {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        let outcome = try Tool.run(
          "/usr/bin/env",
          ["swift", "package", "--package-path", Repository.root.path, "--scratch-path", folder.path, "dump-package"],
          in: folder,
          environment: ["PATH": path + ":/opt/swift/usr/bin", "HOME": folder.path].merging(
            commit.map { ["BUILD_COMMIT": $0] } ?? [:]
          ) { _, new in new })
        try #require(outcome.exitCode == 0, "\(outcome.output)")
        return outcome.output.split(separator: "\n").filter { $0.contains("BUILD_COMMIT") }.map {
          $0.trimmingCharacters(in: .whitespaces)
        }
      }
      let named = try told("4ae19c3f00d1-dirty")
      #expect(named == [#""_0" : "BUILD_COMMIT=\"4ae19c3f00d1-dirty\"""#])
      // Not told, no git, no name of a commit.
      for nothing in [nil, "", #"a" -DEVIL="b"#] { #expect(try told(nothing) == []) }
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
