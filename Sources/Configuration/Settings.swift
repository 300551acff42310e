public import Foundation

/// How Pellucid works on this machine: where things are, how much may be used, how the queue goes about its work.
///
/// Nothing here changes a result. Each value comes from the last layer that gives it, and remembers which (`SettingsLayers`).
public struct Settings: Sendable, Equatable {
  /// A value and where it comes from.
  public struct Setting<Value: Sendable & Equatable>: Sendable, Equatable {
    /// The value in force.
    public var value: Value
    /// Who set it.
    public var origin: Origin

    /// A value from its parts.
    public init(_ value: Value, _ origin: Origin = .builtIn) {
      self.value = value
      self.origin = origin
    }
  }

  /// Who set a value.
  public enum Origin: Sendable, Equatable, CustomStringConvertible {
    /// The program.
    case builtIn
    /// A settings file, by its path, and the line in it.
    case file(String, line: Int)
    /// An environment variable.
    case environment(String)
    /// A flag of the command line.
    case flag(String)

    /// The origin in a few words, such as `/etc/pellucid/config.yaml:3`.
    public var description: String {
      switch self {
      case .builtIn: "built-in"
      case .file(let path, let line): "\(path):\(line)"
      case .environment(let name): name
      case .flag(let name): name
      }
    }
  }

  /// What becomes of a source file whose results are complete.
  public enum OnDone: String, Sendable, CaseIterable {
    /// It goes into a folder for what is done.
    case move
    /// It stays where it is.
    case keep
    /// It is deleted.
    case delete
  }

  /// Folders where models are looked for before all others.
  public var models = Setting<[URL]>([])
  /// Folders where workflows are looked for before all others.
  public var workflows = Setting<[URL]>([])
  /// Threads of a job; 0 for one per processor.
  public var threads = Setting(0)
  /// Memory bound of a job in bytes; nil for none.
  public var memory = Setting<Int?>(nil)
  /// Jobs that run at a time.
  public var jobs = Setting(1)
  /// How often the inbox and the queue are looked at.
  public var poll = Setting(Duration.seconds(5))
  /// How long a file must be unchanged to count as complete.
  public var settle = Setting(Duration.seconds(20))
  /// How long a job may make no progress, at the least; ten evaluations' time if that is more.
  public var stallTimeout = Setting(Duration.seconds(120))
  /// What becomes of a source file whose results are complete.
  public var onDone = Setting(OnDone.keep)
  /// When jobs that can wait are run; nil for at any time.
  public var offPeak = Setting<DailyHours?>(nil)
  /// No job is started while this file exists; nil for none.
  public var pauseFile = Setting<URL?>(nil)
  /// Bytes that stay free on the disk of the results.
  public var minimumFreeSpace = Setting(64 << 20)

  /// The built-in settings.
  public init() {}

  /// The keys of a settings file.
  public enum Key: String, Sendable, CaseIterable {
    /// See the properties of the same names.
    case models, workflows, threads, memory, jobs, poll, settle, stallTimeout, onDone, offPeak, pauseFile
    /// See the property of the same name.
    case minimumFreeSpace

    /// Its environment variable, such as `PELLUCID_STALL_TIMEOUT`; lists are separated by colons there.
    public var variable: String { "PELLUCID_" + words("_").uppercased() }
    /// Its flag, such as `--stall-timeout`, on the commands that have it.
    public var flag: String { self == .offPeak ? "--offpeak" : "--" + words("-") }
    /// Whether it takes a list of folders.
    var isList: Bool { self == .models || self == .workflows }

    private func words(_ separator: String) -> String {
      rawValue.map { $0.isUppercase ? separator + $0.lowercased() : String($0) }.joined()
    }
  }

  /// The keys that a settings file may have.
  public static let keys = Key.allCases.map(\.rawValue)
}
