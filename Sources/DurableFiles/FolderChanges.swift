import CPosix
public import Foundation
import Glibc

/// Changes of a folder's entries that are atomic, and that survive a power cut when they return.
///
/// Each flushes the folders that it changed. All throw `FileError`.
public enum FolderChanges {
  /// Renames a file or folder within one file system; fails with `.exists` if the new name is taken.
  ///
  /// A network file system may carry out a rename and still report failure, when its answer is lost and the call is made
  /// again. The caller that needs to know looks which of the two names stands.
  public static func move(_ from: URL, to: URL) throws(FileError) {
    let (source, target) = (from.path(percentEncoded: false), to.path(percentEncoded: false))
    let code = cposix_rename_noreplace(trimmed(source), trimmed(target))
    // Folders have no hard links: where the one call is missing, plain rename refuses a folder that is not empty.
    if code == EPERM || code == EISDIR {
      guard rename(trimmed(source), trimmed(target)) == 0 else {
        throw FileError(errno: errno, cannot: "rename", source)
      }
    } else if code != 0 {
      throw FileError(errno: code == ENOTEMPTY ? EEXIST : code, cannot: "rename", code == ENOENT ? source : target)
    }
    try flush(to.deletingLastPathComponent())
    if from.deletingLastPathComponent().path != to.deletingLastPathComponent().path {
      try flush(from.deletingLastPathComponent())
    }
  }

  /// Gives a file a second name; fails with `.exists` if that name is taken, and with `.notFound` if the first is gone.
  public static func link(_ from: URL, to: URL) throws(FileError) {
    guard Glibc.link(from.path(percentEncoded: false), to.path(percentEncoded: false)) == 0 else {
      throw FileError(errno: errno, cannot: "write", to.path(percentEncoded: false))
    }
    try flush(to.deletingLastPathComponent())
  }

  /// Makes one folder; false if it was there.
  @discardableResult
  public static func make(_ url: URL) throws(FileError) -> Bool {
    guard mkdir(url.path(percentEncoded: false), 0o777) == 0 else {
      let code = errno
      var status = stat()
      if code == EEXIST, stat(url.path(percentEncoded: false), &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
        return false
      }
      throw FileError(
        errno: code == EEXIST ? ENOTDIR : code, cannot: "make the folder", url.path(percentEncoded: false))
    }
    try flush(url.deletingLastPathComponent())
    return true
  }

  /// Removes a folder with all that is in it, or a file; nothing happens if it is not there.
  public static func remove(_ url: URL) throws(FileError) {
    let path = trimmed(url.path(percentEncoded: false))
    var status = stat()
    guard lstat(path, &status) == 0 else {
      if errno == ENOENT { return }
      throw FileError(errno: errno, cannot: "remove", path)
    }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      guard unlink(path) == 0 || errno == ENOENT else { throw FileError(errno: errno, cannot: "remove", path) }
      return
    }
    for name in try names(in: url) { try remove(url.appendingPathComponent(name)) }
    guard rmdir(path) == 0 || errno == ENOENT else { throw FileError(errno: errno, cannot: "remove", path) }
  }

  /// The names in a folder of our own, sorted; none where there is no such folder.
  public static func names(in url: URL) throws(FileError) -> [String] {
    let path = url.path(percentEncoded: false)
    guard let stream = opendir(path) else {
      if errno == ENOENT { return [] }
      throw FileError(errno: errno, cannot: "read the folder", path)
    }
    defer { closedir(stream) }
    var names: [String] = []
    while true {
      errno = 0
      guard let entry = readdir(stream) else {
        guard errno == 0 else { throw FileError(errno: errno, cannot: "read the folder", path) }
        return names.sorted()
      }
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if name != "." && name != ".." { names.append(name) }
    }
  }

  /// Whether something of that name is there, whatever it is.
  public static func exists(_ url: URL) -> Bool {
    var status = stat()
    return lstat(trimmed(url.path(percentEncoded: false)), &status) == 0
  }

  /// Flushes a folder's entries to the disk.
  public static func flush(_ folder: URL) throws(FileError) {
    let path = folder.path(percentEncoded: false)
    let code = cposix_fsync_folder(path)
    if code != 0 { throw FileError(errno: code, cannot: "flush the folder", path) }
  }

  /// Bytes that are free for this user on the disk of a folder; nil if the system does not say.
  public static func freeBytes(at url: URL) -> Int? {
    var status = statvfs()
    guard statvfs(url.path(percentEncoded: false), &status) == 0 else { return nil }
    return Int(status.f_bavail) * Int(status.f_frsize)
  }

  /// System calls on a link or folder itself take no slash at the end.
  private static func trimmed(_ path: String) -> String {
    path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
  }
}
