import CNIfTI

/// A NIfTI header that has passed our checks.
///
/// Our code reads the raw bytes and refuses what does not hold together; only then does libnifti see them, and what it
/// makes of them must agree. So no library meets an unchecked header, and no field rests on one reading alone.
struct NIfTIHeader {
  let bytes: [UInt8]
  let layout: NIfTILayout
  let isPair: Bool
  /// Columns, rows, slices, frames.
  let extents: [Int]
  let dataType: VoxelDataType
  let slope: Double
  let intercept: Double
  let voxelOffset: Int
  let affine: Affine
  let warnings: [String]

  var voxelCount: Int { extents.reduce(1, *) }
  var voxelBytes: Int { voxelCount * dataType.byteCount }
  var shape: [Int] { extents.reversed() }

  /// Checks a header of 348 or 540 bytes; throws `VolumeError` that starts with `name`.
  init(_ bytes: [UInt8], layout: NIfTILayout, name: String) throws {
    self.bytes = bytes
    self.layout = layout
    let check = NIfTIHeaderCheck(bytes: bytes, layout: layout, name: name)
    isPair = try check.isPair()
    dataType = try check.dataType()
    extents = try check.extents(voxelSize: dataType.byteCount)
    voxelOffset = try check.voxelOffset(isPair: isPair)
    (slope, intercept) = try check.scaling()
    let geometry = try NIfTIGeometry(check: check, extents: extents)
    affine = geometry.affine
    warnings = geometry.warnings
    guard geometry.summaryAgrees(dataType: dataType, extents: extents) else {
      throw check.refused(.badHeader, "libnifti understands the header differently")
    }
  }
}

/// Our own checks of the raw header, one function per property.
struct NIfTIHeaderCheck {
  let bytes: [UInt8]
  let layout: NIfTILayout
  let name: String

  func refused(_ kind: VolumeError.Kind, _ what: String, _ remedy: String = "export the volume again") -> VolumeError {
    VolumeError(kind, "\(name): \(what); \(remedy)")
  }

  func integer(_ field: NIfTILayout.IntegerField) -> Int { layout.integer(field, in: bytes) }
  func real(_ field: NIfTILayout.RealField) -> Double { layout.real(field, in: bytes) }

  func isPair() throws -> Bool {
    let magic = Array(bytes[layout.magicRange])
    if magic == layout.magic(pair: false) { return false }
    if magic == layout.magic(pair: true) { return true }
    if layout.version == 1 && magic.allSatisfy({ $0 == 0 }) {
      throw refused(.unsupported, "an ANALYZE 7.5 header, which does not say left from right", "convert it to NIfTI")
    }
    throw refused(.badHeader, "wrong NIfTI signature")
  }

  func dataType() throws -> VoxelDataType {
    let code = integer(.datatype)
    let type: VoxelDataType
    switch code {
    case 2: type = .uint8
    case 4: type = .int16
    case 8: type = .int32
    case 16: type = .float32
    case 64: type = .float64
    case 256: type = .int8
    case 512: type = .uint16
    case 768: type = .uint32
    case 1024: type = .int64
    case 1280: type = .uint64
    case 128, 2304:
      throw refused(.unsupported, "colour voxels (RGB) are not supported", "convert them to one grey channel")
    case 32, 1792, 2048:
      throw refused(.unsupported, "complex voxels are not supported", "convert them to magnitudes")
    case 1536: throw refused(.unsupported, "128-bit floats are not supported", "convert them to float32")
    case 1: throw refused(.unsupported, "1-bit voxels are not supported", "convert them to uint8")
    default: throw refused(.badHeader, "unknown voxel type \(code)")
    }
    guard integer(.bitpix) == 8 * type.byteCount else {
      throw refused(.badHeader, "\(integer(.bitpix)) bits per voxel do not fit type \(type.rawValue)")
    }
    return type
  }

  /// Columns, rows, slices, frames.
  func extents(voxelSize: Int) throws -> [Int] {
    let dimensions = integer(.dim(0))
    guard (1...7).contains(dimensions) else {
      throw refused(.badHeader, "\(dimensions) dimensions (dim[0]) are impossible")
    }
    var extents = [1, 1, 1, 1]
    var product = voxelSize
    for axis in 1...dimensions {
      let extent = integer(.dim(axis))
      guard extent >= 1 else { throw refused(.badHeader, "extent \(extent) along dimension \(axis) is impossible") }
      let (next, overflow) = product.multipliedReportingOverflow(by: extent)
      // Four bytes for every voxel in memory must be countable too.
      guard !overflow, next <= Int.max / 8 else { throw refused(.badHeader, "the number of voxels is absurd") }
      product = next
      if axis <= 4 {
        extents[axis - 1] = extent
      } else if extent > 1 {
        throw refused(.unsupported, "\(dimensions) dimensions are not supported", "split it into 3D or 4D volumes")
      }
    }
    guard dimensions >= 2 else {
      throw refused(.unsupported, "one dimension is no image", "give a 2D, 3D or 4D volume")
    }
    return extents
  }

  func voxelOffset(isPair: Bool) throws -> Int {
    let offset = real(.voxOffset)
    guard offset.isFinite, offset == offset.rounded(), abs(offset) < 0x1p62 else {
      throw refused(.badHeader, "the voxel offset \(offset) is impossible")
    }
    guard Int(offset) >= (isPair ? 0 : layout.leastOffset) else {
      throw refused(.badHeader, "the voxel offset \(Int(offset)) lies inside the header")
    }
    return Int(offset)
  }

  /// Slope and intercept; a slope of 0 means that voxels are stored as they are (so do two NaNs, which nibabel leaves
  /// in headers without scaling).
  func scaling() throws -> (slope: Double, intercept: Double) {
    let slope = real(.slope)
    let intercept = real(.intercept)
    if slope == 0 || (slope.isNaN && (intercept.isNaN || intercept == 0)) { return (1, 0) }
    guard slope.isFinite, intercept.isFinite else {
      throw refused(.badHeader, "slope \(slope) and intercept \(intercept) are not both finite")
    }
    return (slope, intercept)
  }

  /// Walks over the extensions and returns their number.
  ///
  /// They reach up to `end` (nil: the end of the file, for the header file of a pair); `source` stands behind the header.
  func skipExtensions(_ source: any ByteSource, end: Int?) throws -> Int {
    var announcement = [UInt8](repeating: 0, count: 4)
    let got = try announcement.withUnsafeMutableBytes { try source.read(into: $0) }
    if got == 0 && end == nil { return 0 }
    guard got == 4 else { throw refused(.truncated, "the file ends too early", "copy it again from its source") }
    var left = end.map { $0 - layout.leastOffset } ?? Int.max
    var count = 0
    while announcement[0] != 0 && left >= 16 {
      var start = [UInt8](repeating: 0, count: 8)
      let got = try start.withUnsafeMutableBytes { try source.read(into: $0) }
      if got == 0 && end == nil { return count }
      guard got == 8 else { throw refused(.truncated, "the file ends too early", "copy it again from its source") }
      left -= 8
      let size = layout.extensionSize(start)
      if size == 0 { break }  // Padding.
      guard size >= 16, size % 16 == 0, size - 8 <= left else {
        throw refused(.badHeader, "a header extension of \(size) bytes is impossible")
      }
      try source.skip(size - 8)
      left -= size - 8
      count += 1
    }
    if end != nil { try source.skip(left) }
    return count
  }
}
