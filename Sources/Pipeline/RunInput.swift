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
    let (volume, record) = try Self.read(request.input, role: "image", limit: request.memoryLimit)
    self.volume = volume
    guard let url = request.noise else {
      noise = nil
      records = [record]
      return
    }
    let (noise, noiseRecord) = try Self.read(url, role: "noise", limit: request.memoryLimit)
    self.noise = noise.voxels
    records = [record, noiseRecord]
  }

  private static func read(_ url: URL, role: String, limit: Int?) throws -> (Volume, FileRecord) {
    let digest = try ContentDigest.sha256(of: url)
    var options = VolumeReadOptions()
    if let limit { options.maximumBytes = min(options.maximumBytes, limit) }
    let volume: Volume
    do {
      volume = try VolumeFile.read(url, options: options)
    } catch let error as VolumeError where error.kind == .tooLarge && (limit ?? .max) < 16 << 30 {
      throw PipelineError(
        .notEnoughMemory, "\(error.description) (the bound is --memory \(ByteCount.text(limit ?? 0)))")
    }
    let file = try RegularFile(url)
    guard try ContentDigest.sha256(of: file) == digest else {
      throw PipelineError(
        .unsuitableInput, "\(file.name) changed while it was read; wait until it is complete and run again")
    }
    let record = FileRecord(
      role: role, name: url.lastPathComponent, sha256: digest, sha256Voxels: digestOfVoxels(volume.voxels),
      bytes: file.byteCount, format: volume.header.format.rawValue, geometry: GeometryRecord(volume),
      dataType: volume.header.dataType.rawValue, slope: volume.header.slope, intercept: volume.header.intercept,
      integrity: volume.integrity)
    return (volume, record)
  }

  /// SHA-256 of the voxels as little-endian float32, as `WriteReport` has it.
  private static func digestOfVoxels(_ voxels: Tensor) -> String {
    var digest = ContentDigest()
    voxels.withUnsafeBuffer { digest.update(UnsafeRawBufferPointer($0)) }
    return digest.hex
  }
}
