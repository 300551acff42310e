import Configuration
import DurableFiles
import Foundation
import TestSupport
import Testing

@Suite("Settings come in layers, and each value knows its own")
struct SettingsTests {
  /// Three places for files, an environment, and a folder to work in.
  private struct Layers {
    let root: URL
    var environment: [String: String] = [:]

    func write(_ place: String, _ text: String) throws {
      let url = root.appendingPathComponent(place)
      try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(text.utf8).write(to: url)
    }

    var layers: SettingsLayers {
      SettingsLayers(
        systemFile: root.appendingPathComponent("etc/config.yaml"),
        environment: environment.merging(["HOME": root.appendingPathComponent("home").path]) { given, _ in given },
        workingFolder: root.appendingPathComponent("work"))
    }

    func settings(_ flags: [Settings.Key: [String]] = [:]) throws -> Settings { try layers.settings(flags: flags) }
    func path(_ place: String) -> String { root.appendingPathComponent(place).path }
  }

  private func with(_ body: (inout Layers) throws -> Void) throws {
    try withTemporaryFolder { root in
      var layers = Layers(root: root)
      try body(&layers)
    }
  }

  @Test func `without files everything is built in`() throws {
    try with { layers in
      let settings = try layers.settings()
      #expect(settings == Settings())
      #expect(Settings.Key.allCases.allSatisfy { settings.origin($0) == .builtIn })
      #expect(settings.settle.value == .seconds(20) && settings.poll.value == .seconds(5))
      #expect(settings.onDone.value == .keep && settings.memory.value == nil)
    }
  }

