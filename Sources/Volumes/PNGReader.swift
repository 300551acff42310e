import CPNG
import DurableFiles
import Foundation
import TensorCore

/// Reads a grey PNG of 1 to 16 bits as a volume of one slice with voxels of 1 mm.
///
/// Libpng's row interface gives the stored samples; gamma and colour profiles do not apply to measurements. Samples of
/// 1, 2 and 4 bits are spread over 0...255.
struct PNGReader {
  private let file: RegularFile
  private static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
  /// Larger files than this are no images that anyone has.
  private static let largestFile = 1 << 30

  init(_ file: RegularFile) { self.file = file }

  static func recognises(_ file: RegularFile) throws -> Bool { try file.read(at: 0, count: 8) == signature }

  func volume(_ options: VolumeReadOptions) throws -> Volume {
    let image = try decoded(options)
    var voxels = Tensor(uninitialized: [1, 1, image.height, image.width])
    voxels.withUnsafeMutableBuffer { target in image.grey(target, from: 0) }
    return Volume(voxels: voxels, affine: .scaling([1, 1, 1]), header: image.header)
  }

  /// What all pixels come to.
  func inspection(_ options: VolumeReadOptions) throws -> VolumeInspection {
    let image = try decoded(options)
    var (statistics, histogram) = (VoxelStatistics(), ValueHistogram())
    withUnsafeTemporaryAllocation(of: Float.self, capacity: image.width) { row in
      for y in 0..<image.height {
        image.grey(row, from: y * image.width)
        statistics.add(UnsafeBufferPointer(row))
        histogram.add(UnsafeBufferPointer(row))
      }
    }
    return VolumeInspection(
      summary: VolumeSummary(
        dimensions: [image.width, image.height, 1, 1], affine: .scaling([1, 1, 1]), header: image.header,
        voxels: statistics),
      textFields: try PNGChunks.textual(in: file), histogram: histogram)
  }

  private func decoded(_ options: VolumeReadOptions) throws -> DecodedPNG {
    let (width, height) = try extents()
    // Colour needs six bytes per pixel while it is converted.
    guard width * height <= options.maximumBytes / 4, file.byteCount <= PNGReader.largestFile else {
      throw VolumeError(
        .tooLarge,
        "\(file.name): \(width) × \(height) pixels are more than the limit of \(options.maximumBytes) bytes allows; "
          + "raise the limit or cut the image")
    }
    let bytes = try file.read(at: 0, count: file.byteCount)
    let (info, samples) = try decode(bytes, convertColour: options.convertColour)
    var header = VolumeHeader(
      format: .png, dataType: info.bit_depth == 16 ? .uint16 : .uint8, integrity: "PNG chunk CRC32 checked")
    if info.colour != 0 { header.warnings.append("W-COLOUR: colour was converted to grey") }
    if info.alpha != 0 { header.warnings.append("W-ALPHA: transparency was dropped") }
    return DecodedPNG(width: width, height: height, isColour: info.colour != 0, header: header, samples: samples)
  }

  /// Width and height from the first chunk, judged before libpng sees the file.
  private func extents() throws -> (width: Int, height: Int) {
    let start = try file.read(at: 8, count: 16)
    guard start.count == 16 else { throw refused(.truncated, "the file ends too early") }
    guard Array(start[0..<8]) == [0, 0, 0, 13] + Array("IHDR".utf8) else { throw refused(.corrupt, "no image header") }
    func number(_ at: Int) -> Int { start[at..<(at + 4)].reduce(0) { $0 << 8 | Int($1) } }
    let (width, height) = (number(8), number(12))
    let limit = 1 << 20
    guard width > 0, height > 0 else { throw refused(.corrupt, "an image of \(width) × \(height) pixels") }
    guard width <= limit, height <= limit else {
      throw VolumeError(.tooLarge, "\(file.name): \(width) × \(height) pixels are too many; cut the image")
    }
    // Deflate cannot expand one byte to more than 1032, and a pixel takes a bit at least.
    guard width * height / 8 <= file.byteCount * 1032 else {
      throw refused(.truncated, "\(width) × \(height) pixels cannot be in \(file.byteCount) bytes")
    }
    return (width, height)
  }

