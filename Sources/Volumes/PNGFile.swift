import CPNG
public import Foundation

/// PNG bytes of pictures for people, in memory; volumes go through `VolumeFile`.
public enum PNGFile {
  /// A grey picture of 8 bits per pixel, rows from the top; the same pixels give the same bytes.
  public static func encode(_ pixels: [UInt8], width: Int, height: Int) throws -> Data {
    precondition(width > 0 && height > 0 && pixels.count == width * height)
    var message = [CChar](repeating: 0, count: Int(CPNG_MESSAGE))
    let target = Target()
    let sink: cpng_sink = { context, bytes, count in
      let target = Unmanaged<Target>.fromOpaque(context!).takeUnretainedValue()
      if let bytes { target.data.append(bytes, count: count) }
      return 0
    }
    let code = withExtendedLifetime(target) {
      cpng_write(
        pixels, UInt32(width), UInt32(height), 8, 9, NIfTIHeaderForOutput.description, sink,
        Unmanaged.passUnretained(target).toOpaque(), &message)
    }
    guard code == 0 else {
      let reason = message.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
      throw VolumeError(.notRepresentable, "cannot make a PNG of \(width) × \(height) pixels: \(reason)")
    }
    return target.data
  }

  /// Carries the bytes through C.
  private final class Target { var data = Data() }
}
