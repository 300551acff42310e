import Foundation
import TensorCore
import Testing
import Volumes

@Test("Inspecting a file finds what reading it finds, and keeps no voxel", arguments: ReferenceFixtures.names)
func inspectionAgrees(name: String) throws {
  let url = ReferenceFixtures.url(name)
  let options = VolumeReadOptions(convertColour: true)
  let volume = try VolumeFile.read(url, options: options)
  let inspection = try VolumeFile.inspect(url, options: options)
  let summary = inspection.summary
  #expect(summary.dimensions == [volume.columns, volume.rows, volume.slices, volume.frames])
  #expect(summary.affine == volume.affine)
  #expect(summary.header.warnings == volume.header.warnings && summary.header.integrity == volume.integrity)
  #expect(summary.header.format == volume.header.format && summary.header.niftiHeader == volume.header.niftiHeader)
  let values = volume.voxels.withUnsafeBuffer { Array($0) }
  let finite = values.filter(\.isFinite).sorted()
  #expect(summary.voxels.count == values.count && summary.voxels.nonFiniteCount == values.count - finite.count)
  #expect(summary.voxels.minimum == finite.first && summary.voxels.maximum == finite.last)
  #expect(
    summary.voxels.negativeCount == finite.count { $0 < 0 } && summary.voxels.deepCount == finite.count { $0 < -500 })
  for percent in [0.0, 1, 37.5, 50, 99, 100] {
    let exact = finite[max(1, Int((percent / 100 * Double(finite.count)).rounded(.up))) - 1]
    let found = inspection.percentile(percent)
    #expect(abs(found - exact) <= abs(exact) / 2048, "\(percent) % is \(found), must be \(exact)")
  }
}

@Test("Percentiles of whole numbers up to 4096 are exact, also below zero")
func exactPercentiles() throws {
  var statistics = VoxelStatistics()
  let url = FileManager.default.temporaryDirectory.appendingPathComponent("pellucid-\(UUID().uuidString).nii")
  defer { try? FileManager.default.removeItem(at: url) }
  // -4096, -4095, … 4095, each once: the p-th percentile is the rank itself.
  let ramp = (0..<8192).map { Float($0 - 4096) }
  ramp.withUnsafeBufferPointer { statistics.add($0) }
  #expect(statistics.minimum == -4096 && statistics.maximum == 4095 && statistics.mean == -0.5)
  let volume = Volume(
    voxels: Tensor(ramp, shape: [1, 2, 64, 64]), affine: .scaling([1, 1, 1]),
    header: VolumeHeader(format: .nifti1, dataType: .int16))
  try VolumeFile.write(volume, to: url)
  let inspection = try VolumeFile.inspect(url)
  for rank in [1, 2, 1000, 4096, 4097, 8191, 8192] {
    #expect(inspection.percentile(100 * Double(rank) / 8192) == Float(rank - 1 - 4096))
  }
}

@Test("A volume beyond the limit is refused before its voxels are read")
func inspectionLimit() {
  let url = ReferenceFixtures.url("v1_int16_le.nii")
  #expect(volumeErrorKind { _ = try VolumeFile.inspect(url, options: .init(maximumBytes: 16)) } == .tooLarge)
}
