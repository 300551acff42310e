/// A volume without its voxels: enough to judge it, and to plan what is done with it.
public struct VolumeSummary: Sendable {
  /// Columns, rows, slices, frames.
  public let dimensions: [Int]
  /// Voxel indices to mm.
  public let affine: Affine
  /// What the file said besides.
  public let header: VolumeHeader
  /// What the voxel values come to.
  public let voxels: VoxelStatistics

  /// A summary from its parts.
  public init(dimensions: [Int], affine: Affine, header: VolumeHeader, voxels: VoxelStatistics) {
    precondition(dimensions.count == 4, "columns, rows, slices, frames")
    self.dimensions = dimensions
    self.affine = affine
    self.header = header
    self.voxels = voxels
  }

  /// The summary of a volume in memory.
  public init(_ volume: Volume) {
    self.init(
      dimensions: [volume.columns, volume.rows, volume.slices, volume.frames], affine: volume.affine,
      header: volume.header, voxels: VoxelStatistics(volume.voxels))
  }

  /// Extent along the first stored dimension.
  public var columns: Int { dimensions[0] }
  /// Extent along the second stored dimension.
  public var rows: Int { dimensions[1] }
  /// Extent along the third stored dimension.
  public var slices: Int { dimensions[2] }
  /// Number of 3D frames.
  public var frames: Int { dimensions[3] }
  /// Voxel size in mm along columns, rows, slices.
  public var spacing: [Double] { affine.spacing }
}

/// What a file was found to be when all of it was read and decoded, and nothing of it kept.
public struct VolumeInspection: Sendable {
  /// The volume.
  public let summary: VolumeSummary
  /// Names of what in the file holds, or may hold, free text that identifies somebody; never the text.
  public let textFields: [String]
  private let histogram: ValueHistogram

  init(summary: VolumeSummary, textFields: [String], histogram: ValueHistogram) {
    self.summary = summary
    self.textFields = textFields
    self.histogram = histogram
  }

  /// The smallest value that at least so many percent (0 to 100) of the finite voxels do not exceed; NaN if there is none.
  ///
  /// Exact for whole numbers up to 4096 in magnitude, else cut to 12 significant bits.
  public func percentile(_ percent: Double) -> Float {
    min(max(histogram.percentile(percent), summary.voxels.minimum), summary.voxels.maximum)
  }
}

extension VolumeHeader {
  /// The codes that say what the qform and the sform of a NIfTI file refer to; nil for other formats.
  public var formCodes: (qform: Int, sform: Int)? {
    guard let bytes = niftiHeader, let layout = NIfTILayout(firstBytes: bytes), bytes.count == layout.headerSize else {
      return nil
    }
    return (layout.integer(.qformCode, in: bytes), layout.integer(.sformCode, in: bytes))
  }
}
