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
    for input in [request.input, request.noise].compactMap({ $0 }) where Self.sameFile(input, output) {
      throw PipelineError(.usage, "the output is the input \(name); give another name, a source is never changed")
    }
    for name in request.outputs.map(\.lastPathComponent) where name.utf8.count > 255 {
      throw PipelineError(.cannotCreate, "the name \(FileError.printable(name)) is too long; choose a shorter output")
    }
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: folder.path, isDirectory: &isFolder), isFolder.boolValue else {
      throw PipelineError(.cannotCreate, "the folder of \(name) does not exist; make it first")
    }
    var status = stat()
    if stat(output.path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
      throw PipelineError(.cannotCreate, "\(name) is a folder; give a file name")
    }
    if request.ifExists == .fail { try refuseExisting() }
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
    if let manifest = try? Manifest.read(request.manifestURL), manifest.status == .committed, manifest.jobKey == key,
      manifest.outputs.contains(where: { $0.name == request.output.lastPathComponent }),
      manifest.verify(in: folder).isIntact
    {
      return manifest
    }
    try refuseExisting()
    return nil
  }

  private func refuseExisting() throws {
    guard let taken = request.outputs.first(where: exists) else { return }
    throw PipelineError(
      .outputExists,
      "\(FileError.printable(taken.lastPathComponent)) exists and is not the result of this very job; choose another "
        + "output, or --if-exists replace")
  }

  /// Tries to create a file beside the output, and looks whether the results will fit.
  func reserve(for volume: Volume) throws {
    do {
      try AtomicFile(to: request.output, ifExists: .replace).discard()
    } catch {
      guard error.kind == .notFound else { throw error }
      throw PipelineError(.cannotCreate, error.description)
    }
    let bytesPerVoxel =
      switch request.dataType {
      case .input: volume.header.dataType.byteCount
      case .type(let type): type.byteCount
      }
    // Compression is not counted on: noise hardly compresses.
    let needed = volume.voxels.count * (bytesPerVoxel + (request.options.samples > 1 ? 4 : 0))
    let attributes = try? FileManager.default.attributesOfFileSystem(forPath: folder.path)
    guard let free = (attributes?[.systemFreeSize] as? NSNumber)?.int64Value, free < Int64(needed) else { return }
    throw PipelineError(
      .noSpace,
      "the results need up to \(ByteCount.text(needed)), \(ByteCount.text(Int(free))) are free; make room or choose another disk"
    )
  }

  /// Before a result is replaced its manifest goes, so that at no time one describes files that it does not match.
  func clearForReplacement() throws {
    guard request.ifExists == .replace, exists(request.manifestURL) else { return }
    do { try FileManager.default.removeItem(at: request.manifestURL) } catch {
      throw PipelineError(.cannotCreate, "the manifest of the result to be replaced cannot be removed: \(error)")
    }
  }

  /// Whether two paths lead to one file, by name or by link.
  private static func sameFile(_ a: URL, _ b: URL) -> Bool {
    func identity(_ url: URL) -> [UInt64]? {
      var status = stat()
      guard stat(url.path, &status) == 0 else { return nil }
      return [UInt64(status.st_dev), UInt64(status.st_ino)]
    }
    if let first = identity(a), first == identity(b) { return true }
    return a.standardizedFileURL.resolvingSymlinksInPath() == b.standardizedFileURL.resolvingSymlinksInPath()
  }
}
