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
  let made: Void? = try? FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  guard made == nil else { return }
  // Once more by the system call, whose error says why.
  guard mkdir(path, 0o777) != 0 else { return }
  let code = errno
  throw FileError(errno: code == EEXIST ? ENOTDIR : code, cannot: "make the folder", path)
}
