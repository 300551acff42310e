import Foundation
import TensorCore
import Volumes

/// The volumes that a page carries for its viewer: before, after and residual on one grid, coarser than the scan's where
/// they would be too large.
struct ViewerVolumes {
  /// Voxels along columns, rows and slices whose mean is one voxel of the viewer.
  let factors: [Int]
  /// Gzip-compressed NIfTI as base64, by name.
  let layers: [(name: String, base64: String)]

  /// Volumes whose base64 takes at most `budget` bytes together; the first frame is shown.
  init(before: Volume, after: Tensor, residual: Tensor, scale: GreyScale, reach: Float, unit: String, budget: Int)
    throws
  {
    // Three layers of about a byte per voxel, four characters for three bytes.
    var voxels = budget / 4
    while true {
      let grid = Grid(before, voxels: voxels)
      let width = Double(scale.high) - Double(scale.low)
      // Finer than eyes and screens tell apart; hounsfield units stay whole.
      let step = unit == "HU" ? 1 : max(width / 1365, .leastNormalMagnitude)
      let offset = unit == "HU" ? 0 : Double(scale.low) - width
      let residualStep = Double(reach) / 127
      let files = [
        ("before", try NIfTIFile.encode(grid.volume(before.voxels), as: .int16, slope: step, intercept: offset)),
        ("after", try NIfTIFile.encode(grid.volume(after), as: .int16, slope: step, intercept: offset)),
        (
          "residual",
          try NIfTIFile.encode(
            grid.volume(residual), as: .uint8, slope: residualStep, intercept: -127 * residualStep)
        ),
      ]
      let layers = files.map { (name: $0.0, base64: GzipData.compressed($0.1).base64EncodedString()) }
      let bytes = layers.reduce(0) { $0 + $1.base64.utf8.count }
      guard bytes > budget, voxels > 1000 else {
        self.layers = layers
        factors = grid.factors
        return
      }
      voxels = Int(0.95 * Double(min(voxels, grid.count)) * Double(budget) / Double(bytes))
    }
  }

  /// How the viewer's grid follows from the scan's.
  struct Grid {
    let factors: [Int]
    let extents: [Int]
    private let affine: Affine
    private let source: [Int]

    var count: Int { extents.reduce(1, *) }

    /// A grid of at most so many voxels, which stay as near to cubes as whole factors allow.
    init(_ volume: Volume, voxels: Int) {
      source = [volume.columns, volume.rows, volume.slices]
      var factors = [1, 1, 1]
      func extents(_ factors: [Int]) -> [Int] { zip(source, factors).map { ($0 + $1 - 1) / $1 } }
      let source = source
      while extents(factors).reduce(1, *) > voxels {
        let candidates = (0..<3).filter { factors[$0] < source[$0] }
        guard
          let finest = candidates.min(by: {
            volume.spacing[$0] * Double(factors[$0]) < volume.spacing[$1] * Double(factors[$1])
          })
        else { break }
        factors[finest] += 1
      }
      self.factors = factors
      self.extents = extents(factors)
      // A voxel of the viewer stands in the middle of those that it is the mean of.
      let corner = volume.affine.position(of: factors.map { Double($0 - 1) / 2 })
      affine = Affine(
        rows: volume.affine.rows.enumerated().map { row, old in
          (0..<3).map { old[$0] * Double(factors[$0]) } + [corner[row]]
        })
    }

    /// The first frame of some voxels on this grid.
    func volume(_ voxels: Tensor) -> Volume {
      var out = Tensor(repeating: 0, shape: [1, extents[2], extents[1], extents[0]])
      out.withUnsafeMutableBuffer { target in
        voxels.withUnsafeBuffer { values in
          for slice in 0..<source[2] {
            for row in 0..<source[1] {
              let from = (slice * source[1] + row) * source[0]
              let to = (slice / factors[2] * extents[1] + row / factors[1]) * extents[0]
              for column in 0..<source[0] { target[to + column / factors[0]] += values[from + column] }
            }
          }
        }
        divide(target)
      }
      return Volume(voxels: out, affine: affine, header: VolumeHeader(format: .nifti1, dataType: .int16))
    }

    /// Sums to means; blocks at the far ends may be incomplete.
    private func divide(_ target: UnsafeMutableBufferPointer<Float>) {
      func members(_ axis: Int, _ index: Int) -> Int { min(factors[axis], source[axis] - index * factors[axis]) }
      for slice in 0..<extents[2] {
        for row in 0..<extents[1] {
          let first = (slice * extents[1] + row) * extents[0]
          let plane = members(2, slice) * members(1, row)
          for column in 0..<extents[0] { target[first + column] /= Float(plane * members(0, column)) }
        }
      }
    }
  }
}
