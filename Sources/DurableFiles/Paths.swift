public import Foundation
import Glibc

/// Whether two paths lead to one file: by name, by symbolic or by hard link.
///
/// Neither needs to exist.
public func leadToSameFile(_ a: URL, _ b: URL) -> Bool {
  func identity(_ url: URL) -> [UInt64]? {
    var status = stat()
    guard stat(url.path(percentEncoded: false), &status) == 0 else { return nil }
    return [UInt64(status.st_dev), UInt64(status.st_ino)]
  }
  if let first = identity(a), first == identity(b) { return true }
  return a.standardizedFileURL.resolvingSymlinksInPath() == b.standardizedFileURL.resolvingSymlinksInPath()
}

/// Makes a folder and those above it, where they are missing; throws `FileError`.
public func makeFolder(_ url: URL) throws(FileError) {
  let path = url.path(percentEncoded: false)
  if mkdir(path, 0o777) == 0 { return }
  let code = errno
  var status = stat()
  if code == EEXIST, stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { return }
  let above = url.deletingLastPathComponent()
  // Each call's own error says why: trying again would tell of another.
  guard code == ENOENT, above.path.count < url.path.count else {
    throw FileError(errno: code == EEXIST ? ENOTDIR : code, cannot: "make the folder", path)
  }
  try makeFolder(above)
  guard mkdir(path, 0o777) != 0 else { return }
  let second = errno
  guard second == EEXIST else { throw FileError(errno: second, cannot: "make the folder", path) }
}
