import Foundation

/// Paths as people write them in configurations.
enum FolderPath {
  /// A path that is absolute, begins with `~/`, or is relative to a folder.
  static func resolve(_ path: String, in folder: URL, home: String?) -> URL {
    if path.hasPrefix("/") { return URL(fileURLWithPath: path) }
    if path.hasPrefix("~/"), let home, home.hasPrefix("/") {
      return URL(fileURLWithPath: home).appendingPathComponent(String(path.dropFirst(2)))
    }
    return folder.appendingPathComponent(path)
  }
}
