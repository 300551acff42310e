import DurableFiles
import Foundation
import Provenance
import TensorCore
import Volumes

/// What a run reads: the image and, if given, the starting noise, with the records that identify them.
struct RunInput {
  let volume: Volume
  let noise: Tensor?
  let records: [FileRecord]

  init(_ request: RunRequest) throws {
    // The digest is taken before and compared after, so that a file that changes while it is read is not misrecorded.
    let (volume, records) = try Self.read(request.input, role: "image", request)
    self.volume = volume
    guard let url = request.noise else {
      noise = nil
      self.records = records
      return
    }
    let (noise, noiseRecords) = try Self.read(url, role: "noise", request)
    self.noise = noise.voxels
    self.records = records + noiseRecords
  }

  private static func read(_ url: URL, role: String, _ request: RunRequest) throws -> (Volume, [FileRecord]) {
    func name(_ url: URL) -> String {
      request.recordNames ? url.lastPathComponent : RunRequest.recordedName(of: url, role: role)
    }
    let urls = VolumeFile.existingFiles(of: url)
    let digests = try urls.map { try ContentDigest.sha256(of: $0) }
    let volume = try VolumeFile.read(url)
    let records = try urls.indices.map { index in
      let file = try RegularFile(urls[index])
      guard try ContentDigest.sha256(of: file) == digests[index] else {
        throw PipelineError(
          .unsuitableInput, "\(file.name) changed while it was read; wait until it is complete and run again")
      }
      // What is said of the voxels stands with the first file; the second of a pair is bytes that belong to it.
      guard index == 0 else {
        return FileRecord(
          role: "\(role)-data", name: name(urls[index]), sha256: digests[index], bytes: file.byteCount)
      }
      return FileRecord(
        role: role, name: name(urls[0]), sha256: digests[0], sha256Voxels: digestOfVoxels(volume.voxels),
        bytes: file.byteCount, format: volume.header.format.rawValue, geometry: geometry(of: volume),
        dataType: volume.header.dataType.rawValue, slope: volume.header.slope, intercept: volume.header.intercept,
        integrity: volume.integrity)
    }
    return (volume, records)
  }

  private static func geometry(of volume: Volume) -> GeometryRecord {
    var record = GeometryRecord(volume)
    record.qformCode = volume.header.formCodes?.qform
    record.sformCode = volume.header.formCodes?.sform
    return record
  }

  /// SHA-256 of the voxels as little-endian float32, as `WriteReport` has it.
  private static func digestOfVoxels(_ voxels: Tensor) -> String {
    var digest = ContentDigest()
    voxels.withUnsafeBuffer { digest.update(UnsafeRawBufferPointer($0)) }
    return digest.hex
  }
}
