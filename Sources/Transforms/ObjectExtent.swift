public import TensorCore

/// How large what was scanned is, as opposed to the air around it.
public enum ObjectExtent {
  /// Share of the strongest plane's energy from which on a plane of voxels holds the object.
  private static let share = 0.05

  /// Voxels from the object's one side to the other along columns, rows and slices of magnitude voxels
  /// `[frames, slices, rows, columns]`; nil along an axis on which it is cut off or not told from the noise.
  ///
  /// What counts is the mean square of each plane of voxels, less 2σ², which is that of Rician air
  /// (Gudbjartsson and Patz 1995); σ is `noise`, in the unit of the voxels.
  public static func estimate(_ voxels: Tensor, noise: Double) -> [Int?] {
    precondition(voxels.shape.count == 4, "voxels are [frames, slices, rows, columns]")
    let extents = [voxels.shape[3], voxels.shape[2], voxels.shape[1]]
    return zip(energies(voxels), extents).map { sums, extent in
      let planes = Double(voxels.count / max(extent, 1))
      let energy = sums.map { $0 / planes - 2 * noise * noise }
      guard let most = energy.max(), most > 0,
        let first = energy.firstIndex(where: { $0 > share * most }),
        let last = energy.lastIndex(where: { $0 > share * most }),
        first > 0, last < extent - 1
      else { return nil }
      return last - first + 1
    }
  }

  /// Sums of squares over every plane across columns, rows and slices.
  private static func energies(_ voxels: Tensor) -> [[Double]] {
    let (slices, rows, columns) = (voxels.shape[1], voxels.shape[2], voxels.shape[3])
    var (alongColumns, alongRows, alongSlices) = (
      [Double](repeating: 0, count: columns), [Double](repeating: 0, count: rows),
      [Double](repeating: 0, count: slices)
    )
    voxels.withUnsafeBuffer { values in
      for line in 0..<values.count / max(columns, 1) {
        var sum = 0.0
        for column in 0..<columns {
          let square = Double(values[line * columns + column]) * Double(values[line * columns + column])
          alongColumns[column] += square
          sum += square
        }
        alongRows[line % rows] += sum
        alongSlices[line / rows % slices] += sum
      }
    }
    return [alongColumns, alongRows, alongSlices]
  }
}
