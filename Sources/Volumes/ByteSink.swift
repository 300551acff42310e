import CZlib
import DurableFiles

/// Bytes on their way into a file, gzip-compressed if asked for.
///
/// The same bytes give the same file: the gzip header has no name and no time.
final class ByteSink {
  private let file: AtomicFile
  private let stream: UnsafeMutablePointer<z_stream>?
  private var output = [UInt8](repeating: 0, count: 1 << 16)

  /// `compressionLevel` nil means plain bytes.
  init(_ file: AtomicFile, compressionLevel: Int?) {
    self.file = file
    guard let compressionLevel else {
      stream = nil
      return
    }
    let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    stream.initialize(to: z_stream())
    // 15 + 16: the largest window, in a gzip frame.
    let code = deflateInit2_(
      stream, Int32(compressionLevel), Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
      Int32(MemoryLayout<z_stream>.size))
    precondition(code == Z_OK, "zlib could not start; is the level 0...9?")
    self.stream = stream
  }

  deinit {
    if let stream {
      deflateEnd(stream)
      stream.deallocate()
    }
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    guard stream != nil else { return try file.write(bytes) }
    var start = 0
    while start < bytes.count {
      let part = UnsafeRawBufferPointer(rebasing: bytes[start..<min(start + 1 << 30, bytes.count)])
      try deflate(part, Z_NO_FLUSH)
      start += part.count
    }
  }

  func write(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try write($0) } }

  /// Ends the compressed stream and seals the file.
  func finish() throws {
    if stream != nil { try deflate(UnsafeRawBufferPointer(start: nil, count: 0), Z_FINISH) }
    try file.seal()
  }

  private func deflate(_ bytes: UnsafeRawBufferPointer, _ flush: Int32) throws {
    guard let stream else { return }
    // zlib's header is not const-correct; it only reads.
    stream.pointee.next_in = UnsafeMutablePointer(mutating: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
    stream.pointee.avail_in = UInt32(bytes.count)
    while true {
      try output.withUnsafeMutableBufferPointer { buffer in
        stream.pointee.next_out = buffer.baseAddress
        stream.pointee.avail_out = UInt32(buffer.count)
        let code = CZlib.deflate(stream, flush)
        precondition(code != Z_STREAM_ERROR, "zlib was misused")
        let count = buffer.count - Int(stream.pointee.avail_out)
        try file.write(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: UnsafeBufferPointer(buffer)[..<count])))
      }
      if stream.pointee.avail_out > 0 { return }
    }
  }
}
