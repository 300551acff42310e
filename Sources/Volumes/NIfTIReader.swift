import DurableFiles
import Foundation
import TensorCore

/// A NIfTI file or pair that was recognised and checked, with the bytes up to its first voxel behind it.
///
/// libnifti converts the header (see `NIfTIGeometry`); voxels are read here, because libnifti would load a whole file
/// before it finds it damaged, and misses a cut-off gzip trailer.
struct NIfTIReader {
  let header: NIfTIHeader
  private let source: any ByteSource
  private var extensionCount = 0
  /// Free text of the header's own file, where the voxels lie in another.
  private var headerText: [String] = []

  /// Opens a file by its content; throws `VolumeError` (unrecognised if it is no NIfTI).
  ///
  /// `image` opens the second file of a pair and is called only if the header says that there is one.
  init(source: any ByteSource, image: (NIfTIHeader) throws -> any ByteSource) throws {
    let start = try source.read(min(4, source.bound))
    guard let layout = NIfTILayout(firstBytes: start) else { throw Self.unrecognised(source.name) }
    let bytes = try start + source.read(layout.headerSize - start.count)
    header = try NIfTIHeader(bytes, layout: layout, name: source.name)
    let check = NIfTIHeaderCheck(bytes: bytes, layout: layout, name: source.name)
    if header.isPair {
      extensionCount = try check.skipExtensions(source, end: nil)
      _ = try source.finish(limit: 1 << 16)
      headerText = source.textFields
      self.source = try image(header)
      try Self.checkLength(header, self.source)
      try self.source.skip(header.voxelOffset)
    } else {
      self.source = source
      try Self.checkLength(header, source)
      extensionCount = try check.skipExtensions(source, end: header.voxelOffset)
    }
  }

  /// Whether all voxels can be there is told from the file's size, before anything is allocated.
  private static func checkLength(_ header: NIfTIHeader, _ source: any ByteSource) throws {
    let (needed, overflow) = header.voxelOffset.addingReportingOverflow(header.voxelBytes)
    guard !overflow, needed <= source.bound else {
      throw VolumeError(
        .truncated,
        "\(source.name): the header declares \(header.voxelBytes) bytes of voxels, more than the file can hold; "
          + "copy it again from its source")
    }
  }

  private static func unrecognised(_ name: String) -> VolumeError {
    VolumeError(.unrecognised, "\(name): neither NIfTI nor PNG; give a .nii, .nii.gz, .hdr/.img or .png file")
  }

  /// Decodes all voxels into `sink`, piece by piece, and checks what follows them; returns the decoder with its counts
  /// and remarks.
  func decode(_ sink: (UnsafeBufferPointer<Float>, Int) throws -> Void) throws -> (VoxelDecoder, warnings: [String]) {
    var decoder = VoxelDecoder(
      dataType: header.dataType, bigEndian: header.layout.bigEndian, slope: header.slope, intercept: header.intercept)
    try decoder.decode(source, count: header.voxelCount, sink: sink)
    let extra = try source.finish(limit: 1 << 16)
    var warnings = header.warnings + decoder.warnings
    if extensionCount > 0 { warnings.append("W-EXTENSIONS: \(extensionCount) header extensions are not kept") }
    if extra > 0 { warnings.append("W-TRAILING: \(extra) bytes after the last voxel were ignored") }
    return (decoder, warnings)
  }

  /// The whole volume.
  func volume(maximumBytes: Int) throws -> Volume {
    try checkSize(maximumBytes)
    var voxels = Tensor(uninitialized: header.shape)
    let (_, warnings) = try voxels.withUnsafeMutableBuffer { target in
      try decode { piece, start in
        UnsafeMutableBufferPointer(rebasing: target[start..<(start + piece.count)]).baseAddress!
          .update(from: piece.baseAddress!, count: piece.count)
      }
    }
    return Volume(voxels: voxels, affine: header.affine, header: volumeHeader(warnings))
  }

  /// What all voxels come to, none of them kept.
  func inspection(maximumBytes: Int) throws -> VolumeInspection {
    try checkSize(maximumBytes)
    var (statistics, histogram) = (VoxelStatistics(), ValueHistogram())
    let (_, warnings) = try decode { piece, _ in
      statistics.add(piece)
      histogram.add(piece)
    }
    var text = header.layout.textFields.filter { field in header.bytes[field.range].contains { $0 != 0 && $0 != 32 } }
      .map(\.name)
    if extensionCount > 0 { text.append("extensions") }
    text += headerText + source.textFields
    if warnings.contains(where: { $0.hasPrefix("W-TRAILING") }) { text.append("bytes after the last voxel") }
    return VolumeInspection(
      summary: VolumeSummary(
        dimensions: header.extents, affine: header.affine, header: volumeHeader(warnings), voxels: statistics),
      textFields: text, histogram: histogram)
  }

  private func checkSize(_ maximumBytes: Int) throws {
    guard header.voxelCount > maximumBytes / 4 else { return }
    throw VolumeError(
      .tooLarge,
      "\(source.name): \(header.voxelCount) voxels need \(header.voxelCount * 4) bytes, more than the limit of "
        + "\(maximumBytes); raise the limit or cut the volume")
  }

  private func volumeHeader(_ warnings: [String]) -> VolumeHeader {
    let format: VolumeFileFormat =
      switch (header.layout.version, header.isPair) {
      case (1, false): .nifti1
      case (1, true): .nifti1Pair
      case (_, false): .nifti2
      case (_, true): .nifti2Pair
      }
    return VolumeHeader(
      format: format, dataType: header.dataType, slope: header.slope, intercept: header.intercept,
      niftiHeader: header.bytes, warnings: warnings, integrity: source.integrity)
  }
}
