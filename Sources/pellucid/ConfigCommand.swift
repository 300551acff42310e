import ArgumentParser
import Configuration
import DurableFiles
import Foundation
import Models
import Training

/// `pellucid config`.
struct ConfigCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "config",
    abstract: "Show the settings and where each is from; check configuration files.",
    discussion: """
      Settings come from, the later ones winning: the program, /etc/pellucid/config.yaml, \
      ${XDG_CONFIG_HOME:-~/.config}/pellucid/config.yaml, ./pellucid.yaml, environment variables such as PELLUCID_THREADS, \
      and flags. See Docs/Configuration.md.
      """,
    subcommands: [ConfigShowCommand.self, ConfigCheckCommand.self])
}

/// `pellucid config show`.
struct ConfigShowCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Show every setting: its value and where it is from.")

  @Flag(help: "Print JSON.") var json = false

  private struct Row: Encodable {
    var key: String
    /// A text, or a list of texts for folders; null where nothing is set.
    var value: Value
    var origin: String
  }

  private enum Value: Encodable {
    case text(String?)
    case list([String])

    func encode(to encoder: any Encoder) throws {
      var container = encoder.singleValueContainer()
      switch self {
      case .text(let text): try container.encode(text)
      case .list(let list): try container.encode(list)
      }
    }
  }

  func run() throws {
    let settings = try SettingsLayers.current.settings()
    if json {
      return try printJSON(
        Settings.Key.allCases.map { key in
          let texts = settings.texts(key)
          let value = key == .models || key == .workflows ? Value.list(texts) : .text(texts.first)
          return Row(key: key.rawValue, value: value, origin: settings.origin(key).description)
        })
    }
    let keyWidth = Settings.keys.map(\.count).max() ?? 0
    let values = Settings.Key.allCases.map { settings.texts($0).joined(separator: ":") }
    let valueWidth = min(40, values.map(\.count).max() ?? 0)
    for (key, value) in zip(Settings.Key.allCases, values) {
      let name = key.rawValue.padding(toLength: keyWidth, withPad: " ", startingAt: 0)
      let shown = value.isEmpty ? "-" : FileError.printable(value)
      let gap = String(repeating: " ", count: max(0, valueWidth - shown.count))
      print("\(name)  \(shown)\(gap)  \(settings.origin(key))")
    }
  }
}

/// `pellucid config check`.
struct ConfigCheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Say what kind each file is and what is wrong with it.",
    discussion: """
      NAME.pellucid.yaml is an override, pellucid.yaml and config.yaml are settings; other files are what most of their keys \
      belong to. All files are checked; the exit code is that of the first one that is wrong (78, or 66 for a file that \
      is not there).
      """)

  @Argument(help: "Workflows, overrides, settings, training configurations.") var files: [String]
  @Flag(help: "Print JSON.") var json = false

  /// What a file may be.
  private enum Kind: String, Encodable, CaseIterable {
    case settings, workflow
    case training = "training configuration"
    case override

    /// What a file is by its name, or else by the most of its keys; of equals the first.
    init(of url: URL) throws {
      let keys = try StrictMapping.topLevelKeys(of: url)
      switch url.lastPathComponent {
      case "pellucid.yaml", "config.yaml": self = .settings
      case let name where name.hasSuffix(WorkflowOverride.suffix): self = .override
      default:
        func known(_ kind: Kind) -> Int { keys.count { kind.keys.contains($0) } }
        let candidates = Self.allCases.filter { $0 != .override || keys.contains("workflow") }
        let most = candidates.map(known).max() ?? 0
        self = candidates.first { known($0) == most } ?? .settings
      }
    }

    private var keys: [String] {
      switch self {
      case .settings: Settings.keys
      case .workflow: Workflow.keys
      case .training: TrainingConfiguration.keys
      case .override: WorkflowOverride.keys
      }
    }

    func check(_ url: URL) throws {
      switch self {
      case .settings: try Settings.check(url)
      case .workflow: _ = try Workflow.read(url)
      case .training: _ = try TrainingConfiguration(contentsOf: url)
      case .override: _ = try WorkflowOverride.read(url)
      }
    }
  }

  private struct Finding: Encodable {
    var file: String
    var kind: Kind?
    var ok: Bool
    var line: Int?
    var error: String?
  }

  func run() throws {
    var findings: [Finding] = []
    var status: ExitStatus?
    for file in files {
      var finding = Finding(file: file, ok: true)
      do {
        let url = URL(fileURLWithPath: file)
        let kind = try Kind(of: url)
        finding.kind = kind
        try kind.check(url)
      } catch {
        status = status ?? ExitStatus(error) ?? .software
        finding.ok = false
        finding.line = (error as? ConfigurationError)?.line
        finding.error = (error as? ConfigurationError)?.reason ?? "\(error)"
      }
      findings.append(finding)
      if !json || !finding.ok { say(finding) }
    }
    if json { try printJSON(findings) }
    if let status {
      try ProcessStreams.finish()
      throw ExitCode(status.rawValue)
    }
  }

  private func say(_ finding: Finding) {
    let file = FileError.printable(finding.file)
    guard let error = finding.error else { return print("\(file): \(finding.kind?.rawValue ?? "")") }
    let line = finding.line.map { "line \($0): " } ?? ""
    let kind = finding.kind.map { " (\($0.rawValue))" } ?? ""
    Terminal.say("pellucid: error: \(file): \(line)\(error)\(kind)")
  }
}
