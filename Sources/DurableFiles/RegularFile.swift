import CPosix
public import Foundation
import Glibc

/// A regular file opened for reading at any position.
///
/// Opening never blocks: pipes, sockets, devices and folders are refused, and what was checked is what is read,
/// because the check is made on the open descriptor. Symbolic links are followed.
public final class RegularFile: Sendable {
  /// Length in bytes when it was opened.
  public let byteCount: Int
  /// The path in a form that fits a one-line message.
  public let name: String
  private let descriptor: Int32

  /// Opens a file; throws `FileError`.
  public convenience init(_ url: URL) throws(FileError) {
    let path = url.path(percentEncoded: false)
    var opened: Int32
    repeat { opened = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY) } while opened < 0 && errno == EINTR
    guard opened >= 0 else { throw FileError(errno: errno, cannot: "read", path) }
    try self.init(descriptor: opened, name: FileError.printable(path))
  }

  /// Opens a file; nil if nothing, or no regular file, has that name.
  ///
  /// Any other failure is thrown: what cannot be read now is not gone.
  public static func ifThere(_ url: URL) throws(FileError) -> RegularFile? {
    do { return try RegularFile(url) } catch {
      guard [.notFound, .notAFolder, .notARegularFile].contains(error.kind) else { throw error }
      return nil
    }
  }

  /// Takes over an open descriptor, and closes it if it is no regular file.
  init(descriptor: Int32, name: String) throws(FileError) {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      let code = errno
      close(descriptor)
      throw FileError(errno: code, cannot: "read", name)
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      let what = status.st_mode & S_IFMT == S_IFDIR ? "a folder" : "a pipe, socket or device"
      throw FileError(.notARegularFile, "cannot read \(name): it is \(what); give a regular file")
    }
    self.descriptor = descriptor
    self.name = name
    byteCount = Int(status.st_size)
  }

  deinit { close(descriptor) }

  /// Fills the start of `buffer` with what stands at `offset` and returns how many bytes there were: fewer than asked
  /// for only at the end of the file.
  public func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileError) -> Int {
    var done = 0
    while done < buffer.count {
      let got = pread(descriptor, buffer.baseAddress! + done, buffer.count - done, off_t(offset + done))
      if got == 0 { break }
      if got < 0 {
        if errno == EINTR { continue }
        throw FileError(errno: errno, cannot: "read", name)
      }
      done += got
    }
    return done
  }

  /// The bytes from `offset` on, `count` of them or as many as the file has.
  public func read(at offset: Int, count: Int) throws -> [UInt8] {
    let available = max(0, min(count, byteCount - offset))
    var bytes = [UInt8](repeating: 0, count: available)
    let got = try bytes.withUnsafeMutableBytes { try read(into: $0, at: offset) }
    if got < available { bytes.removeLast(available - got) }
    return bytes
  }

  /// What the file system says of the open file now.
  public func signature() throws(FileError) -> FileSignature {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw FileError(errno: errno, cannot: "read", name) }
    return FileSignature(status)
  }

  /// Who may do what with the file, as the file system has it.
  public func permissions() throws(FileError) -> mode_t {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw FileError(errno: errno, cannot: "read", name) }
    return status.st_mode & 0o7777
  }

  /// Whether another process on this machine has the file open for writing, as far as that can be told.
  public var hasWriter: Bool { cposix_has_writer(descriptor) == 1 }

  /// Makes `target`, which must be empty, share this file's blocks; false where the file system cannot.
  package func share(with target: Int32) -> Bool { cposix_clone_file(descriptor, target) == 0 }
}
