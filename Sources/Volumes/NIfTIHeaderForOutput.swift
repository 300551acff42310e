import CNIfTI

/// The header bytes of a NIfTI output.
///
/// On the input's own grid every geometry byte is the input's: extents, voxel sizes, codes, quaternion, offsets, rows,
/// units, in the input's version and byte order. On another grid they are derived from the affine. Free text is never
/// copied, for it may identify a person; `descrip` says what this file is.
struct NIfTIHeaderForOutput {
  static let description = "Pellucid: derived, research use only"

  let layout: NIfTILayout
  private(set) var bytes: [UInt8]

  init(_ volume: Volume, isPair: Bool) throws {
    let extents = [volume.columns, volume.rows, volume.slices, volume.frames]
    var version = volume.header.format == .nifti2 || volume.header.format == .nifti2Pair ? 2 : 1
    if extents.contains(where: { $0 > Int(Int16.max) }) { version = 2 }
    if let original = volume.header.niftiHeader, let layout = NIfTILayout(firstBytes: original),
      layout.version == version, original.count == layout.headerSize
    {
      self.layout = layout
      bytes = original
      let header = try NIfTIHeader(original, layout: layout, name: "the input's header")
      if header.extents != extents || header.affine != volume.affine { setGeometry(volume, extents) }
    } else {
      layout = NIfTILayout(version: version, bigEndian: false)
      bytes = [UInt8](repeating: 0, count: layout.headerSize)
      setGeometry(volume, extents)
    }
    layout.setSize(in: &bytes)
    bytes.replaceSubrange(layout.magicRange, with: layout.magic(pair: isPair))
    for range in layout.textRanges { bytes.replaceSubrange(range, with: repeatElement(0, count: range.count)) }
    clearUnused()
    let text = Array(Self.description.utf8)
    bytes.replaceSubrange(layout.descriptionRange.prefix(text.count), with: text)
    layout.set(.voxOffset, to: isPair ? 0 : Double(layout.leastOffset), in: &bytes)
  }

  /// Clears what means nothing, and may hold whatever was in some program's memory.
  private mutating func clearUnused() {
    // NIfTI-1: extents and session_error, glmax and glmin, all of ANALYZE 7.5.
    for range in layout.version == 1 ? [32..<38, 140..<148] : [] {
      bytes.replaceSubrange(range, with: repeatElement(0, count: range.count))
    }
    for axis in 1...7 where axis > max(3, layout.integer(.dim(0), in: bytes)) {
      // Writers fill them with 0 or 1.
      if ![0, 1].contains(layout.real(.pixdim(axis), in: bytes)) { layout.set(.pixdim(axis), to: 1, in: &bytes) }
      layout.set(.dim(axis), to: 1, in: &bytes)
    }
  }

  /// Sets how voxels are stored.
  mutating func set(_ scaling: StorageScaling) {
    layout.set(.datatype, to: scaling.dataType.niftiCode, in: &bytes)
    layout.set(.bitpix, to: 8 * scaling.dataType.byteCount, in: &bytes)
    layout.set(.slope, to: scaling.slope, in: &bytes)
    layout.set(.intercept, to: scaling.intercept, in: &bytes)
  }

  /// Rounds a slope or an intercept to what the header holds.
  func precision(_ value: Double) -> Double { layout.version == 1 ? Double(Float(value)) : value }

  private mutating func setGeometry(_ volume: Volume, _ extents: [Int]) {
    layout.set(.dim(0), to: volume.frames > 1 ? 4 : 3, in: &bytes)
    for axis in 1...7 { layout.set(.dim(axis), to: axis <= 4 ? extents[axis - 1] : 1, in: &bytes) }
    let affine = volume.affine
    let spacing = affine.spacing
    for axis in 0..<3 { layout.set(.pixdim(axis + 1), to: spacing[axis], in: &bytes) }
    layout.set(.units, to: layout.integer(.units, in: bytes) & 0x38 | 2, in: &bytes)
    for range in layout.sliceTimingRanges { bytes.replaceSubrange(range, with: repeatElement(0, count: range.count)) }

    // Without a coordinate system there is none to claim.
    let oldCode = [layout.integer(.sformCode, in: bytes), layout.integer(.qformCode, in: bytes)].first { $0 > 0 }
    let code = oldCode ?? (affine == .scaling(spacing) ? 0 : 1)
    layout.set(.sformCode, to: code, in: &bytes)
    layout.set(.qformCode, to: affine.isSheared ? 0 : code, in: &bytes)
    for row in 0..<3 {
      for column in 0..<4 { layout.set(.srow(row, column), to: affine.rows[row][column], in: &bytes) }
    }
    var quaternion = [0.0, 0, 0]
    var sign = 1.0
    cnifti_quaternion(affine.rows.flatMap { $0 }, &quaternion, &sign)
    layout.set(.pixdim(0), to: sign, in: &bytes)
    for axis in 0..<3 {
      layout.set(.quatern(axis), to: affine.isSheared ? 0 : quaternion[axis], in: &bytes)
      layout.set(.qoffset(axis), to: affine.rows[axis][3], in: &bytes)
    }
  }
}

extension NIfTILayout {
  /// When and in which order slices were taken: meaningless on another grid.
  fileprivate var sliceTimingRanges: [Range<Int>] {
    version == 1 ? [74..<76, 120..<122, 122..<123, 132..<136] : [208..<216, 224..<232, 232..<240, 496..<500]
  }
}
