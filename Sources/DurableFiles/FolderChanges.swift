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
  /// again: what counts is where the file or folder then is.
  public static func move(_ from: URL, to: URL) throws(FileError) {
    let (source, target) = (from.path(percentEncoded: false), to.path(percentEncoded: false))
    let moved = number(source)
    var code = cposix_rename_noreplace(trimmed(source), trimmed(target))
    // Folders have no hard links: where the one call is missing, plain rename refuses a folder that is not empty.
    if code == EPERM || code == EISDIR { code = rename(trimmed(source), trimmed(target)) == 0 ? 0 : errno }
    if code != 0, moved == nil || number(target) != moved || number(source) != nil {
      throw FileError(errno: code == ENOTEMPTY ? EEXIST : code, cannot: "rename", code == ENOENT ? source : target)
    }
    try flush(to.deletingLastPathComponent())
    if from.deletingLastPathComponent().path != to.deletingLastPathComponent().path {
      try flush(from.deletingLastPathComponent())
    }
  }

  /// Gives a file a second name; fails with `.exists` if that name is taken, and with `.notFound` if the first is gone.
  public static func link(_ from: URL, to: URL) throws(FileError) {
    let (source, target) = (from.path(percentEncoded: false), to.path(percentEncoded: false))
    if Glibc.link(source, target) != 0 {
      let code = errno
      // As with a rename, the answer of a network file system may be that of a second try.
      guard let linked = number(source), number(target) == linked else {
        throw FileError(errno: code, cannot: "write", target)
      }
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
  ///
  /// A link is no folder of our own: what is removed or moved by these names must lie where it seems to.
  public static func names(in url: URL) throws(FileError) -> [String] {
    let path = trimmed(url.path(percentEncoded: false))
    let folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    guard folder >= 0, let stream = fdopendir(folder) else {
      let code = errno
      if folder >= 0 { close(folder) }
      if code == ENOENT { return [] }
      throw FileError(errno: code == ELOOP ? ENOTDIR : code, cannot: "read the folder", path)
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

  /// Whether something of that name is there; throws `FileError` where the disk does not say.
  ///
  /// For decisions that a disk without an answer must not make: nothing is given up, removed or made again over it.
  public static func isThere(_ url: URL) throws(FileError) -> Bool { try known(url) != nil }

  /// Whether two names are of one file, links not followed; false if one of them is not there.
  ///
  /// Throws `FileError` where the disk does not say.
  public static func areOneFile(_ a: URL, _ b: URL) throws(FileError) -> Bool {
    guard let first = try known(a), let second = try known(b) else { return false }
    return first == second
  }

  /// Whether a folder, and no link to one, is there; throws `FileError` where the disk does not say.
  public static func isFolder(_ url: URL) throws(FileError) -> Bool {
    var status = stat()
    let path = trimmed(url.path(percentEncoded: false))
    guard lstat(path, &status) != 0 else { return status.st_mode & S_IFMT == S_IFDIR }
    guard errno == ENOENT || errno == ENOTDIR else { throw FileError(errno: errno, cannot: "look at", path) }
    return false
  }

  private static func known(_ url: URL) throws(FileError) -> [UInt64]? {
    var status = stat()
    let path = trimmed(url.path(percentEncoded: false))
    guard lstat(path, &status) != 0 else { return [UInt64(status.st_dev), UInt64(status.st_ino)] }
    guard errno == ENOENT || errno == ENOTDIR else { throw FileError(errno: errno, cannot: "look at", path) }
    return nil
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
    // Some network file systems report more than anybody has.
    let (bytes, overflow) = UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize))
    return overflow ? .max : Int(clamping: bytes)
  }

  /// The number that a name has in its file system; nil if there is nothing of that name.
  private static func number(_ path: String) -> [UInt64]? {
    var status = stat()
    guard lstat(trimmed(path), &status) == 0 else { return nil }
    return [UInt64(status.st_dev), UInt64(status.st_ino)]
  }

  /// System calls on a link or folder itself take no slash at the end.
  private static func trimmed(_ path: String) -> String {
    path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
  }
}
