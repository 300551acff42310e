import CPosix
public import Foundation
import Glibc

/// Changes below a bound folder; like reading, none leads out of it. All throw `FileError`.
extension BoundFolder {
  /// Writes a small file whole or not at all; what has its name is replaced, or kept by throwing `.exists`.
  public func write(_ data: Data, to path: RelativePath, ifExists: AtomicFile.IfExists = .replace) throws(FileError) {
    try inFolder(of: path) { folder throws(FileError) in
      let temporary = ".pellucid-\(String(UInt64.random(in: .min ... .max), radix: 16)).tmp"
      let file = openat(folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o666)
      guard file >= 0 else { throw FileError(errno: errno, cannot: "write", path.description) }
      var failure = Self.write(data, to: file)
      if failure == 0, fsync(file) != 0 { failure = errno }
      if close(file) != 0, failure == 0 { failure = errno }
      if failure == 0 {
        failure = path.withLastName {
          switch ifExists {
          case .replace: renameat(folder, temporary, folder, $0) == 0 ? 0 : errno
          case .fail: cposix_rename_noreplace_at(folder, temporary, folder, $0)
          }
        }
      }
      guard failure == 0 else {
        unlinkat(folder, temporary, 0)
        throw FileError(errno: failure, cannot: "write", path.description)
      }
      try Self.flush(folder, path)
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
        try Self.flush(to, target)
        try Self.flush(from, path)
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
      try Self.flush(folder, path)
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
      try Self.flush(folder, path)
    }
  }

  /// Removes a folder, if it is empty; nothing happens if it is not, or is not there.
  public func removeFolder(_ path: RelativePath) throws(FileError) {
    try inFolder(of: path) { folder throws(FileError) in
      let removed = path.withLastName { unlinkat(folder, $0, AT_REMOVEDIR) }
      guard removed == 0 || errno == ENOENT || errno == ENOTEMPTY || errno == EEXIST else {
        throw FileError(errno: errno, cannot: "remove the folder", path.description)
      }
      if removed == 0 { try Self.flush(folder, path) }
    }
  }

  /// Flushes an open folder's entries; a file system that cannot (EINVAL) has no more to give.
  private static func flush(_ folder: Int32, _ path: RelativePath) throws(FileError) {
    while fsync(folder) != 0 {
      if errno == EINTR { continue }
      guard errno == EINVAL else { throw FileError(errno: errno, cannot: "flush the folder of", path.description) }
      return
    }
  }

  private func inFolder(of path: RelativePath, _ body: (Int32) throws(FileError) -> Void) throws(FileError) {
    let folder = try openBeneath(path.folder)
    defer { close(folder) }
    try body(folder)
  }
}

extension FileSignature {
  /// Whether it is the same file with the same content; a rename changes nothing here.
  public func isOfSameContent(as other: FileSignature) -> Bool {
    size == other.size && modified == other.modified && inode == other.inode
  }
}

extension RelativePath {
  fileprivate func withLastName<R>(_ body: (UnsafePointer<CChar>) -> R) -> R {
    ((names.last ?? []) + [0]).withUnsafeBytes { body($0.assumingMemoryBound(to: CChar.self).baseAddress!) }
  }
}
