import BatchQueue
import Configuration
import Diffusion
import DurableFiles
import Foundation
import Models
import Pipeline
import Provenance
import Transforms
import Volumes

/// Computes results again, in folders of their own outside the results, and compares voxels.
final class ResultRerunner {
  private let shelf: ModelShelf
  private let archive: InputArchive
  private let model: String?

  init(models: ModelLocator, inputs: [URL], model: String?) {
    shelf = ModelShelf(models)
    archive = InputArchive(inputs)
    self.model = model
  }

  /// Computes a result again and writes into `check` what it came to.
  func rerun(_ result: StoredResult, _ manifest: Manifest, _ check: inout ResultCheck) throws {
    guard manifest.software.numericVersion == SoftwareRecord.pellucidNumericVersion else {
      check.rerun = .otherVersion
      check.remarks.append(
        "computed by pellucid \(FileError.printable(manifest.software.version)), whose numbers are others than this version's"
      )
      return
    }
    guard let model = try model(of: manifest, result.work) else {
      check.rerun = .modelMissing
      check.remarks.append("no model with the digest in the manifest was found; name it with --model")
      return
    }
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("pellucid-rerun-\(UUID().uuidString)")
    try makeFolder(folder)
    defer { try? FolderChanges.remove(folder) }
    guard let inputs = try gather(manifest.inputs, result.staged, into: folder) else {
      check.rerun = .inputMissing
      check.remarks.append("no file with the digest of the input was found; name a folder with --inputs")
      return
    }
    do {
      let request = try request(manifest, inputs, folder, model, memory: result.work?.workflow.memory)
      guard case .committed(let again) = try ImageToImagePipeline(request).run(), again.jobKey == manifest.jobKey else {
        check.rerun = .failed
        check.problems.append("the manifest does not say all that its result was computed by")
        return
      }
      compare(manifest, again, &check)
    } catch {
      check.rerun = .failed
      check.problems.append("it cannot be computed again: \(error)")
    }
  }

  private func compare(_ manifest: Manifest, _ again: Manifest, _ check: inout ResultCheck) {
    func digests(_ manifest: Manifest) -> [String: String] {
      Dictionary(
        manifest.outputs.compactMap { f in f.sha256Voxels.map { (f.role, $0) } }, uniquingKeysWith: { a, _ in a })
    }
    var differences: [String] = []
    func note(_ name: String, _ then: String, _ now: String) {
      if then != now { differences.append("\(name) was \(FileError.printable(then)), is \(now)") }
    }
    note("the instruction set", manifest.environment.isa, again.environment.isa)
    note("the BLAS core", manifest.environment.blasCore, again.environment.blasCore)
    check.remarks += differences
    guard digests(manifest) != digests(again) else {
      check.rerun = .identical
      return
    }
    check.rerun = differences.isEmpty ? .different : .differentMachine
    if differences.isEmpty {
      check.problems.append("computed again, it has other voxels")
    } else {
      check.remarks.append(
        "computed again, it has other voxels: the same bits are promised within one instruction set only")
    }
  }

  /// The model with the digest in the manifest: by the name in the queue's record, in the manifest, or given by the user.
  private func model(of manifest: Manifest, _ work: CaseWork?) throws -> RestorationModel? {
    for name in [model, work?.workflow.model, manifest.model.name].compactMap(\.self) {
      guard let described = try? shelf.described(name), described.sha256 == manifest.model.weightsSha256 else {
        continue
      }
      return try shelf.loaded(name)
    }
    return nil
  }

  /// Links the inputs into `folder` under names of ours, as the manifest has them; nil if one of them is not to be found.
  private func gather(_ records: [FileRecord], _ staged: [String: URL], into folder: URL) throws -> [String: URL]? {
    var found: [String: URL] = [:]
    for record in records {
      let copy = staged[record.sha256].flatMap { copy in
        (try? ContentDigest.sha256(of: copy)) == record.sha256 ? copy : nil
      }
      guard let file = try copy ?? archive.file(digest: record.sha256, bytes: record.bytes) else { return nil }
      // The two files of a pair find one another by name.
      let stem = record.role.hasPrefix("noise") ? "noise" : "input"
      let link = folder.appendingPathComponent(stem + Manifest.ending(of: URL(fileURLWithPath: record.name)))
      try FileManager.default.createSymbolicLink(at: link, withDestinationURL: file.standardizedFileURL)
      found[record.role] = link
    }
    return found
  }

