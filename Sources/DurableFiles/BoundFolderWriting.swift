import CPosix
public import Foundation
import Glibc

/// Changes below a bound folder; like reading, none leads out of it. All throw `FileError`.
extension BoundFolder {
  /// Writes a small file whole or not at all, in the place of what has its name.
  public func write(_ data: Data, to path: RelativePath) throws(FileError) {
    try inFolder(of: path) { folder throws(FileError) in
      let temporary = ".pellucid-\(String(UInt64.random(in: .min ... .max), radix: 16)).tmp"
      let file = openat(folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o666)
      guard file >= 0 else { throw FileError(errno: errno, cannot: "write", path.description) }
      var failure = Self.write(data, to: file)
      if failure == 0, fsync(file) != 0 { failure = errno }
      if close(file) != 0, failure == 0 { failure = errno }
      if failure == 0, path.withLastName({ renameat(folder, temporary, folder, $0) }) != 0 { failure = errno }
      guard failure == 0 else {
        unlinkat(folder, temporary, 0)
        throw FileError(errno: failure, cannot: "write", path.description)
      }
      fsync(folder)
    }
  }

  /// Writes all of it; returns an errno value.
  private static func write(_ data: Data, to file: Int32) -> Int32 {
    data.withUnsafeBytes { bytes in
      var done = 0
      while done < bytes.count {
        let put = Glibc.write(file, bytes.baseAddress! + done, bytes.count - done)
        if put < 0, errno == EINTR { continue }
        if put < 0 { return errno }
        done += put
      }
      return 0
    }
  }

  /// Renames a file; fails with `.exists` if the new name is taken.
  ///
  /// Folders of the new name must be there.
  public func move(_ path: RelativePath, to target: RelativePath) throws(FileError) {
    try inFolder(of: path) { from throws(FileError) in
      try inFolder(of: target) { to throws(FileError) in
        let code = path.withLastName { old in
          target.withLastName { new in cposix_rename_noreplace_at(from, old, to, new) }
        }
        guard code == 0 else { throw FileError(errno: code, cannot: "rename", path.description) }
        fsync(to)
        fsync(from)
      }
    }
  }

  /// Gives a file from elsewhere a second name below this folder; fails with `.exists` if the name is taken.
  public func link(_ source: URL, as path: RelativePath) throws(FileError) {
    try inFolder(of: path) { folder throws(FileError) in
      let from = source.path(percentEncoded: false)
      guard path.withLastName({ linkat(AT_FDCWD, from, folder, $0, 0) }) == 0 else {
        throw FileError(errno: errno, cannot: "write", path.description)
      }
      fsync(folder)
    }
  }

  /// Removes a file; nothing happens if it is not there.
  public func remove(_ path: RelativePath) throws(FileError) {
    try inFolder(of: path) { folder throws(FileError) in
      guard path.withLastName({ unlinkat(folder, $0, 0) }) == 0 || errno == ENOENT else {
        throw FileError(errno: errno, cannot: "remove", path.description)
      }
      fsync(folder)
    }
  }

  /// Makes a folder and those above it, where they are missing.
  public func makeFolders(_ path: RelativePath) throws(FileError) {
    guard !path.names.isEmpty, !holds(path) else { return }
    try makeFolders(path.folder)
    try inFolder(of: path) { folder throws(FileError) in
      guard path.withLastName({ mkdirat(folder, $0, 0o777) }) == 0 || errno == EEXIST else {
        throw FileError(errno: errno, cannot: "make the folder", path.description)
      }
      fsync(folder)
    }
  }

  private func inFolder(of path: RelativePath, _ body: (Int32) throws(FileError) -> Void) throws(FileError) {
    let folder = try openBeneath(path.folder)
    defer { close(folder) }
    try body(folder)
  }
}

extension RelativePath {
  fileprivate func withLastName<R>(_ body: (UnsafePointer<CChar>) -> R) -> R {
    ((names.last ?? []) + [0]).withUnsafeBytes { body($0.assumingMemoryBound(to: CChar.self).baseAddress!) }
  }
}
