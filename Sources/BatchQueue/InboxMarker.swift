import DurableFiles
public import Foundation

/// The file that makes a folder an inbox: a share that is not mounted is an empty folder, and an empty folder is not an
/// inbox.
public enum InboxMarker {
  /// Its name.
  public static let name = ".pellucid-inbox"

  private struct Record: Codable {
    var schema = "pellucid-inbox/1"
    var id: String
  }

  /// Makes a folder an inbox, and makes the folder where it is missing; false if it was one.
  ///
  /// Throws `FileError`.
  @discardableResult
  public static func make(in folder: URL) throws -> Bool {
    try makeFolder(folder)
    for name in ["new"] { try FolderChanges.make(folder.appendingPathComponent(name)) }
    let file = folder.appendingPathComponent(name)
    guard !FolderChanges.exists(file) else { return false }
    let data = try JSONEncoder().encode(Record(id: UUID().uuidString.lowercased())) + Data("\n".utf8)
    try AtomicFile.write(data, to: file, ifExists: .fail)
    return true
  }

  /// The inbox's id; throws `QueueError.missing` for a folder that is none.
  public static func read(in folder: URL) throws -> String {
    let file = folder.appendingPathComponent(name)
    guard FolderChanges.exists(file) else {
      throw QueueError(
        .missing,
        "\(FileError.printable(folder.lastPathComponent)) is no inbox (no \(name) in it): check that its disk is mounted, or "
          + "make it one with `pellucid watch --init --inbox FOLDER`")
    }
    guard let data = try? Data(contentsOf: file), let record = try? JSONDecoder().decode(Record.self, from: data) else {
      throw QueueError(
        .damaged, "\(name) cannot be read or is damaged; remove it and run `pellucid watch --init` again")
    }
    return record.id
  }
}