  @Test func `a later layer replaces an earlier one, and what it leaves out stays`() throws {
    try with { layers in
      try layers.write("etc/config.yaml", "threads: 1\njobs: 2\n")
      #expect(try layers.settings().threads == .init(1, .file(layers.path("etc/config.yaml"), line: 1)))
      try layers.write("home/.config/pellucid/config.yaml", "# mine\nthreads: 2\n")
      #expect(
        try layers.settings().threads == .init(2, .file(layers.path("home/.config/pellucid/config.yaml"), line: 2)))
      try layers.write("work/pellucid.yaml", "threads: 3\n")
      #expect(try layers.settings().threads == .init(3, .file(layers.path("work/pellucid.yaml"), line: 1)))
      layers.environment["PELLUCID_THREADS"] = "4"
      #expect(try layers.settings().threads == .init(4, .environment("PELLUCID_THREADS")))
      #expect(try layers.settings([.threads: ["5"]]).threads == .init(5, .flag("--threads")))
      layers.environment["PELLUCID_THREADS"] = ""
      #expect(try layers.settings().threads.value == 3)
      #expect(try layers.settings().jobs == .init(2, .file(layers.path("etc/config.yaml"), line: 2)))
    }
  }

  @Test func `XDG_CONFIG_HOME is followed where it is absolute`() throws {
    try with { layers in
      try layers.write("home/.config/pellucid/config.yaml", "jobs: 2\n")
      try layers.write("xdg/pellucid/config.yaml", "jobs: 3\n")
      layers.environment["XDG_CONFIG_HOME"] = layers.path("xdg")
      #expect(try layers.settings().jobs.value == 3)
      layers.environment["XDG_CONFIG_HOME"] = "xdg"
      #expect(try layers.settings().jobs.value == 2)
      layers.environment["HOME"] = "/dev/null"
      #expect(try layers.settings().jobs.value == 1)
    }
  }

  @Test func `every key is read from a file, and its text means the same again`() throws {
    try with { layers in
      let text = """
        models: [m, /opt/m, ~/mine]
        workflows: []
        threads: 0
        memory: 1.5G
        jobs: 3
        poll: 500ms
        settle: 1m30s
        stallTimeout: 2h
        onDone: move
        offPeak: 22:00-06:00
        pauseFile: HALT
        minimumFreeSpace: 0
        """
      try layers.write("work/pellucid.yaml", text)
      let settings = try layers.settings()
      #expect(settings.models.value.map(\.path) == [layers.path("work/m"), "/opt/m", layers.path("home/mine")])
      #expect(settings.workflows == .init([], .file(layers.path("work/pellucid.yaml"), line: 2)))
      #expect(settings.memory.value == 3 << 29 && settings.jobs.value == 3 && settings.poll.value == .milliseconds(500))
      #expect(settings.settle.value == .seconds(90) && settings.stallTimeout.value == .seconds(7200))
      #expect(settings.onDone.value == .move && settings.offPeak.value == DailyHours("22:00-06:00"))
      #expect(settings.pauseFile.value?.path == layers.path("work/HALT") && settings.minimumFreeSpace.value == 0)
      let lines = Settings.Key.allCases.map { settings.origin($0).description }
      #expect(lines == (1...12).map { "\(layers.path("work/pellucid.yaml")):\($0)" })

      for key in Settings.Key.allCases where !settings.texts(key).isEmpty {
        layers.environment[key.variable] = settings.texts(key).joined(separator: ":")
      }
      let again = try layers.settings()
      for key in Settings.Key.allCases where key != .workflows {
        #expect(again.texts(key) == settings.texts(key) && again.origin(key) == .environment(key.variable), "\(key)")
      }
    }
  }

  @Test func `variables and flags are named after their keys`() {
    #expect(Settings.Key.stallTimeout.variable == "PELLUCID_STALL_TIMEOUT")
    #expect(Settings.Key.minimumFreeSpace.flag == "--minimum-free-space" && Settings.Key.offPeak.flag == "--offpeak")
  }

  static let mistakes: [(text: String, line: Int, says: String)] = [
    ("jobs: 1\nthred: 2\n", 2, "\"threads\""), ("\nthreads: 4097\n", 2, "0...4096"), ("threads: x\n", 1, "0...4096"),
    ("memory: lots\n", 1, "8G"), ("jobs: 0\n", 1, "1...256"), ("poll: 5\n", 1, "500ms"), ("poll: 50ms\n", 1, "100ms"),
    ("settle: 2d\n", 1, "up to 1d"), ("stallTimeout: 0s\n", 1, "from 1s"),
    ("stalltimeout: 5s\n", 1, "\"stallTimeout\""),
    ("onDone: burn\n", 1, "move, keep, delete"), ("offPeak: night\n", 1, "22:00-06:00"),
    ("minimumFreeSpace: -1\n", 1, "1G"), ("models: a\n", 1, "list"), ("models: [\"\"]\n", 1, "folders"),
    ("pauseFile: [a]\n", 1, "path"), ("pauseFile:\n", 1, "path"),
  ]

  @Test("a mistake in a file is refused with the file, the line and what may stand there", arguments: mistakes.indices)
  func mistake(index: Int) throws {
    try with { layers in
      let (text, line, says) = Self.mistakes[index]
      try layers.write("work/pellucid.yaml", text)
      let error = refusal { _ = try layers.settings() }
      #expect(error?.file == layers.path("work/pellucid.yaml") && error?.line == line, "\(error?.description ?? "")")
      #expect(error?.reason.contains(says) == true, "\(error?.description ?? "")")
      #expect(refusal { try Settings.check(layers.root.appendingPathComponent("work/pellucid.yaml")) } == error)
    }
  }

  @Test func `a mistake in the environment or a flag names the variable or the flag`() throws {
    try with { layers in
      #expect(
        refusal { _ = try layers.settings([.poll: ["soon"]]) }?.reason.hasPrefix("--poll must be a duration") == true)
      layers.environment["PELLUCID_JOBS"] = "many"
      #expect(
        refusal { _ = try layers.settings() }?.reason.contains("PELLUCID_JOBS must be a whole number in 1...256")
          == true)
      layers.environment = ["PELLUCID_THREDS": "1"]
      let error = refusal { _ = try layers.settings() }
      #expect(error?.kind == .unknownKey && error?.reason.contains("did you mean PELLUCID_THREADS?") == true)
    }
  }

  @Test func `variables that are no settings are let alone`() throws {
    try with { layers in
      layers.environment = ["PELLUCID_ISA": "portable", "PELLUCIDITY": "high", "OTHER": "1"]
      let settings = try layers.settings()
      #expect(settings == Settings())
    }
  }

  @Test func `a settings file that is a folder is an error and not passed over`() throws {
    try with { layers in
      try layers.write("work/pellucid.yaml/file", "")
      #expect(throws: FileError.self) { try layers.settings() }
    }
  }
}
