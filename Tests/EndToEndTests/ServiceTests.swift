import Foundation
import Glibc
import TestSupport
import Testing

@Suite("Units and crontab do what they say")
struct ServiceTests {
  private static let units = Repository.root.appendingPathComponent("Workflows/systemd")

  /// The value of a key of a unit, with this test's folders in the place of the usual ones.
  private func value(_ key: String, of unit: String, _ scene: InboxScene) throws -> String {
    let text = try String(contentsOf: Self.units.appendingPathComponent(unit), encoding: .utf8)
    let lines = text.split(separator: "\n").filter { $0.hasPrefix("\(key)=") }
    #expect(lines.count == 1)
    return try #require(lines.first).dropFirst(key.count + 1)
      .replacingOccurrences(of: "/usr/local/bin/pellucid", with: Executable.url.path)
      .replacingOccurrences(of: "/srv/pellucid/inbox", with: scene.inbox.path)
      .replacingOccurrences(of: "/srv/pellucid/results", with: scene.results.path)
  }

  private static let analyze = "/usr/bin/systemd-analyze"
  private static let hasAnalyze = FileManager.default.isExecutableFile(atPath: analyze)

  @Test("systemd-analyze is here: Workflows/setup.sh tests installs it")
  func validator() { #expect(Self.hasAnalyze) }

  @Test("systemd finds nothing wrong with the installed units", .enabled(if: hasAnalyze))
  func verify() throws {
    try withTemporaryFolder { folder in
      let install = try Tool.run(
        Repository.root.appendingPathComponent("Workflows/install.sh").path, [Executable.url.path, folder.path],
        in: folder, environment: ["PATH": "/usr/bin:/bin"])
      #expect(install.exitCode == 0, "\(install.output)")
      let place = folder.appendingPathComponent("lib/systemd/system")
      let units = try FileManager.default.contentsOfDirectory(atPath: place.path).sorted()
      #expect(units == ["pellucid-sweep.service", "pellucid-sweep.timer", "pellucid-watch.service"])
      let verdict = try Tool.run(
        Self.analyze, ["verify", "--man=yes"] + units.map { place.appendingPathComponent($0).path }, in: folder,
        environment: ["PATH": "/usr/bin:/bin", "MANPATH": folder.appendingPathComponent("share/man").path])
      #expect(verdict.exitCode == 0 && verdict.output == "", "\(verdict.output)")
    }
  }

  @Test("the services are exposed to little", .enabled(if: hasAnalyze))
  func exposure() throws {
    for unit in ["pellucid-watch.service", "pellucid-sweep.service"] {
      // In tenths of the score, whose worst is 10: 4 is what is reached, 96 a service without any of it.
      let verdict = try Tool.run(
        Self.analyze,
        ["security", "--offline=yes", "--no-pager", "--threshold=5", Self.units.appendingPathComponent(unit).path],
        in: Repository.root, environment: ["PATH": "/usr/bin:/bin"])
      #expect(verdict.exitCode == 0, "\(unit): \(verdict.output)")
    }
  }

  @Test("the watch unit's command takes a drop, tells its manager how it goes, and ends by SIGTERM as the unit expects")
  func watchService() throws {
    try InboxScene.with { scene in
      let words = try value("ExecStart", of: "pellucid-watch.service", scene).split(separator: " ").map(String.init)
      let manager = try NotifySocket(scene.folder.appendingPathComponent("notify"))
      let process = Process()
      process.executableURL = URL(fileURLWithPath: words[0])
      process.arguments = Array(words.dropFirst())
      process.currentDirectoryURL = scene.folder
      process.environment = ["HOME": scene.folder.path, "NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "400000"]
      process.standardError = FileHandle.nullDevice
      try process.run()
      defer { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }
      #expect(manager.waits { $0.contains("READY=1") })
      #expect(manager.waits { $0 == "WATCHDOG=1" })
      try scene.drop(InboxScene.piece(), "ct-denoise-fast/a.nii.gz")
      #expect(manager.waits(seconds: 120) { $0.hasPrefix("STATUS=") && $0.hasSuffix("1 committed, 0 failed") })
      #expect(
        manager.waits { _ in
          FileManager.default.fileExists(atPath: scene.inbox.path + "/ct-denoise-fast/a.nii.gz.pellucid.json")
        })
      kill(process.processIdentifier, SIGTERM)
      try #require(manager.waits { $0 == "STOPPING=1" })
      process.waitUntilExit()
      let expected = try value("SuccessExitStatus", of: "pellucid-watch.service", scene).split(separator: " ")
      #expect(expected.contains("\(process.terminationStatus)") && process.terminationStatus == 128 + SIGTERM)
      _ = try scene.verifiedManifest("ct-denoise-fast/a.nii.gz")
    }
  }

  @Test("the sweep unit's command takes what lies there")
  func sweepService() throws {
    try InboxScene.with { scene in
      try scene.drop(InboxScene.piece(), "ct-denoise-fast/a.nii.gz")
      let words = try value("ExecStart", of: "pellucid-sweep.service", scene).split(separator: " ").map(String.init)
      let outcome = try Tool.run(
        words[0], Array(words.dropFirst()), in: scene.folder, environment: ["HOME": scene.folder.path])
      #expect(outcome.exitCode == 0, "\(outcome.output)")
      _ = try scene.verifiedManifest("ct-denoise-fast/a.nii.gz")
    }
  }

  @Test("the crontab's lines run as cron runs them, and say nothing where there is nothing to say")
  func crontab() throws {
    try InboxScene.with { scene in
      let text = try String(contentsOf: Repository.root.appendingPathComponent("Workflows/crontab"), encoding: .utf8)
      let lines = text.split(separator: "\n").filter { !$0.hasPrefix("#") }
      var environment = ["HOME": scene.folder.path, "LOGNAME": "nobody"]
      for line in lines {
        guard let assignment = line.wholeMatch(of: /([A-Z]+)=(.*)/) else { continue }
        environment[String(assignment.1)] = String(assignment.2)
      }
      #expect(environment["SHELL"] == "/bin/sh" && environment["LOCK"]?.hasPrefix("/run/lock/") == true)
      #expect(environment["PATH"]?.hasPrefix("/usr/local/bin:") == true)
      environment["PATH"] = Executable.url.deletingLastPathComponent().path + ":/usr/bin:/bin"
      environment["INBOX"] = scene.inbox.path
      environment["RESULTS"] = scene.results.path
      environment["LOCK"] = scene.folder.appendingPathComponent("lock").path

      let commands = lines.compactMap { line -> String? in
        // Five fields of time, then the command; a % would have to be escaped.
        guard let job = line.wholeMatch(of: /([0-9*\/,-]+ ){5}(.*)/) else { return nil }
        #expect(!job.2.contains("%"))
        return String(job.2)
      }
      #expect(commands.count == 2)
      try scene.drop(InboxScene.piece(), "ct-denoise-fast/a.nii.gz")
      for command in commands {
        let outcome = try Tool.run("/bin/sh", ["-c", command], in: scene.folder, environment: environment)
        #expect(outcome.exitCode == 0 && outcome.output == "", "\(command): \(outcome.output)")
      }
      _ = try scene.verifiedManifest("ct-denoise-fast/a.nii.gz")
    }
  }
}

/// The socket on which a service manager listens.
private final class NotifySocket {
  let path: String
  private let socket: Int32
  private var heard: [String] = []

  init(_ url: URL) throws {
    path = url.path
    socket = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
    var name = sockaddr_un()
    name.sun_family = sa_family_t(AF_UNIX)
    try #require(path.utf8.count < MemoryLayout.size(ofValue: name.sun_path))
    withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
    let bound = withUnsafePointer(to: &name) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    try #require(bound == 0)
  }

  deinit { close(socket) }

  /// Whether a message comes, or came, that fits.
  func waits(seconds: Double = 20, for fits: (String) -> Bool) -> Bool {
    let end = Date() + seconds
    while Date() < end {
      var buffer = [UInt8](repeating: 0, count: 4096)
      let count = recv(socket, &buffer, buffer.count, Int32(MSG_DONTWAIT))
      if count > 0 {
        heard.append(String(decoding: buffer[..<count], as: UTF8.self))
      } else {
        usleep(20_000)
      }
      if (heard + [""]).contains(where: fits) { return true }
    }
    return false
  }
}
