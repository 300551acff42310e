import CPosix
public import Foundation
import Glibc

/// A file that appears under its final name whole or not at all, also across a crash or a power cut.
///
/// The recipe, in the only place that has it: a temporary name in the same folder, write, check the length, fsync,
/// close, rename, fsync the folder. Whatever fails, the temporary file is removed and the error says what to do.
///
///     try AtomicFile.write(data, to: url)                          // data in memory
///     try AtomicFile.write(to: url) { try $0.write(piece) }        // in pieces
///
/// Steps can also be taken one by one, to look at the finished bytes before they get their name:
/// `init`, `write` …, `seal`, (read `temporaryURL`), `commit`.
public final class AtomicFile {
  /// What to do when the final name is taken.
  public enum IfExists: String, Sendable, CaseIterable {
    /// Put the new file in its place (a symbolic link is replaced, not followed).
    case replace
    /// Throw `FileError.exists` and leave what is there untouched, even if it appears at the last moment.
    case fail
  }

  /// Where the file will appear.
  public let url: URL
  /// Where the bytes stand until then; starts with a dot and ends in `.tmp`.
  public let temporaryURL: URL
  /// Bytes written so far.
  public private(set) var byteCount = 0
  /// Whether the file stands under its final name: true from the rename on, even if flushing the folder then fails.
  public private(set) var isInPlace = false

  private enum State { case writing(Int32), sealed, over }
  private let ifExists: IfExists
  private var state: State
  /// The file's number in its file system, once it is sealed.
  private var number: ino_t = 0
  private var path: String { url.path(percentEncoded: false) }
  private var temporaryPath: String { temporaryURL.path(percentEncoded: false) }

