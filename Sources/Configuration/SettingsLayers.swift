import DurableFiles
public import Foundation

/// Where settings come from: built-in < system < user < project file < environment < flags.
///
/// A later layer replaces a value as a whole, also a list.
public struct SettingsLayers: Sendable {
  /// The settings files in their order; those that do not exist are passed over.
  public var files: [URL]
  /// The environment.
  public var environment: [String: String]
  /// What relative paths in the environment and in flags start from.
  public var workingFolder: URL

  /// Variables that begin with `PELLUCID_` and are no settings.
  public static let otherVariables = ["PELLUCID_ISA"]

  /// The layers of the given surroundings.
  public init(
    systemFile: URL = URL(fileURLWithPath: "/etc/pellucid/config.yaml"), environment: [String: String],
    workingFolder: URL
  ) {
    var files = [systemFile]
    if let folder = environment["XDG_CONFIG_HOME"], folder.hasPrefix("/") {
      files.append(URL(fileURLWithPath: folder).appendingPathComponent("pellucid/config.yaml"))
    } else if let home = environment["HOME"], home.hasPrefix("/") {
      files.append(URL(fileURLWithPath: home).appendingPathComponent(".config/pellucid/config.yaml"))
    }
    files.append(workingFolder.appendingPathComponent("pellucid.yaml"))
    self.files = files
    self.environment = environment
    self.workingFolder = workingFolder
  }

  /// The layers of this process.
  public static var current: SettingsLayers {
    SettingsLayers(
      environment: ProcessInfo.processInfo.environment,
      workingFolder: URL(fileURLWithPath: FileManager.default.currentDirectoryPath))
  }

  /// The settings, with what flags say on top.
  ///
  /// Throws `ConfigurationError` for a value, key or variable that is wrong, `FileError` for a file that is there and
  /// cannot be read. A file that this user cannot even see (a service without access to home folders) is not there.
  public func settings(flags: [Settings.Key: [String]] = [:]) throws -> Settings {
    var settings = Settings()
    for file in files where FileManager.default.fileExists(atPath: file.path) {
      try settings.apply(file: file, home: environment["HOME"])
    }
    try settings.apply(environment: environment, in: here)
    for key in Settings.Key.allCases {
      guard let texts = flags[key] else { continue }
      guard settings.take(texts, for: key, from: .flag(key.flag), in: here) else {
        throw ConfigurationError(.value, "\(key.flag) must be \(Settings.rule(key))")
      }
    }
    return settings
  }

  private var here: Settings.Surroundings {
    Settings.Surroundings(folder: workingFolder, home: environment["HOME"])
  }
}

extension Settings {
  /// Throws what is wrong with a settings file: `ConfigurationError` or `FileError`.
  public static func check(_ file: URL) throws {
    var settings = Settings()
    try settings.apply(file: file, home: nil)
  }

  fileprivate mutating func apply(file: URL, home: String?) throws {
    let path = FileError.printable(file.path)
    let map = try StrictMapping(yaml: StrictMapping.text(of: file), file: path, keys: Self.keys)
    let surroundings = Surroundings(folder: file.absoluteURL.deletingLastPathComponent(), home: home)
    for key in Key.allCases where map.has(key.rawValue) {
      let rule = Self.rule(key)
      let texts =
        key.isList
        ? try map.strings(key.rawValue) : [try map.parsed(key.rawValue, as: rule) { text -> String? in text }]
      let origin = Origin.file(path, line: map.line(of: key.rawValue) ?? 1)
      guard take(texts, for: key, from: origin, in: surroundings) else {
        throw map.error(key.rawValue, "must be \(rule)")
      }
    }
  }

  fileprivate mutating func apply(environment: [String: String], in surroundings: Surroundings) throws {
    let keys = Dictionary(uniqueKeysWithValues: Key.allCases.map { ($0.variable, $0) })
    for (name, text) in environment.sorted(by: { $0.key < $1.key }) where name.hasPrefix("PELLUCID_") {
      guard let key = keys[name] else {
        if SettingsLayers.otherVariables.contains(name) { continue }
        let nearest = NearestName.nearest(to: name, in: keys.keys.sorted() + SettingsLayers.otherVariables)
        throw ConfigurationError(
          .unknownKey,
          "the environment variable \(FileError.printable(String(name.prefix(64)))) is not known: did you mean \(nearest)?"
        )
      }
      // An empty variable is how a shell takes one back.
      guard !text.isEmpty else { continue }
      let texts = key.isList ? text.split(separator: ":").map(String.init) : [text]
      guard take(texts, for: key, from: .environment(name), in: surroundings) else {
        throw ConfigurationError(
          .value,
          "the environment variable \(name) must be \(Self.rule(key))\(key.isList ? ", with colons between" : "")")
      }
    }
  }
}
