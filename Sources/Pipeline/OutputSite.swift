import DurableFiles
import Foundation
import Provenance
import TensorCore
import Volumes

/// The place where a run's files go: everything that can be refused there is refused before anything is computed.
struct OutputSite {
  private let request: RunRequest

  init(_ request: RunRequest) { self.request = request }

  /// How files are put in place.
  var policy: AtomicFile.IfExists { request.ifExists == .replace ? .replace : .fail }

  private var folder: URL { request.output.deletingLastPathComponent() }

  private func exists(_ url: URL) -> Bool { (try? FileManager.default.attributesOfItem(atPath: url.path)) != nil }

  /// Refuses a name that cannot be written, an output that is an input, and an output that must stay.
  func check() throws {
    let output = request.output
    let name = FileError.printable(output.lastPathComponent)
    guard Manifest.ending(of: output) != "" else {
      throw PipelineError(
        .usage, "the output's name must end in .nii, .nii.gz, .hdr, .img or .png, not as \(name) does")
    }
    let sources = [request.input, request.noise].compactMap(\.self).flatMap(VolumeFile.existingFiles)
    for source in sources {
      if let taken = request.outputs.first(where: { leadToSameFile($0, source) }) {
        throw PipelineError(
          .usage,
          "the output \(FileError.printable(taken.lastPathComponent)) is an input; give another name, a source is never "
            + "changed")
      }
    }
    for name in request.outputs.map(\.lastPathComponent) where name.utf8.count > 255 {
      throw PipelineError(.cannotCreate, "the name \(FileError.printable(name)) is too long; choose a shorter output")
    }
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: folder.path, isDirectory: &isFolder), isFolder.boolValue else {
      throw PipelineError(.cannotCreate, "the folder of \(name) does not exist; make it first")
    }
    for url in request.outputs {
      var status = stat()
      guard stat(url.path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { continue }
      throw PipelineError(
        .cannotCreate, "\(FileError.printable(url.lastPathComponent)) is a folder; give another name, or move it away")
    }
    // What stands without its result would be found only after everything was computed.
    if request.ifExists == .fail || (request.ifExists == .skip && !exists(output)) { try refuseExisting() }
  }

  /// Refuses a container that cannot hold the result, before the result is computed.
  func checkContainer(for volume: Volume) throws {
    guard Manifest.ending(of: request.output) == ".png" else { return }
    guard volume.header.format == .png else {
      throw PipelineError(.usage, "a PNG holds one slice without geometry; the input is a NIfTI, so write .nii.gz")
    }
    guard request.dataType == .input else {
      throw PipelineError(.usage, "a PNG is stored as its input is; leave out --dtype, or write .nii.gz")
    }
  }

  /// Whether something stands there that is to be left alone unseen.
  func mustSkip() throws -> Bool { request.ifExists == .skip && exists(request.output) }

  /// The manifest of the same job whose outputs stand unchanged; refuses anything else that stands there.
  func identicalResult(_ key: String) throws -> Manifest? {
    guard request.ifExists == nil else { return nil }
    if let manifest = try? Manifest.read(request.manifestURL), manifest.jobKey == key,
      manifest.outputs.contains(where: { $0.name == request.output.lastPathComponent }),
      try manifest.verify(in: folder).isIntact
    {
      return manifest
    }
    try refuseExisting()
    return nil
  }

  /// What a run of this job would do with what stands there; refuses what the run would refuse.
  func outlook(_ key: String) throws -> RunPlan.Existing {
    if try mustSkip() || identicalResult(key) != nil { return .skip }
    return request.outputs.contains(where: exists) ? .replace : .new
  }

  private func refuseExisting() throws {
    guard let taken = request.outputs.first(where: exists) else { return }
    let why = request.ifExists == .fail ? "exists" : "exists and is not the result of this very job"
    throw PipelineError(
      .outputExists,
      "\(FileError.printable(taken.lastPathComponent)) \(why); choose another output, or --if-exists replace")
  }

  /// Tries to create a file beside the output, and looks whether results of so many bytes will fit.
  func reserve(_ needed: Int) throws {
    try AtomicFile(to: request.output, ifExists: .replace).discard()
    let attributes = try? FileManager.default.attributesOfFileSystem(forPath: folder.path)
    guard let free = (attributes?[.systemFreeSize] as? NSNumber)?.int64Value, free < Int64(needed) else { return }
    throw PipelineError(
      .noSpace,
      "the results need up to \(ByteCount.text(needed)), \(ByteCount.text(Int(free))) are free; make room or choose another disk"
    )
  }

  /// The most bytes that the volumes of a run can take; compression is not counted on, for noise hardly compresses.
  static func mostBytes(_ request: RunRequest, _ input: VoxelDataType, voxels: Int) -> Int {
    let bytesPerVoxel =
      switch request.dataType {
      case .input: input.byteCount
      case .type(let type): type.byteCount
      }
    return voxels * (bytesPerVoxel + (request.options.samples > 1 ? 4 : 0))
  }

  /// Before a result is replaced its manifest goes, so that at no time one describes files that it does not match.
  func clearForReplacement() throws {
    guard request.ifExists == .replace, exists(request.manifestURL) else { return }
    // With the manifest goes what it lists and the new result does not have: a report or a deviation of other voxels.
    let old = (try? Manifest.read(request.manifestURL))?.outputs.map(\.name) ?? []
    let superseded = [request.reportURL, request.deviationURL].filter {
      old.contains($0.lastPathComponent) && !request.outputs.contains($0) && exists($0)
    }
    for url in [request.manifestURL] + superseded {
      // unlink and not removeItem, which would take a folder with everything in it.
      guard unlink(url.path) == 0 else {
        throw PipelineError(
          .cannotCreate, "\(FileError.printable(url.lastPathComponent)) of the result to be replaced cannot be removed")
      }
    }
  }
}
