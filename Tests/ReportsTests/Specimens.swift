import TensorCore
import Volumes

/// A volume with given voxels; `values` runs with columns fastest.
func testVolume(
  _ values: [Float], columns: Int, rows: Int, slices: Int, frames: Int = 1, spacing: [Double] = [1, 1, 1],
  format: VolumeFileFormat = .nifti1
) -> Volume {
  Volume(
    voxels: Tensor(values, shape: [frames, slices, rows, columns]), affine: .scaling(spacing),
    header: VolumeHeader(format: format, dataType: .int16))
}
