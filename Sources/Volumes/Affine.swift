/// The map from voxel indices (column, row, slice) to scanner coordinates in mm (NIfTI: +x right, +y anterior,
/// +z superior).
public struct Affine: Sendable, Equatable {
  /// Three rows of four: `[x, y, z] = m · [i, j, k, 1]`.
  public var rows: [[Double]]

  /// An affine from its three rows of four numbers.
  public init(rows: [[Double]]) {
    precondition(rows.count == 3 && rows.allSatisfy { $0.count == 4 })
    self.rows = rows
  }

  /// Voxels of the given size in mm along x, y, z, no rotation, origin at the first voxel.
  public static func scaling(_ spacing: [Double]) -> Affine {
    precondition(spacing.count == 3)
    return Affine(rows: (0..<3).map { r in (0..<4).map { $0 == r ? spacing[r] : 0 } })
  }

  /// Lengths in mm of one step along i, j and k.
  public var spacing: [Double] {
    (0..<3).map { c in ((0..<3).reduce(0) { $0 + rows[$1][c] * rows[$1][c] }).squareRoot() }
  }

  /// Determinant of the 3 × 3 part; zero means not invertible.
  public var determinant: Double {
    let m = rows
    return m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1])
      - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0])
      + m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0])
  }

  /// Whether the axes span space: the determinant is not tiny beside the product of the voxel sizes.
  public var isInvertible: Bool {
    let volume = spacing.reduce(1, *)
    return volume.isFinite && volume > 0 && abs(determinant) > 1e-9 * volume
  }

  /// Whether two axes are off the right angle by more than a thousandth (cosine); rounding in files stays below that.
  public var isSheared: Bool {
    [(0, 1), (0, 2), (1, 2)].contains { a, b in
      let dot = (0..<3).reduce(0) { $0 + rows[$1][a] * rows[$1][b] }
      return abs(dot) > 1e-3 * spacing[a] * spacing[b]
    }
  }

  /// Where a voxel's centre lies, in mm; `index` is column, row, slice.
  public func position(of index: [Double]) -> [Double] {
    rows.map { $0[0] * index[0] + $0[1] * index[1] + $0[2] * index[2] + $0[3] }
  }

  /// The largest distance in mm between the places that this and another affine give to the same voxel of a volume of
  /// `extents` (columns, rows, slices): it is at a corner.
  public func largestShift(from other: Affine, over extents: [Int]) -> Double {
    (0..<8).map { corner in
      let index = (0..<3).map { corner >> $0 & 1 == 1 ? Double(extents[$0] - 1) : 0 }
      let shift = zip(position(of: index), other.position(of: index)).map { $0 - $1 }
      return shift.reduce(0) { $0 + $1 * $1 }.squareRoot()
    }.max() ?? 0
  }
}