  private func decode(_ bytes: [UInt8], convertColour: Bool) throws -> (cpng_info, [UInt8]) {
    var info = cpng_info()
    var consumed = 0
    var message = [CChar](repeating: 0, count: Int(CPNG_MESSAGE))
    func call(_ pixels: UnsafeMutableRawBufferPointer?) throws {
      let code = cpng_read(
        bytes, bytes.count, 1 << 20, &info, pixels?.baseAddress, pixels?.count ?? 0, &consumed, &message)
      guard code == 0 else {
        let text = message.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        throw refused(text.contains("too early") ? .truncated : .corrupt, FileError.printable(text))
      }
    }
    try call(nil)
    guard info.colour == 0 && info.alpha == 0 || convertColour else {
      throw VolumeError(
        .unsupported, "\(file.name): a PNG with colour or transparency; convert it to grey")
    }
    let channels = info.colour != 0 ? 3 : 1
    let size = Int(info.width) * Int(info.height) * channels * (info.bit_depth == 16 ? 2 : 1)
    var samples = [UInt8](repeating: 0, count: size)
    try samples.withUnsafeMutableBytes { try call($0) }
    guard consumed == bytes.count else {
      throw refused(.corrupt, "\(bytes.count - consumed) bytes after the end of the image")
    }
    return (info, samples)
  }

  private func refused(_ kind: VolumeError.Kind, _ what: String) -> VolumeError {
    VolumeError(kind, "\(file.name): \(what); copy it again from its source")
  }
}

/// The samples of a PNG, grey or three to a pixel.
private struct DecodedPNG {
  let width: Int
  let height: Int
  let isColour: Bool
  let header: VolumeHeader
  let samples: [UInt8]

  /// Grey values of the pixels from `first` on, as many as `target` takes.
  func grey(_ target: UnsafeMutableBufferPointer<Float>, from first: Int) {
    samples.withUnsafeBytes { raw in
      header.dataType == .uint16
        ? grey(raw.bindMemory(to: UInt16.self), target, first) : grey(raw.bindMemory(to: UInt8.self), target, first)
    }
  }

  private func grey<T: FixedWidthInteger>(
    _ samples: UnsafeBufferPointer<T>, _ target: UnsafeMutableBufferPointer<Float>, _ first: Int
  ) {
    guard isColour else {
      for i in 0..<target.count { target[i] = Float(samples[first + i]) }
      return
    }
    for i in 0..<target.count {
      let at = 3 * (first + i)
      let (r, g, b) = (Double(samples[at]), Double(samples[at + 1]), Double(samples[at + 2]))
      target[i] = Float((0.299 * r + 0.587 * g + 0.114 * b).rounded())
    }
  }
}

/// The chunks that a PNG consists of, which libpng has checked.
private enum PNGChunks {
  /// Chunks that say how pixels look and can hold no text.
  private static let harmless: Set = [
    "IHDR", "PLTE", "IDAT", "IEND", "cHRM", "gAMA", "sBIT", "sRGB", "bKGD", "hIST", "tRNS", "pHYs",
  ]

  /// Names of the chunks that hold, or may hold, free text.
  static func textual(in file: RegularFile) throws -> [String] {
    var names: [String] = []
    var position = 8
    while position + 12 <= file.byteCount {
      let start = try file.read(at: position, count: 8)
      let name = String(decoding: start[4...], as: UTF8.self)
      if !harmless.contains(name) && !names.contains(name) { names.append(name) }
      position += 12 + start[..<4].reduce(0) { $0 << 8 | Int($1) }
    }
    return names
  }
}