  /// Creates the temporary file beside `url`; throws `FileError` (also when the name is taken and must stay).
  public init(to url: URL, ifExists: IfExists = .replace) throws(FileError) {
    let target = url.path(percentEncoded: false)
    var status = stat()
    if lstat(target, &status) == 0 {
      if status.st_mode & S_IFMT == S_IFDIR { throw FileError(errno: EISDIR, cannot: "write", target) }
      if ifExists == .fail { throw FileError(errno: EEXIST, cannot: "write", target) }
    }
    self.url = url
    self.ifExists = ifExists
    let unique = String(UInt64.random(in: .min ... .max), radix: 16)
    temporaryURL = url.deletingLastPathComponent().appendingPathComponent(".pellucid-\(unique).tmp")
    let temporary = temporaryURL.path(percentEncoded: false)
    var opened: Int32
    repeat {
      opened = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o666)
    } while opened < 0 && errno == EINTR
    guard opened >= 0 else {
      let code = errno
      state = .over
      if code == ENOENT {
        throw FileError(
          .notAFolder, "cannot write \(FileError.printable(target)): its folder does not exist; make it first")
      }
      throw FileError(errno: code, cannot: "write", target)
    }
    state = .writing(opened)
  }

  deinit { discard() }

  /// Appends bytes.
  public func write(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
    guard case .writing(let descriptor) = state else { preconditionFailure("write after the end") }
    var done = 0
    while done < bytes.count {
      let put = Glibc.write(descriptor, bytes.baseAddress! + done, min(bytes.count - done, 1 << 30))
      if put < 0 {
        if errno == EINTR { continue }
        throw failed(errno)
      }
      done += put
    }
    byteCount += bytes.count
  }

  /// Appends data.
  public func write(_ data: Data) throws {
    try data.withUnsafeBytes { try write($0) }
  }

  /// Appends bytes.
  public func write(_ bytes: [UInt8]) throws {
    try bytes.withUnsafeBytes { try write($0) }
  }

  /// Takes over the content of a file, by sharing its blocks where the file system can, and returns its digest.
  ///
  /// Only for a file that nothing was written to yet; `progress` is called for every piece. Throws `FileError`.
  public func copy(_ source: RegularFile, progress: () -> Void = {}) throws -> String {
    guard case .writing(let descriptor) = state, byteCount == 0 else {
      preconditionFailure("copy into a file with content")
    }
    guard source.byteCount > 0, source.share(with: descriptor) else {
      return try copyBytes(source, progress)
    }
    let copy = try RegularFile(temporaryURL)
    byteCount = copy.byteCount
    return try ContentDigest.sha256(of: copy, progress: progress)
  }

  private func copyBytes(_ source: RegularFile, _ progress: () -> Void) throws -> String {
    var digest = ContentDigest()
    var piece = [UInt8](repeating: 0, count: 1 << 20)
    while true {
      let offset = byteCount
      let got = try piece.withUnsafeMutableBytes { buffer in
        let got = try source.read(into: buffer, at: offset)
        let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<got])
        digest.update(bytes)
        try write(bytes)
        return got
      }
      progress()
      if got < piece.count { return digest.hex }
    }
  }

  /// Checks the length, flushes to the disk and closes: no more writing.
  ///
  /// The bytes can then be read at `temporaryURL`.
  public func seal() throws(FileError) {
    guard case .writing(let descriptor) = state else { preconditionFailure("sealed twice") }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw failed(errno) }
    guard Int(status.st_size) == byteCount else {
      discard()
      throw FileError(
        .io,
        "cannot write \(FileError.printable(path)): \(status.st_size) of \(byteCount) bytes arrived; check the disk")
    }
    number = status.st_ino
    while fsync(descriptor) != 0 { if errno != EINTR { throw failed(errno) } }
    state = .sealed
    // On network file systems a full disk may show only now.
    if close(descriptor) != 0 && errno != EINTR { throw failed(errno) }
  }

  /// Gives the file its name and flushes the folder.
  ///
  /// Seals first if that was not done. If it throws while `isInPlace` is true, the file has its name, but a power cut
  /// may still take it away.
  public func commit() throws(FileError) {
    if case .writing = state { try seal() }
    guard case .sealed = state else { preconditionFailure("committed twice") }
    switch ifExists {
    case .replace: if rename(temporaryPath, path) != 0 { try lookAgain(errno) }
    case .fail:
      let code = cposix_rename_noreplace(temporaryPath, path)
      if code != 0 { try lookAgain(code) }
    }
    state = .over
    isInPlace = true
    let code = cposix_fsync_folder(url.deletingLastPathComponent().path(percentEncoded: false))
    if code != 0 { throw FileError(errno: code, cannot: "flush the folder of", path) }
  }

  /// A network file system may rename, lose the answer and report a failure: the name says whether it is so.
  private func lookAgain(_ code: Int32) throws(FileError) {
    var status = stat()
    guard lstat(path, &status) == 0, status.st_ino == number else { throw failed(code) }
    unlink(temporaryPath)
  }

  /// Removes the temporary file; nothing happens after `commit`.
  public func discard() {
    if case .writing(let descriptor) = state { close(descriptor) }
    if case .over = state { return }
    state = .over
    unlink(temporaryPath)
  }

  private func failed(_ code: Int32) -> FileError {
    discard()
    return FileError(errno: code, cannot: "write", path)
  }

  /// Writes data as a whole; throws `FileError`.
  public static func write(_ data: Data, to url: URL, ifExists: IfExists = .replace) throws {
    try write(to: url, ifExists: ifExists) { try $0.write(data) }
  }

  /// Writes a file in pieces: it appears when `body` returns, and not at all when `body` throws.
  ///
  /// Throws what `body` throws and what `commit` does.
  public static func write<R>(to url: URL, ifExists: IfExists = .replace, _ body: (AtomicFile) throws -> R) throws -> R
  {
    let file = try AtomicFile(to: url, ifExists: ifExists)
    do {
      let result = try body(file)
      try file.commit()
      return result
    } catch {
      file.discard()
      throw error
    }
  }
}
