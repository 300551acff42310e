import CNIfTI

/// The affine that a NIfTI header means, and remarks about it.
///
/// The sform is used if its code is positive, else the qform, else (METHOD 1 of the standard) voxel sizes alone. Any
/// invertible affine is taken as it is. Lengths in metres or micrometres become millimetres.
struct NIfTIGeometry {
  private(set) var affine = Affine.scaling([1, 1, 1])
  private(set) var warnings: [String] = []
  private let summary: cnifti_summary

  init(check: NIfTIHeaderCheck, extents: [Int]) throws {
    let qformCode = check.integer(.qformCode)
    let sformCode = check.integer(.sformCode)
    for (label, code) in [("qform", qformCode), ("sform", sformCode)] where !(0...5).contains(code) {
      throw check.refused(.badHeader, "\(label) code \(code) is unknown")
    }
    for axis in 0...max(3, check.integer(.dim(0))) where !check.real(.pixdim(axis)).isFinite {
      throw check.refused(.badHeader, "voxel size (pixdim) \(axis) is not finite")
    }
    if sformCode > 0 { try Self.checkSform(check) }
    if qformCode > 0 { try Self.checkQform(check) }

    var summary = cnifti_summary()
    guard cnifti_summarize(check.bytes, check.bytes.count, &summary) == 0 else {
      throw check.refused(.badHeader, "libnifti refuses the header")
    }
    self.summary = summary
    let unit = Self.millimetres(check.integer(.units) & 7)
    let sform = sformCode > 0 ? withUnsafeBytes(of: summary.sform, Self.rows).scaled(unit) : nil
    let qform = qformCode > 0 ? withUnsafeBytes(of: summary.qform, Self.rows).scaled(unit) : nil
    if sform == nil { try checkVoxelSizes(check, extents) }
    let sizes = (1...3).map { check.real(.pixdim($0)) == 0 ? 1 : check.real(.pixdim($0)) }
    affine = sform ?? qform ?? Affine.scaling(sizes).scaled(unit)
    if sform == nil && qform == nil {
      warnings.append("W-NOFORM: the file has neither sform nor qform; orientation is unknown, voxel sizes were used")
    }
    guard affine.isInvertible else {
      throw check.refused(.badHeader, "the \(sform != nil ? "sform" : "qform") is not invertible")
    }
    if affine.isSheared {
      warnings.append("W-SHEAR: the voxel axes are not at right angles; voxels are processed on their own grid")
    }
    if let sform, let qform { compare(sform, qform, extents) }
    if unit != 1 {
      warnings.append(
        "W-UNITS: lengths are in \(unit > 1 ? "metres" : "micrometres"); they were converted to millimetres")
    }
  }

  /// libnifti read the same type and extents.
  func summaryAgrees(dataType: VoxelDataType, extents: [Int]) -> Bool {
    let read = withUnsafeBytes(of: summary.extent) { Array($0.bindMemory(to: Int64.self)).map(Int.init) }
    return Int(summary.datatype) == dataType.niftiCode && read == extents + [1, 1, 1]
  }

  private static func rows(_ bytes: UnsafeRawBufferPointer) -> Affine {
    let m = bytes.bindMemory(to: Double.self)
    return Affine(rows: (0..<3).map { r in (0..<4).map { m[4 * r + $0] } })
  }

  private static func checkSform(_ check: NIfTIHeaderCheck) throws {
    for row in 0..<3 {
      for column in 0..<4 where !check.real(.srow(row, column)).isFinite {
        throw check.refused(.badHeader, "the sform has numbers that are not finite")
      }
    }
  }

  private static func checkQform(_ check: NIfTIHeaderCheck) throws {
    let bcd = (0..<3).map { check.real(.quatern($0)) }
    guard bcd.allSatisfy(\.isFinite), (0..<3).allSatisfy({ check.real(.qoffset($0)).isFinite }) else {
      throw check.refused(.badHeader, "the qform has numbers that are not finite")
    }
    // b² + c² + d² ≤ 1; float32 rounding may pass it by a hair.
    guard bcd.reduce(0, { $0 + $1 * $1 }) < 1.001 else {
      throw check.refused(.badHeader, "the qform's quaternion is no rotation")
    }
  }

  /// Where voxel sizes decide, they must be positive.
  ///
  /// Readers differ on what a negative size means. Zero along an axis with one voxel becomes 1 mm.
  private mutating func checkVoxelSizes(_ check: NIfTIHeaderCheck, _ extents: [Int]) throws {
    for axis in 1...3 {
      let size = check.real(.pixdim(axis))
      if size > 0 { continue }
      guard size == 0 && extents[axis - 1] == 1 else {
        throw check.refused(.badHeader, "voxel size \(size) along dimension \(axis) is impossible", "correct pixdim")
      }
      warnings.append("W-PIXDIM: no voxel size along dimension \(axis), which has one voxel; 1 mm was assumed")
    }
  }

  /// Reports where the two forms put a corner of the volume more than a tenth of a voxel apart.
  private mutating func compare(_ sform: Affine, _ qform: Affine, _ extents: [Int]) {
    let farthest = sform.largestShift(from: qform, over: extents)
    guard farthest > 0.1 * sform.spacing.min()! else { return }
    let shown = (farthest * 100).rounded() / 100
    warnings.append("W-FORMS: sform and qform differ by up to \(shown) mm; the sform was used")
  }

  /// Millimetres in the header's unit of length.
  private static func millimetres(_ code: Int) -> Double { code == 1 ? 1000 : code == 3 ? 0.001 : 1 }
}

extension Affine {
  /// The same places in another unit of length.
  fileprivate func scaled(_ factor: Double) -> Affine {
    factor == 1 ? self : Affine(rows: rows.map { $0.map { $0 * factor } })
  }
}

extension VoxelDataType {
  /// The code in the NIfTI header.
  var niftiCode: Int {
    switch self {
    case .uint8: 2
    case .int16: 4
    case .int32: 8
    case .float32: 16
    case .float64: 64
    case .int8: 256
    case .uint16: 512
    case .uint32: 768
    case .int64: 1024
    case .uint64: 1280
    }
  }
}