  private func request(
    _ manifest: Manifest, _ inputs: [String: URL], _ folder: URL, _ model: RestorationModel, memory: Int?
  ) throws -> RunRequest {
    let parameters = manifest.parameters
    func text(_ name: String) throws -> String {
      guard case .text(let value)? = parameters[name] else {
        throw ProvenanceError(.unreadable, "the manifest does not say `\(name)`")
      }
      return value
    }
    func number(_ name: String) throws -> UInt64 {
      guard case .integer(let value)? = parameters[name] else {
        throw ProvenanceError(.unreadable, "the manifest does not say `\(name)`")
      }
      return value
    }
    guard let image = inputs["image"] else { throw ProvenanceError(.unreadable, "the manifest names no image") }
    guard let samples = Int(exactly: try number("samples")), (1...1000).contains(samples) else {
      throw ProvenanceError(.unreadable, "the manifest names a number of `samples` that no run has")
    }
    var options = SamplingOptions(
      sampler: try Sampler(parsing: text("sampler")), seed: try number("seed"), samples: samples)
    options.noiseField = NoiseField.Sharing(rawValue: try text("noiseField")) ?? .shared
    if case .text(let plane)? = parameters["plane"] { options.plane = SlicingPlane.Choice(rawValue: plane) ?? .auto }
    if case .integer(let tile)? = parameters["tile"] { options.tile = Int(clamping: tile) }
    if case .text(let detail)? = parameters["sliceDetail"] {
      options.sliceDetail = SliceDetail.Choice(rawValue: detail) ?? .predicted
    }
    if case .integer(let factor)? = parameters["sliceFactor"] { options.sliceFactor = Int(clamping: factor) }
    switch parameters["noiseLevel"] {
    case .number(let level)?: options.noiseLevel = level
    case .integer(let level)?: options.noiseLevel = Double(level)
    default: break
    }
    if case .flag(let clamp)? = parameters["clamp"] { options.clampData = clamp }
    options.steps = try steps(named: text("labelSet"), options, model)
    let stored = try text("dataType")
    guard
      let dataType = stored == "input"
        ? .input : VoxelDataType(rawValue: stored).map(VolumeWriteOptions.DataTypeChoice.type)
    else { throw ProvenanceError(.unreadable, "the manifest names an unknown data type") }
    // Whether the input was fit for the model was decided then; the bound on memory changes no bit.
    return RunRequest(
      input: image, output: folder.appendingPathComponent("output" + (try text("format"))), model: model,
      options: options, noise: inputs["noise"], dataType: dataType, ifExists: .fail, memoryLimit: memory, force: true)
  }

  /// The `--steps` that gives a label set of this name with the model; nil for the one that it was trained on.
  private func steps(named name: String, _ options: SamplingOptions, _ model: RestorationModel) throws -> Int? {
    if try options.labels(for: model.card).name == name { return nil }
    for steps in 1...1000 {
      var tried = options
      tried.steps = steps
      if (try? tried.labels(for: model.card))?.name == name { return steps }
    }
    throw ProvenanceError(.unreadable, "the model has no label set called \(FileError.printable(name))")
  }
}

/// Files below some folders, found by their digests; a file is hashed only if its size is the one that is wanted.
final class InputArchive {
  private let folders: [URL]
  private var bySize: [Int: [URL]]?
  private var digests: [URL: String] = [:]

  init(_ folders: [URL]) { self.folders = folders }

  func file(digest: String, bytes: Int) throws -> URL? {
    if bySize == nil { bySize = try list() }
    return (bySize?[bytes] ?? []).first { url in
      if digests[url] == nil { digests[url] = try? ContentDigest.sha256(of: url) }
      return digests[url] == digest
    }
  }

  private func list() throws -> [Int: [URL]] {
    var found: [Int: [URL]] = [:]
    for folder in folders {
      var queue = [RelativePath()]
      let root = try BoundFolder(folder)
      while let path = queue.popLast() {
        for entry in (try? root.entries(of: path)) ?? [] {
          let inner = path.appending(entry.name)
          switch entry.kind {
          case .folder where inner.names.count < 32: queue.append(inner)
          case .file where inner.isText:
            found[entry.signature.size, default: []].append(
              folder.appendingPathComponent(String(decoding: inner.bytes, as: UTF8.self)))
          default: break
          }
        }
      }
    }
    return found
  }
}
