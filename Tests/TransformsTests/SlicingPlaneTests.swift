import TensorCore
import Testing
import Transforms
import Volumes

@Suite("Slicing plane") struct SlicingPlaneTests {
  /// An affine whose stored axes run along these scanner axes with this spacing.
  static func affine(_ world: [Int], _ spacing: [Double]) -> Affine {
    Affine(rows: (0..<3).map { row in (0..<3).map { world[$0] == row ? spacing[$0] : 0 } + [0] })
  }

  static func plane(
    _ world: [Int], _ spacing: [Double], dimensions: [Int] = [9, 9, 9], choice: SlicingPlane.Choice = .auto
  ) -> SlicingPlane {
    SlicingPlane(choice, dimensions: dimensions, affine: affine(world, spacing), format: .nifti1)
  }

  @Test("thick slices are cut as acquired, cubes into axial slices")
  func geometry() {
    // Stored axes run along x, y, z; then as a sagittal (y, z, x) and a coronal stack (x, z, y).
    #expect(Self.plane([0, 1, 2], [1, 1, 1]).axis == 2)
    #expect(Self.plane([1, 2, 0], [1, 1, 1]).axis == 1)
    #expect(Self.plane([0, 2, 1], [1, 1, 1.1]).axis == 1)
    #expect(Self.plane([1, 2, 0], [0.9, 0.9, 5]) == Self.plane([1, 2, 0], [1, 1, 2]))
    #expect(
      Self.plane([1, 2, 0], [0.9, 0.9, 5]).axis == 2 && Self.plane([1, 2, 0], [0.9, 0.9, 5]).name == "sagittal")
    #expect(Self.plane([0, 1, 2], [1, 4, 1]).name == "coronal")
    // Two long sides are no stack.
    #expect(Self.plane([0, 1, 2], [3, 3, 1]).name == "axial")
    // A single slice is cut as what it is.
    #expect(Self.plane([0, 1, 2], [1, 1, 1], dimensions: [1, 9, 9]).name == "sagittal")
    #expect(Self.plane([1, 2, 0], [1, 1, 1], dimensions: [9, 9, 1]).axis == 2)
    #expect(Self.plane([0, 1, 2], [1.5, 1.2, 1], dimensions: [9, 9, 1]).axis == 2)
    #expect(Self.plane([0, 1, 2], [1, 1, 4], dimensions: [1, 9, 9]).name == "axial")
    // Oblique by 30 degrees about x.
    let (c, s) = (0.866, 0.5)
    let oblique = Affine(rows: [[1, 0, 0, 0], [0, c, -s, 0], [0, s, c, 0]])
    #expect(SlicingPlane(dimensions: [9, 9, 9], affine: oblique, format: .nifti1).axis == 2)
  }

  @Test("a plane can be asked for, and an image without orientation has none but its own")
  func choice() {
    #expect(Self.plane([1, 2, 0], [1, 1, 5], choice: .axial).axis == 1)
    #expect(Self.plane([1, 2, 0], [1, 1, 5], choice: .coronal).axis == 0)
    #expect(Self.plane([1, 2, 0], [1, 1, 1], choice: .stored).axis == 2)
    let png = SlicingPlane(.sagittal, dimensions: [9, 9, 1], affine: .scaling([1, 1, 1]), format: .png)
    #expect(png.axis == 2 && png.name == "stored")
  }

  @Test("voxels and affine are rearranged together, and come back")
  func arrangement() {
    let voxels = Tensor((0..<2 * 4 * 3 * 5).map(Float.init), shape: [2, 4, 3, 5])
    let affine = Affine(rows: [[0, 0, 2, 7], [1, 0, 0, 8], [0, 3, 0, 9]])
    let volume = Volume(voxels: voxels, affine: affine, header: VolumeHeader(format: .nifti1, dataType: .float32))
    for choice in [SlicingPlane.Choice.axial, .coronal, .sagittal] {
      let plane = SlicingPlane(choice, for: volume)
      let arranged = plane.arranged(volume)
      #expect(arranged.dimensions == plane.arranged([5, 3, 4, 2]))
      #expect(plane.stored(arranged.voxels) == voxels)
      // Each voxel is where it was: of the second frame, column 3, row 1, slice 2.
      let index = plane.arranged([3, 1, 2])
      let flat = ((arranged.slices + index[2]) * arranged.rows + index[1]) * arranged.columns + index[0]
      #expect(arranged.voxels.values[flat] == voxels.values[((4 + 2) * 3 + 1) * 5 + 3])
      #expect(arranged.affine.position(of: index.map(Double.init)) == affine.position(of: [3, 1, 2]))
    }
  }
}
