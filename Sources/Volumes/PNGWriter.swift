import CPNG
import DurableFiles
import Foundation
import TensorCore

/// Writes a single slice as a grey PNG of 8 or 16 bits, rows as stored.
///
/// PNG knows no slope: values are rounded to whole numbers. For an image that came from a PNG, values that a model pushed
/// out of the range are clamped and counted; other volumes must fit, because clamped HU would be worthless.
struct PNGWriter {
  private let volume: Volume
  private let options: VolumeWriteOptions

  init(_ volume: Volume, options: VolumeWriteOptions) {
    self.volume = volume
    self.options = options
  }

  func stage(to url: URL) throws -> StagedVolume {
    guard volume.slices == 1, volume.frames == 1 else {
      throw refused("\(volume.slices) slices and \(volume.frames) frames do not fit into one PNG", "write .nii.gz")
    }
    guard volume.rows <= 1 << 20, volume.columns <= 1 << 20 else {
      throw refused("\(volume.columns) × \(volume.rows) pixels are too many for a PNG", "write .nii.gz")
    }
    let scaling = StorageScaling(dataType: try dataType(), slope: 1, intercept: 0)
    var encoder = VoxelEncoder(scaling: scaling, bigEndian: 1.bigEndian == 1)
    var samples: [UInt8] = []
    volume.voxels.withUnsafeBuffer { encoder.encode($0) { samples.append(contentsOf: $0) } }
    if encoder.clampedCount > 0 && volume.header.format != .png {
      throw refused("\(encoder.clampedCount) values do not fit into \(scaling.dataType.rawValue)", "write .nii.gz")
    }
    let file = try AtomicFile(to: url, ifExists: options.ifExists)
    try encode(samples, bitDepth: 8 * scaling.dataType.byteCount, into: file)
    try file.seal()
    let readBack = try verify(file, encoder)
    let report = WriteReport(
      files: [try WriteReport.File(file)], sha256Voxels: readBack.sha256, dataType: scaling.dataType, slope: 1,
      intercept: 0, roundTripError: readBack.roundTripError, clampedCount: encoder.clampedCount)
    return StagedVolume(report: report, files: [file])
  }

  private func dataType() throws -> VoxelDataType {
    switch options.dataType {
    case .input: return volume.header.dataType == .uint8 ? .uint8 : .uint16
    case .type(.uint8): return .uint8
    case .type(.uint16): return .uint16
    case .type(let other): throw refused("a PNG cannot hold \(other.rawValue)", "choose uint8 or uint16")
    }
  }

  private func encode(_ samples: [UInt8], bitDepth: Int, into file: AtomicFile) throws {
    let target = Target(file)
    var message = [CChar](repeating: 0, count: Int(CPNG_MESSAGE))
    let sink: cpng_sink = { context, bytes, count in
      let target = Unmanaged<Target>.fromOpaque(context!).takeUnretainedValue()
      do {
        try target.file.write(UnsafeRawBufferPointer(start: bytes, count: count))
        return 0
      } catch {
        target.failure = error
        return 1
      }
    }
    let code = withExtendedLifetime(target) {
      cpng_write(
        samples, UInt32(volume.columns), UInt32(volume.rows), Int32(bitDepth), Int32(options.compressionLevel),
        NIfTIHeaderForOutput.description, sink, Unmanaged.passUnretained(target).toOpaque(), &message)
    }
    if let failure = target.failure { throw failure }
    guard code == 0 else {
      throw refused(message.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }, "write .nii.gz")
    }
  }

  private func verify(_ file: AtomicFile, _ encoder: VoxelEncoder) throws -> ReadBack {
    let read = try PNGReader(RegularFile(file.temporaryURL)).volume(VolumeReadOptions(maximumBytes: .max))
    guard read.voxels.shape == volume.voxels.shape else {
      throw VolumeError(.verification, "the image written does not read back; check the disk and try again")
    }
    var readBack = ReadBack()
    try read.voxels.withUnsafeBuffer { piece in
      try volume.voxels.withUnsafeBuffer { asked in
        try readBack.take(piece, asked: asked, expected: encoder.expected)
      }
    }
    return readBack
  }

  private func refused(_ what: String, _ remedy: String) -> VolumeError {
    VolumeError(.notRepresentable, "cannot write a PNG: \(what); \(remedy)")
  }

  /// Carries the file through C, and an error back.
  private final class Target {
    let file: AtomicFile
    var failure: (any Error)?
    init(_ file: AtomicFile) { self.file = file }
  }
}
