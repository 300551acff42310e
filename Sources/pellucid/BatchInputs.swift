import BatchQueue
import Cases
import Configuration
import DurableFiles
import Foundation

/// The files that a batch's arguments mean.
struct BatchInputs {
  /// A file below the folder that was named for it.
  struct File: Hashable {
    var folder: URL
    var path: RelativePath
    /// The workflow that its table names, as the case server reads it.
    var workflow: Data?
  }

  private(set) var files: [File] = []
  private var missing: FileError?
  private let library: WorkflowLibrary

  /// Searches folders, expands patterns, reads tables; throws `FileError` for what is not there.
  ///
  /// `library` has the workflows that tables name.
  init(_ arguments: [String], library: WorkflowLibrary) throws {
    self.library = library
    for argument in arguments {
      if argument.contains(where: { "*?[".contains($0) }), !FileManager.default.fileExists(atPath: argument) {
        for path in Self.expand(argument) { try add(path) }
      } else if argument.lowercased().hasSuffix(".tsv") {
        try addTable(URL(fileURLWithPath: argument))
      } else {
        try add(argument)
      }
    }
    if let missing,
      files.allSatisfy({
        !FolderChanges.exists($0.folder.appendingPathComponent(String(decoding: $0.path.bytes, as: UTF8.self)))
      })
    {
      throw missing
    }
    var seen: Set<File> = []
    files = files.filter { seen.insert($0).inserted }
  }

  private mutating func add(_ path: String, workflow: Data? = nil) throws {
    let url = URL(fileURLWithPath: path).standardizedFileURL
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder) else {
      // One that is missing is refused when it is its turn, and stops no other.
      missing = missing ?? FileError(.notFound, "there is no \(FileError.printable(path)); check the path")
      files.append(
        File(folder: url.deletingLastPathComponent(), path: RelativePath(url.lastPathComponent), workflow: workflow))
      return
    }
    guard isFolder.boolValue else {
      // The name alone is below the folder: a file that is a link is what the caller named.
      let file = url.resolvingSymlinksInPath()
      files.append(
        File(folder: file.deletingLastPathComponent(), path: RelativePath(file.lastPathComponent), workflow: workflow))
      return
    }
    let folder = try BoundFolder(url)
    try search(folder, RelativePath(), workflow)
  }

  private mutating func search(_ folder: BoundFolder, _ path: RelativePath, _ workflow: Data?) throws {
    for entry in try folder.entries(of: path) {
      let inner = path.appending(entry.name)
      let name = inner.lastName
      if name.hasPrefix(".") { continue }
      // What was made from a BIDS dataset is not its data.
      if path.names.isEmpty, ["derivatives", "sourcedata", "code"].contains(name),
        folder.holds(RelativePath("dataset_description.json"))
      {
        continue
      }
      // Nor is a results tree that lies among the inputs, or is their folder.
      if entry.kind == .folder, folder.holds(inner.appending(".pellucid")) { continue }
      if path.names.isEmpty, name == "cases", folder.holds(RelativePath(".pellucid")) { continue }
      switch entry.kind {
      case .folder where path.names.count < 32: try search(folder, inner, workflow)
      case .file where Intake.names.ending(of: name) != nil:
        files.append(File(folder: folder.url, path: inner, workflow: workflow))
      default: break
      }
    }
  }

  /// A table with a column `path`, relative to the table, and at will a column `workflow`.
  private mutating func addTable(_ url: URL) throws {
    let bytes = try RegularFile(url).read(at: 0, count: 64 << 20)
    // Spreadsheets begin UTF-8 with a mark.
    let text = String(decoding: bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes[3...] : bytes[...], as: UTF8.self)
    let lines = text.split(whereSeparator: \.isNewline).map {
      $0.split(separator: "\t", omittingEmptySubsequences: false)
    }
    guard let header = lines.first, let path = header.firstIndex(of: "path") else {
      throw QueueError(
        .damaged,
        "\(FileError.printable(url.lastPathComponent)) has no column `path`: its first line names the columns")
    }
    let workflow = header.firstIndex(of: "workflow")
    for line in lines.dropFirst() where line.count > path && !line[path].isEmpty {
      var instructions: Data?
      if let workflow, line.count > workflow, !line[workflow].isEmpty {
        instructions = try JSONEncoder().encode(try library.workflow(named: String(line[workflow])))
      }
      let file = URL(fileURLWithPath: String(line[path]), relativeTo: url.deletingLastPathComponent())
      try add(file.path, workflow: instructions)
    }
  }

  private static func expand(_ pattern: String) -> [String] {
    var found = glob_t()
    defer { globfree(&found) }
    guard glob(pattern, GLOB_NOSORT, nil, &found) == 0, let paths = found.gl_pathv else { return [] }
    return (0..<Int(found.gl_pathc)).compactMap { paths[$0].map { String(cString: $0) } }.sorted()
  }
}
