import DurableFiles
import Foundation
import Pipeline
import TensorCore
import Volumes

/// Whether two images may be compared voxel by voxel.
enum GridAgreement {
  /// Refuses images of other extents, in other places (unless `ignoringGeometry`), or with voxels that are no numbers.
  ///
  /// Images without geometry (PNG) lie nowhere, so their place is not compared.
  static func check(
    _ image: Volume, named name: String, against reference: Volume, named other: String, ignoringGeometry: Bool
  ) throws {
    let (name, other) = (FileError.printable(name), FileError.printable(other))
    guard image.voxels.shape == reference.voxels.shape else {
      throw PipelineError(
        .unsuitableInput,
        "\(name) has \(grid(image)) voxels, \(other) \(grid(reference)): give images of one grid")
    }
    if !ignoringGeometry, image.header.format != .png, reference.header.format != .png {
      let shift = image.affine.largestShift(from: reference.affine, over: reference.dimensions)
      // Headers hold float32, quaternions more loosely; a hundredth of a voxel is more than any of them rounds.
      guard shift <= 0.01 * (reference.affine.spacing.min() ?? 0) else {
        throw PipelineError(
          .unsuitableInput,
          "\(name) and \(other) lie in different places, up to \(String(format: "%.3g", shift)) mm apart: give images of "
            + "one grid, or --ignore-geometry to compare them voxel by voxel all the same")
      }
    }
    try checkFinite(image, named: name)
    try checkFinite(reference, named: other)
  }

  private static func checkFinite(_ volume: Volume, named name: String) throws {
    let count = volume.voxels.withUnsafeBuffer { $0.reduce(0) { $0 + ($1.isFinite ? 0 : 1) } }
    guard count > 0 else { return }
    throw PipelineError(
      .unsuitableInput,
      "\(count) of \(volume.voxels.count) voxels of \(name) are no numbers (NaN or infinite), so no figure would be one: "
        + "replace them first")
  }

  private static func grid(_ volume: Volume) -> String {
    "\(volume.columns) × \(volume.rows) × \(volume.slices)" + (volume.frames > 1 ? " × \(volume.frames)" : "")
  }
}
