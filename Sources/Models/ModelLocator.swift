public import Foundation

/// Finds model files: by path, or by name in the folders where models are kept.
///
/// Nothing is ever downloaded. The folders, in order: those that the caller names, those of `PELLUCID_MODELS` (separated by
/// colons), `Workflows/models` in the working folder, `Workflows/models` in any folder above the executable (a build in a clone of the repository
/// finds the clone's models), `share/pellucid/models` beside the executable's folder, `~/.local/share/pellucid/models`.
public struct ModelLocator: Sendable {
  /// The folders, first one first.
  public let folders: [URL]
  private let workingFolder: URL

  /// A locator for the given surroundings; `first` are the folders that go before all others.
  public init(first: [URL] = [], environment: [String: String], workingFolder: URL, executable: URL?) {
    self.workingFolder = workingFolder
    var folders = first
    folders += (environment["PELLUCID_MODELS"] ?? "").split(separator: ":").map {
      Self.resolve(String($0), in: workingFolder)
    }
    folders.append(workingFolder.appendingPathComponent("Workflows/models"))
    if let executable {
      var folder = executable.resolvingSymlinksInPath().deletingLastPathComponent()
      let share = folder.deletingLastPathComponent().appendingPathComponent("share/pellucid/models")
      while folder.pathComponents.count > 1 {
        folders.append(folder.appendingPathComponent("Workflows/models"))
        folder = folder.deletingLastPathComponent()
      }
      folders.append(share)
    }
    if let home = environment["HOME"], !home.isEmpty {
      folders.append(URL(fileURLWithPath: home).appendingPathComponent(".local/share/pellucid/models"))
    }
    var seen: Set<String> = []
    self.folders = folders.map(\.standardizedFileURL).filter { seen.insert($0.path).inserted }
  }

  /// The locator of this process; `first` are the folders that go before all others.
  public static func current(first: [URL] = []) -> ModelLocator {
    ModelLocator(
      first: first, environment: ProcessInfo.processInfo.environment,
      workingFolder: URL(fileURLWithPath: FileManager.default.currentDirectoryPath),
      executable: URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath())
  }

  /// The file of a model in this process's surroundings; see `locate`.
  public static func find(_ nameOrPath: String) throws(ModelError) -> URL { try current().locate(nameOrPath) }

  /// The file of a model, given as a path (with a slash or ending in `.safetensors`) or as a name.
  ///
  /// Throws a `ModelError` of kind `notFound` that says where it looked and what there is.
  public func locate(_ nameOrPath: String) throws(ModelError) -> URL {
    if nameOrPath.contains("/") || nameOrPath.hasSuffix(Self.suffix) {
      let url = Self.resolve(nameOrPath, in: workingFolder)
      if FileManager.default.fileExists(atPath: url.path) { return url }
      if nameOrPath.contains("/") {
        throw ModelError(.notFound, "there is no model file \(ModelError.printable(nameOrPath)); check the path")
      }
    }
    let file = nameOrPath.hasSuffix(Self.suffix) ? nameOrPath : nameOrPath + Self.suffix
    for folder in folders {
      let url = folder.appendingPathComponent(file)
      if FileManager.default.fileExists(atPath: url.path) { return url }
    }
    let known = available.map(\.name)
    let choice = known.isEmpty ? "no models are there" : "known models: \(ModelError.list(known, limit: 10))"
    let places = folders.filter { FileManager.default.fileExists(atPath: $0.path) }.map(\.path)
    let looked = places.isEmpty ? folders.prefix(3).map(\.path) : places
    throw ModelError(
      .notFound,
      "there is no model \(ModelError.printable(nameOrPath)) in \(looked.joined(separator: ", ")); \(choice); give another name, a file, or set PELLUCID_MODELS"
    )
  }

  /// The models in the folders, by name; of two with one name, the one that `locate` takes.
  public var available: [(name: String, url: URL)] {
    var found: [String: URL] = [:]
    for folder in folders {
      let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
      for file in files where file.hasSuffix(Self.suffix) && !file.hasPrefix(".") {
        let name = String(file.dropLast(Self.suffix.count))
        if found[name] == nil { found[name] = folder.appendingPathComponent(file) }
      }
    }
    return found.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  private static func resolve(_ path: String, in folder: URL) -> URL {
    path.hasPrefix("/") ? URL(fileURLWithPath: path) : folder.appendingPathComponent(path)
  }

  private static let suffix = ".safetensors"
}
