import DurableFiles
import Foundation

/// The kernel's notices that something happened in a folder: a hint to look, never the only reason to.
///
/// Network shares give none for what other machines do, queues overflow, and watches run out: then there is simply no
/// hint.
final class FolderNotices {
  let descriptor: Int32
  private let root: URL
  private var watched: Set<RelativePath> = []

  init(_ root: URL) {
    self.root = root
    descriptor = inotify_init1(Int32(IN_NONBLOCK) | Int32(IN_CLOEXEC))
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  func watch(_ path: RelativePath) {
    guard descriptor >= 0, path.isText, watched.insert(path).inserted else { return }
    let folder =
      path.names.isEmpty
      ? root.path(percentEncoded: false)
      : root.path(percentEncoded: false) + "/"
        + String(decoding: path.bytes, as: UTF8.self)
    let events =
      UInt32(IN_CLOSE_WRITE) | UInt32(IN_MOVED_TO) | UInt32(IN_CREATE) | UInt32(IN_DONT_FOLLOW) | UInt32(IN_ONLYDIR)
    _ = inotify_add_watch(descriptor, folder, events)
  }

  /// Takes what has come, whatever it says: the look that follows sees everything.
  func clear() {
    guard descriptor >= 0 else { return }
    var buffer = [UInt8](repeating: 0, count: 1 << 14)
    while read(descriptor, &buffer, buffer.count) > 0 {}
  }
}
