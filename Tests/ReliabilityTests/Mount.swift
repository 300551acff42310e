import Foundation
import Glibc

/// A small file system in memory: how a disk that is full or read-only is had, where one may mount.
enum Mount {
  /// Whether this process may mount (it is root, and the sandbox around it allows it).
  static let isPossible: Bool = {
    guard geteuid() == 0 else { return false }
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("pellucid-mount-\(UUID().uuidString)")
    try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { rmdir(folder.path) }
    guard mount("tmpfs", folder.path, "tmpfs", 0, "size=16k") == 0 else { return false }
    umount2(folder.path, Int32(MNT_DETACH))
    return true
  }()

  /// Runs `body` while a tmpfs with these options lies at `folder`.
  static func with(_ options: String, at folder: URL, _ body: () throws -> Void) throws {
    let readOnly = options.split(separator: ",").contains("ro")
    let flags = readOnly ? UInt(MS_RDONLY) : 0
    let rest = options.split(separator: ",").filter { $0 != "ro" }.joined(separator: ",")
    guard mount("tmpfs", folder.path, "tmpfs", flags, rest) == 0 else { throw POSIXError(.EPERM) }
    defer { umount2(folder.path, Int32(MNT_DETACH)) }
    try body()
  }
}
