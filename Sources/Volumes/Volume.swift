public import TensorCore

/// An image with geometry: voxels, affine, header.
public struct Volume: Sendable {
  /// Voxel values after slope and intercept (HU for CT), shape `[frames, slices, rows, columns]`.
  ///
  /// NIfTI's first dimension (columns) varies fastest, so stored order is kept. 3D volumes have one frame; a PNG has
  /// one slice.
  public var voxels: Tensor
  /// Voxel indices to mm.
  public var affine: Affine
  /// What the file said besides, kept so that a same-grid output can say it again.
  public var header: VolumeHeader

  /// A volume from its parts.
  public init(voxels: Tensor, affine: Affine, header: VolumeHeader) {
    precondition(voxels.shape.count == 4, "voxels are [frames, slices, rows, columns]")
    self.voxels = voxels
    self.affine = affine
    self.header = header
  }

  /// Number of 3D frames (1 unless the file is 4D).
  public var frames: Int { voxels.shape[0] }
  /// Extent along the third stored dimension.
  public var slices: Int { voxels.shape[1] }
  /// Extent along the second stored dimension.
  public var rows: Int { voxels.shape[2] }
  /// Extent along the first stored dimension.
  public var columns: Int { voxels.shape[3] }
  /// Columns, rows, slices, frames.
  public var dimensions: [Int] { [columns, rows, slices, frames] }
  /// Voxel size in mm along columns, rows, slices.
  public var spacing: [Double] { affine.spacing }
  /// What was checked when the file was read, for the manifest: "gzip CRC32 and length checked", "length checked",
  /// "PNG chunk CRC32 checked" or "not from a file".
  public var integrity: String { header.integrity }

  /// A volume on the same grid: same affine and header, other voxels of the same shape.
  public func like(voxels: Tensor) -> Volume {
    precondition(voxels.shape == self.voxels.shape, "same grid, so same shape")
    return Volume(voxels: voxels, affine: affine, header: header)
  }

  /// The same without the range that viewers should show, which is of the input's values and not of these.
  public func withoutDisplayRange() -> Volume {
    var other = self
    other.header.niftiHeader = header.niftiHeader.map { bytes in
      guard let layout = NIfTILayout(firstBytes: bytes), bytes.count == layout.headerSize else { return bytes }
      var bytes = bytes
      bytes.replaceSubrange(layout.displayRange, with: repeatElement(0, count: layout.displayRange.count))
      return bytes
    }
    return other
  }
}

/// What a file said besides voxels and affine.
public struct VolumeHeader: Sendable {
  /// The container, without compression: what the output should be by default.
  public var format: VolumeFileFormat
  /// How voxels are stored in the file.
  public var dataType: VoxelDataType
  /// Stored value to voxel value: `value = stored * slope + intercept`.
  public var slope: Double
  /// See `slope`.
  public var intercept: Double
  /// The header bytes of a NIfTI file as they were read (348 or 540), in the file's byte order; nil for PNG and for
  /// volumes that did not come from a file.
  public var niftiHeader: [UInt8]?
  /// Remarks to pass on to the user and the manifest, such as "W-SHEAR: …".
  public var warnings: [String]
  /// See `Volume.integrity`.
  public var integrity: String

  /// A header from its parts.
  public init(
    format: VolumeFileFormat, dataType: VoxelDataType, slope: Double = 1, intercept: Double = 0,
    niftiHeader: [UInt8]? = nil, warnings: [String] = [], integrity: String = "not from a file"
  ) {
    self.format = format
    self.dataType = dataType
    self.slope = slope
    self.intercept = intercept
    self.niftiHeader = niftiHeader
    self.warnings = warnings
    self.integrity = integrity
  }
}

/// The containers that can be read and written.
public enum VolumeFileFormat: String, Sendable, Codable, CaseIterable {
  /// NIfTI-1, header and voxels in one file.
  case nifti1
  /// NIfTI-1 as a `.hdr`/`.img` pair.
  case nifti1Pair
  /// NIfTI-2, header and voxels in one file.
  case nifti2
  /// NIfTI-2 as a `.hdr`/`.img` pair.
  case nifti2Pair
  /// Grey PNG, 8 or 16 bits.
  case png
}

/// Voxel types that can be stored.
public enum VoxelDataType: String, Sendable, Codable, CaseIterable {
  case uint8, int8, uint16, int16, uint32, int32, uint64, int64, float32, float64

  /// Bytes per voxel.
  public var byteCount: Int {
    switch self {
    case .uint8, .int8: 1
    case .uint16, .int16: 2
    case .uint32, .int32, .float32: 4
    case .uint64, .int64, .float64: 8
    }
  }
}
