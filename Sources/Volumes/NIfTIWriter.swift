import DurableFiles
import Foundation
import TensorCore

/// Writes a volume as one NIfTI file or a pair.
struct NIfTIWriter {
  private let volume: Volume
  private let options: VolumeWriteOptions

  init(_ volume: Volume, options: VolumeWriteOptions) {
    self.volume = volume
    self.options = options
  }

  func stage(to name: VolumeFileName) throws -> StagedVolume {
    let isPair = name.kind != .nifti
    var header = try NIfTIHeaderForOutput(volume, isPair: isPair)
    let dataType: VoxelDataType =
      switch options.dataType {
      case .input: volume.header.dataType
      case .type(let type): type
      }
    let scaling = StorageScaling.choose(
      volume.voxels, as: dataType, input: volume.header, precision: header.precision)
    header.set(scaling)
    var encoder = VoxelEncoder(scaling: scaling, bigEndian: header.layout.bigEndian)

    let headerURL = name.kind == .pairImage ? name.companion(compressed: name.isCompressed) : name.url
    let headerFile = try AtomicFile(to: headerURL, ifExists: options.ifExists)
    let headerSink = sink(headerFile, name)
    // Four zeros: no extensions follow.
    try headerSink.write(header.bytes + [0, 0, 0, 0])
    var imageFile: AtomicFile?
    if isPair {
      let imageURL = name.kind == .pairImage ? name.url : name.companion(compressed: name.isCompressed)
      let file = try AtomicFile(to: imageURL, ifExists: options.ifExists)
      imageFile = file
      let imageSink = sink(file, name)
      try volume.voxels.withUnsafeBuffer { try encoder.encode($0, sink: imageSink.write) }
      try imageSink.finish()
    } else {
      try volume.voxels.withUnsafeBuffer { try encoder.encode($0, sink: headerSink.write) }
    }
    try headerSink.finish()

    let readBack = try verify(headerFile, imageFile, encoder, compressed: name.isCompressed)
    let report = WriteReport(
      files: try [headerFile, imageFile].compactMap { try $0.map(WriteReport.File.init) },
      sha256Voxels: readBack.sha256, dataType: dataType, slope: scaling.slope, intercept: scaling.intercept,
      roundTripError: readBack.roundTripError, clampedCount: encoder.clampedCount)
    // The header announces the image, so it comes last.
    return StagedVolume(report: report, files: [imageFile, headerFile].compactMap(\.self))
  }

  private func sink(_ file: AtomicFile, _ name: VolumeFileName) -> ByteSink {
    ByteSink(file, compressionLevel: name.isCompressed ? options.compressionLevel : nil)
  }

  /// Reads the sealed files as any reader would, before they get their names.
  private func verify(_ header: AtomicFile, _ image: AtomicFile?, _ encoder: VoxelEncoder, compressed: Bool) throws
    -> ReadBack
  {
    let reader = try NIfTIReader(source: byteSource(RegularFile(header.temporaryURL))) {
      try VolumeFile.pairImage(RegularFile((image ?? header).temporaryURL), $0, compressed: compressed)
    }
    guard reader.header.shape == volume.voxels.shape else {
      throw VolumeError(.verification, "the header written does not read back; check the disk and try again")
    }
    var readBack = ReadBack()
    try volume.voxels.withUnsafeBuffer { asked in
      _ = try reader.decode { piece, start in
        let part = UnsafeBufferPointer(rebasing: asked[start..<(start + piece.count)])
        try readBack.take(piece, asked: part, expected: encoder.expected)
      }
    }
    return readBack
  }
}
