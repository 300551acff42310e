import CPosix
public import Foundation
import Glibc

/// What the file system says of one entry of a folder.
public struct FolderEntry: Sendable {
  /// What an entry is.
  public enum Kind: Sendable { case file, folder, other }
  /// Its name.
  public let name: [UInt8]
  /// What it is; symbolic links, pipes, sockets and devices are `other`.
  public let kind: Kind
  /// What changes when the content does.
  public let signature: FileSignature
}

/// What the file system says of a file that changes when somebody writes to it or puts another in its place.
///
/// Times are compared for equality, and with a clock only where an hour does not matter; those beyond 1677 to 2262, which a file may well have, wrap
/// round.
public struct FileSignature: Hashable, Sendable, Codable {
  /// Length in bytes.
  public let size: Int
  /// Time of the last change of content, as the file system has it, in ns.
  public let modified: Int
  /// Time of the last change of anything, which no program can set back, in ns.
  public let changed: Int
  /// Which file of its file system it is.
  public let inode: UInt64

  init(_ status: stat) {
    size = Int(status.st_size)
    modified = status.st_mtim.tv_sec &* 1_000_000_000 &+ status.st_mtim.tv_nsec
    changed = status.st_ctim.tv_sec &* 1_000_000_000 &+ status.st_ctim.tv_nsec
    inode = UInt64(status.st_ino)
  }
}

/// An open folder below which names are resolved, and out of which no name leads: no symbolic link is followed.
public final class BoundFolder: Sendable {
  /// Where the folder was when it was opened.
  public let url: URL
  private let descriptor: Int32

  /// Opens a folder; throws `FileError`.
  public init(_ url: URL) throws(FileError) {
    self.url = url
    let path = url.path(percentEncoded: false)
    descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw FileError(errno: errno, cannot: "read the folder", path) }
  }

  deinit { close(descriptor) }

  /// The entries of a folder below this one, sorted by name; what vanishes meanwhile is left out.
  public func entries(of path: RelativePath = RelativePath()) throws(FileError) -> [FolderEntry] {
    let opened = try openBeneath(path)
    guard let stream = fdopendir(opened) else {
      let code = errno
      close(opened)
      throw FileError(errno: code, cannot: "read the folder", path.description)
    }
    defer { closedir(stream) }
    var entries: [FolderEntry] = []
    while true {
      errno = 0
      guard let entry = readdir(stream) else {
        guard errno == 0 else { throw FileError(errno: errno, cannot: "read the folder", path.description) }
        break
      }
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
      if name == [46] || name == [46, 46] { continue }
      var status = stat()
      let found = (name + [0]).withUnsafeBytes {
        fstatat(dirfd(stream), $0.assumingMemoryBound(to: CChar.self).baseAddress!, &status, AT_SYMLINK_NOFOLLOW)
      }
      guard found == 0 else { continue }
      let kind: FolderEntry.Kind =
        switch status.st_mode & S_IFMT {
        case S_IFREG: .file
        case S_IFDIR: .folder
        default: .other
        }
      entries.append(FolderEntry(name: name, kind: kind, signature: FileSignature(status)))
    }
    return entries.sorted { $0.name.lexicographicallyPrecedes($1.name) }
  }

  /// Opens a regular file below this folder; throws `FileError`, `.invalidName` for a way out of the folder.
  public func file(_ path: RelativePath) throws(FileError) -> RegularFile {
    try RegularFile(descriptor: openBeneath(path), name: path.description)
  }

  /// Whether something of that name is there, whatever it is.
  public func holds(_ path: RelativePath) -> Bool {
    var status = stat()
    return path.withCString { fstatat(descriptor, $0, &status, AT_SYMLINK_NOFOLLOW) } == 0
  }

  func openBeneath(_ path: RelativePath) throws(FileError) -> Int32 {
    var opened: Int32 = -1
    let code = path.withCString { cposix_open_beneath(descriptor, $0, &opened) }
    if code == EXDEV || code == ELOOP {
      throw FileError(.invalidName, "\(path) leads out of its folder or through a symbolic link; give the file itself")
    }
    guard code == 0 else { throw FileError(errno: code, cannot: "read", path.description) }
    return opened
  }
}
