public import Foundation
import Synchronization

/// Large tensors in a file without a name, so that they take memory only while they are looked at.
///
/// The file is gone with the process, however it ends. Its pages are given back to the system a hundred times a second, and
/// come back from the system's cache or the disk when they are touched: what stays is a window of whatever is being worked on.
/// Values do not depend on it.
public final class TensorSpill: Sendable {
  /// What the window is taken to need: as much as is touched between two times of giving back, on a busy machine.
  public static let window = 96 << 20

  @TaskLocal static var current: TensorSpill?

  /// Bytes from which a tensor lies in a file.
  private let threshold: Int
  private let folder: String

  private struct State {
    var mapped: [UnsafeMutableRawPointer: Int] = [:]
    var isReclaiming = false
    var largest = 0
    var bytes = 0
  }
  private struct Shared: @unchecked Sendable { var value = State() }
  private let state = Mutex(Shared())

  private init(threshold: Int, folder: URL) {
    self.threshold = threshold
    self.folder = folder.path
  }

  /// Runs `body`, whose tensors of `bytes` and more lie in files on the disk of `folder` as far as that has room.
  ///
  /// Also returns the most bytes that lay there at a time. Holds for what the calling thread allocates.
  public static func during<R>(tensorsFrom bytes: Int, in folder: URL, _ body: () throws -> R) rethrows -> (
    result: R, mostBytes: Int
  ) {
    let spill = TensorSpill(threshold: max(bytes, 1 << 20), folder: folder)
    let result = try $current.withValue(spill) { try body() }
    return (result, spill.state.withLock { $0.value.largest })
  }

  /// Runs `body` with all its tensors in memory: for work that needs every one of them all the time.
  public static func suspended<R>(_ body: () throws -> R) rethrows -> R {
    try $current.withValue(nil) { try body() }
  }

  /// Room for that many bytes in a file; nil for less than what is put there, and where the disk has no room.
  func take(_ bytes: Int) -> UnsafeMutableRawPointer? {
    guard bytes >= threshold else { return nil }
    guard let descriptor = openNameless() else { return nil }
    defer { close(descriptor) }
    // All of it now: a page that finds no room later would end the process.
    guard posix_fallocate(descriptor, 0, off_t(bytes)) == 0,
      let raw = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0), raw != MAP_FAILED
    else { return nil }
    let begins = state.withLock { state in
      state.value.mapped[raw] = bytes
      state.value.bytes += bytes
      state.value.largest = max(state.value.largest, state.value.bytes)
      defer { state.value.isReclaiming = true }
      return !state.value.isReclaiming
    }
    if begins { Thread.detachNewThread { self.reclaim() } }
    return raw
  }

  /// Gives the room back.
  func give(_ pointer: UnsafeMutableRawPointer) {
    state.withLock { state in
      guard let bytes = state.value.mapped.removeValue(forKey: pointer) else { return }
      munmap(pointer, bytes)
      state.value.bytes -= bytes
    }
  }

  /// A file that never has a name, or where file systems know no such thing loses it at once.
  private func openNameless() -> Int32? {
    // Linux's O_TMPFILE, which Swift does not see.
    let nameless = open(folder, 0o20_000_000 | O_DIRECTORY | O_RDWR | O_CLOEXEC, 0o600)
    if nameless >= 0 { return nameless }
    var template = Array("\(folder)/.pellucid-spill-XXXXXX".utf8CString)
    let named = mkstemp(&template)
    guard named >= 0 else { return nil }
    _ = fcntl(named, F_SETFD, FD_CLOEXEC)
    unlink(template)
    return named
  }

  /// Until nothing is there any more, gives pages back.
  private func reclaim() {
    while true {
      usleep(10_000)
      let goesOn = state.withLock { state in
        for (pointer, bytes) in state.value.mapped { madvise(pointer, bytes, MADV_DONTNEED) }
        if state.value.mapped.isEmpty { state.value.isReclaiming = false }
        return state.value.isReclaiming
      }
      guard goesOn else { return }
    }
  }
}
