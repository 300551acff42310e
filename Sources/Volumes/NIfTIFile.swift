public import Foundation
import TensorCore

/// NIfTI bytes in memory, for viewers inside pages; volumes on disk go through `VolumeFile`.
public enum NIfTIFile {
  /// One uncompressed file; a voxel is stored as the whole number nearest to (value − intercept) / slope.
  ///
  /// Values that the type cannot hold become its nearest. Throws `VolumeError` for a grid that NIfTI cannot hold.
  public static func encode(_ volume: Volume, as type: VoxelDataType, slope: Double, intercept: Double) throws -> Data {
    var header = try NIfTIHeaderForOutput(volume, isPair: false)
    let scaling = StorageScaling(
      dataType: type, slope: header.precision(slope), intercept: header.precision(intercept))
    header.set(scaling)
    var encoder = VoxelEncoder(scaling: scaling, bigEndian: header.layout.bigEndian)
    // Four zeros: no extensions follow.
    var data = Data(header.bytes + [0, 0, 0, 0])
    data.reserveCapacity(data.count + volume.voxels.count * type.byteCount)
    volume.voxels.withUnsafeBuffer { voxels in
      encoder.encode(voxels) { data.append(contentsOf: $0) }
    }
    return data
  }
}
