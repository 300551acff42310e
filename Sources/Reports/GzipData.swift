import CZlib
import Foundation

/// Gzip in memory, for what a page carries.
enum GzipData {
  /// 15 + 16: the largest window, in a gzip frame.
  private static let window: Int32 = 31
  private static let size = Int32(MemoryLayout<z_stream>.size)

  /// The same bytes give the same frame: without name and time.
  static func compressed(_ data: Data) -> Data {
    var stream = z_stream()
    let code = deflateInit2_(&stream, 9, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, size)
    precondition(code == Z_OK, "zlib could not start")
    defer { deflateEnd(&stream) }
    var out = [UInt8](repeating: 0, count: Int(deflateBound(&stream, UInt(data.count))))
    let end = feed(&stream, data, into: &out) { deflate(&$0, Z_FINISH) }
    precondition(end == Z_STREAM_END, "zlib's own bound was too small")
    return Data(out.prefix(Int(stream.total_out)))
  }

  /// What was compressed; nil where it is damaged or larger than `limit`.
  static func inflated(_ data: Data, limit: Int) -> Data? {
    var stream = z_stream()
    guard inflateInit2_(&stream, window, ZLIB_VERSION, size) == Z_OK else { return nil }
    defer { inflateEnd(&stream) }
    var out = [UInt8](repeating: 0, count: limit)
    guard feed(&stream, data, into: &out, { inflate(&$0, Z_FINISH) }) == Z_STREAM_END else { return nil }
    return Data(out.prefix(Int(stream.total_out)))
  }

  private static func feed(
    _ stream: inout z_stream, _ data: Data, into out: inout [UInt8], _ step: (inout z_stream) -> Int32
  ) -> Int32 {
    precondition(data.count < Int(UInt32.max) && out.count < Int(UInt32.max))
    return data.withUnsafeBytes { source in
      out.withUnsafeMutableBufferPointer { target in
        // zlib's header is not const-correct; it only reads.
        stream.next_in = UnsafeMutablePointer(mutating: source.bindMemory(to: UInt8.self).baseAddress)
        stream.avail_in = UInt32(source.count)
        stream.next_out = target.baseAddress
        stream.avail_out = UInt32(target.count)
        return step(&stream)
      }
    }
  }
}
