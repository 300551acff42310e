import Foundation
import TestSupport
import Testing

@Suite("What is installed is complete, and finds its models and workflows")
struct InstallTests {
  private func install(_ prefix: String, _ root: String, in folder: URL) throws -> Tool.Outcome {
    try Tool.run(
      Repository.root.appendingPathComponent("Workflows/install.sh").path, [Executable.url.path, prefix, root],
      in: folder, environment: ["PATH": "/usr/bin:/bin"])
  }

  @Test("with DESTDIR everything lies below it, and files name the prefix alone")
  func destination() throws {
    try withTemporaryFolder { folder in
      let outcome = try install("/opt/pellucid", folder.path, in: folder)
      #expect(outcome.exitCode == 0, "\(outcome.output)")
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["opt"])
      let place = folder.appendingPathComponent("opt/pellucid")
      let files = Set(try contents(of: place))
      let expected = [
        "bin/pellucid", "lib/systemd/system/pellucid-watch.service", "share/bash-completion/completions/pellucid",
        "share/doc/pellucid/LICENSE", "share/doc/pellucid/Operations.md",
        "share/fish/vendor_completions.d/pellucid.fish", "share/man/man1/pellucid-queue-gc.1",
        "share/man/man1/pellucid.1", "share/pellucid/crontab", "share/pellucid/models/NOTICE",
        "share/pellucid/models/ct-denoise.safetensors", "share/pellucid/workflows/ct-denoise.yaml",
        "share/pellucid/workflows/ct-denoise-fast.yaml", "share/zsh/site-functions/_pellucid",
      ]
      #expect(files.isSuperset(of: expected), "missing: \(Set(expected).subtracting(files))")
      func text(_ path: String) throws -> String {
        try String(contentsOf: place.appendingPathComponent(path), encoding: .utf8)
      }
      #expect(
        try text("lib/systemd/system/pellucid-watch.service").contains("ExecStart=/opt/pellucid/bin/pellucid watch"))
      #expect(try text("share/pellucid/crontab").contains("PATH=/opt/pellucid/bin:"))
      // Everybody may read it.
      for file in files {
        let attributes = try FileManager.default.attributesOfItem(atPath: place.appendingPathComponent(file).path)
        #expect((attributes[.posixPermissions] as? Int ?? 0) & 0o444 == 0o444, "\(file)")
      }
    }
  }

  @Test("a relative prefix is refused and nothing is installed")
  func relative() throws {
    try withTemporaryFolder { folder in
      let outcome = try install("usr", folder.path, in: folder)
      #expect(outcome.exitCode == 64 && outcome.output.contains("absolute"))
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
    }
  }

  @Test("the installed executable restores a drop with what was installed beside it, far from the repository")
  func works() throws {
    try InboxScene.with { scene in
      let prefix = scene.folder.appendingPathComponent("prefix")
      #expect(try install(prefix.path, "", in: scene.folder).exitCode == 0)
      var installed = scene
      installed.executable = prefix.appendingPathComponent("bin/pellucid")
      let doctor = try installed.pellucid(["doctor", "--inbox", scene.inbox.path])
      #expect(doctor.exitCode == 0, "\(doctor.standardOutput)")
      #expect(doctor.standardOutput.contains("\(prefix.path)/share/pellucid/models/ct-denoise.safetensors"))
      #expect(doctor.standardOutput.contains("workflow ct-denoise-fast: it fits its model ct-denoise"))
      try installed.drop(InboxScene.piece(), "ct-denoise-fast/a.nii.gz")
      let outcome = try installed.sweep()
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      _ = try installed.verifiedManifest("ct-denoise-fast/a.nii.gz")
    }
  }
}
