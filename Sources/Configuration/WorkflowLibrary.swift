import DurableFiles
public import Foundation

/// The workflows that can be given by name: the files `NAME.yaml` that lie directly in the folders where they are kept.
///
/// The folders, in order: those that the caller names, those of `PELLUCID_WORKFLOWS` (separated by colons), `Workflows` in
/// the working folder, `Workflows` in any folder above the executable (a build in a clone of the repository finds the
/// clone's), `share/pellucid/workflows` beside the executable's folder, `~/.local/share/pellucid/workflows`. Of two files
/// with one name the first one counts.
public struct WorkflowLibrary: Sendable {
  /// The folders, first one first.
  public let folders: [URL]

  static let suffix = ".yaml"

  /// A library of these folders and no others.
  public init(folders: [URL]) { self.folders = folders }

  /// A library for the given surroundings; `first` are the folders that go before all others.
  public init(first: [URL] = [], environment: [String: String], workingFolder: URL, executable: URL?) {
    var folders = first
    for path in (environment["PELLUCID_WORKFLOWS"] ?? "").split(separator: ":") {
      folders.append(FolderPath.resolve(String(path), in: workingFolder, home: environment["HOME"]))
    }
    folders.append(workingFolder.appendingPathComponent("Workflows"))
    if let executable {
      var folder = executable.resolvingSymlinksInPath().deletingLastPathComponent()
      let share = folder.deletingLastPathComponent().appendingPathComponent("share/pellucid/workflows")
      while folder.pathComponents.count > 1 {
        folders.append(folder.appendingPathComponent("Workflows"))
        folder = folder.deletingLastPathComponent()
      }
      folders.append(share)
    }
    if let home = environment["HOME"], !home.isEmpty {
      folders.append(URL(fileURLWithPath: home).appendingPathComponent(".local/share/pellucid/workflows"))
    }
    var seen: Set<String> = []
    self.folders = folders.map(\.standardizedFileURL).filter { seen.insert($0.path).inserted }
  }

  /// The library of this process; `first` are the folders that go before all others.
  public static func current(first: [URL] = []) -> WorkflowLibrary {
    WorkflowLibrary(
      first: first, environment: ProcessInfo.processInfo.environment,
      workingFolder: URL(fileURLWithPath: FileManager.default.currentDirectoryPath),
      executable: URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath())
  }

  /// The workflow files by name, in the order of names; what is in them is not looked at.
  public var available: [(name: String, url: URL)] {
    var found: [String: URL] = [:]
    for folder in folders {
      for file in (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? [] {
        guard file.hasSuffix(Self.suffix), !file.hasSuffix(WorkflowOverride.suffix), !file.hasPrefix(".") else {
          continue
        }
        let name = String(file.dropLast(Self.suffix.count))
        if found[name] == nil { found[name] = folder.appendingPathComponent(file) }
      }
    }
    return found.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  /// The workflow of a name.
  ///
  /// Throws `ConfigurationError` for a name that is none, that is not there, or whose file is wrong.
  public func workflow(named name: String) throws -> Workflow {
    let shown = FileError.printable(String(name.prefix(80)))
    guard WorkflowText.isName(name) else {
      throw ConfigurationError(.value, "\"\(shown)\" names no workflow: give \(WorkflowText.nameRule)")
    }
    let available = available
    if let file = available.first(where: { $0.name == name }) { return try Workflow.read(file.url) }
    let places = folders.filter { FileManager.default.fileExists(atPath: $0.path) }.prefix(3).map {
      FileError.printable($0.path)
    }
    let looked = places.isEmpty ? "no folder of workflows was found" : "looked in \(places.joined(separator: ", "))"
    throw ConfigurationError(
      .notFound,
      "there is no workflow \(shown): \(looked); \(Self.choice(available.map(\.name))); write \(shown).yaml or set "
        + "PELLUCID_WORKFLOWS")
  }

  /// The one workflow whose `match` covers a file, by its base name and format, in the first folder that has any.
  ///
  /// Throws `ConfigurationError` when there is none or more than one, or when any workflow file is wrong: it might be
  /// the one.
  public func matching(fileName: String, format: Workflow.Format) throws -> Workflow {
    let all = try available.map { (workflow: try Workflow.read($0.url), folder: $0.url.deletingLastPathComponent()) }
    let matching = all.filter { $0.workflow.match?.covers(fileName: fileName, format: format) == true }
    // A site's own folders come before those that came with the program, here as for names.
    let nearest = folders.first { folder in matching.contains { $0.folder.path == folder.path } }
    let fitting = matching.filter { $0.folder.path == nearest?.path }.map(\.workflow)
    if fitting.count == 1 { return fitting[0] }
    let remedy = "put the file into the inbox folder of one, or name one in an override"
    guard fitting.isEmpty else {
      throw ConfigurationError(
        .ambiguous, "several workflows match this \(format.rawValue) file: \(Self.list(fitting.map(\.name))); \(remedy)"
      )
    }
    throw ConfigurationError(
      .notFound, "no workflow matches this \(format.rawValue) file; \(Self.choice(all.map(\.workflow.name))); \(remedy)"
    )
  }

  /// Whether a file can match a workflow at all: one has a `match`, or cannot be read and might have one.
  public var canMatch: Bool {
    available.contains { entry in
      guard let workflow = try? Workflow.read(entry.url) else { return true }
      return workflow.match != nil
    }
  }

  /// The workflow that a folder's name seems to mean and does not; nil if it is near none.
  ///
  /// `Head` and `heads` seem to mean `head`; short names are only compared without regard to case.
  public func likelyMeant(by name: String) -> String? {
    let names = available.map(\.name)
    let nearest = NearestName.nearest(to: name, in: names)
    return NearestName.distance(name, nearest) <= (name.count > 4 ? 1 : 0) && nearest != name ? nearest : nil
  }

  private static func choice(_ names: [String]) -> String {
    names.isEmpty ? "there are none" : "known workflows: \(list(names))"
  }

  private static func list(_ names: [String]) -> String {
    let shown = names.prefix(10).map { FileError.printable($0) }.joined(separator: ", ")
    return names.count > 10 ? "\(shown) and \(names.count - 10) more" : shown
  }
}
