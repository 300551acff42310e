import Configuration
import Diffusion
import DurableFiles
import Foundation
import Models
import Provenance
import TensorCore
import Training

@testable import Volumes

/// The readers of bytes from outside, each behind the door that the program itself uses.
///
/// A reader either takes an input or throws an error of its own. Anything else (a trap, a sanitizer's report, more than
/// two seconds, too much memory, a broken promise below) is a finding.
enum FuzzTarget: String, CaseIterable {
  case nifti, gzip, png, safetensors, card, pickle, checkpoint, yaml, manifest

  /// What voxels may take; small, so that a header cannot have gigabytes.
  private static let options = VolumeReadOptions(maximumBytes: 16 << 20, convertColour: true)

  /// Reads one input; throws what the reader throws.
  func read(_ bytes: [UInt8]) throws {
    switch self {
    case .nifti: try Self.nifti(bytes)
    case .gzip: try Self.gzip(bytes)
    case .png: _ = try VolumeFile.read(InputFile.write(bytes, "input.png"), options: Self.options)
    case .safetensors: try Self.safetensors(bytes)
    case .card: try Self.card(bytes)
    case .pickle: _ = try CheckpointImport.read(InputFile.write(Checkpoint.archive(pickle: bytes), "input.pth"))
    case .checkpoint: _ = try CheckpointImport.read(InputFile.write(bytes, "input.pth"))
    case .yaml: try Self.yaml(bytes)
    case .manifest: try Self.manifest(bytes)
    }
  }

  /// Whatever is written in YAML: how to train, how to treat scans, how to treat one drop.
  private static func yaml(_ bytes: [UInt8]) throws {
    let readers: [() throws -> Void] = [
      { _ = try TrainingConfiguration(contentsOf: InputFile.write(bytes, "input.yaml")) },
      { _ = try Workflow(yaml: Data(bytes), name: "input") },
      { _ = try WorkflowOverride(yaml: Data(bytes), name: "input.pellucid.yaml") },
    ]
    var refusals: [any Error] = []
    for read in readers {
      do { try read() } catch {
        checkRefusal(error)
        refusals.append(error)
      }
    }
    if refusals.count == readers.count { throw refusals[0] }
  }

  /// A single file, or the header of a pair with its image behind it.
  private static func nifti(_ bytes: [UInt8]) throws {
    let url: URL
    if let layout = NIfTILayout(firstBytes: bytes), bytes.count >= layout.headerSize,
      Array(bytes[layout.magicRange]) == layout.magic(pair: true)
    {
      let split = min(bytes.count, layout.leastOffset)
      url = InputFile.write(Array(bytes[..<split]), "input.hdr")
      _ = InputFile.write(Array(bytes[split...]), "input.img")
    } else {
      url = InputFile.write(bytes, "input.nii")
    }
    let volume = try VolumeFile.read(url, options: options)
    promise(volume.voxels.count == volume.voxels.shape.reduce(1, *), "voxels that the shape does not tell")
    promise(volume.affine.isInvertible, "an affine that cannot be inverted")
  }

  /// What our frame around zlib accepts, zlib's own must accept too, with the same bytes.
  private static func gzip(_ bytes: [UInt8]) throws {
    let source = try GzipSource(RegularFile(InputFile.write(bytes, "input.gz")))
    var found: [UInt8] = []
    var piece = 1
    while true {
      var buffer = [UInt8](repeating: 0, count: piece)
      let got = try buffer.withUnsafeMutableBytes { try source.read(into: $0) }
      found += buffer[..<got]
      if got < piece { break }
      guard found.count < 4 << 20 else { return }
      piece = min(2 * piece, 1 << 16)
    }
    _ = try source.finish(limit: 0)
    promise(inflated(bytes) == found, "gzip that zlib reads differently")
  }

  private static func safetensors(_ bytes: [UInt8]) throws {
    let url = InputFile.write(bytes, "input.safetensors")
    do { _ = try ModelFile.readCard(url) } catch { checkRefusal(error) }
    do { _ = try ModelFile.read(url) } catch { checkRefusal(error) }
    _ = try SafetensorsFile(url).tensors()
  }

  private static func card(_ bytes: [UInt8]) throws {
    let card = try ModelCard(json: String(decoding: bytes, as: UTF8.self), from: "input")
    promise(try ModelCard(json: card.json(), from: "its own text") == card, "a card that its own text changes")
  }

  private static func manifest(_ bytes: [UInt8]) throws {
    let manifest = try Manifest.read(InputFile.write(bytes, "input.manifest.json"))
    _ = try manifest.verify(in: InputFile.folder)
    let again = try Manifest.read(InputFile.write(Array(try manifest.encoded()), "again.manifest.json"))
    promise(again == manifest, "a manifest that its own text changes")
  }
}

/// Where the inputs lie as files: in memory, if the script that starts this says so by `TMPDIR`.
enum InputFile {
  static let folder = FileManager.default.temporaryDirectory

  static func write(_ bytes: [UInt8], _ name: String) -> URL {
    let url = folder.appendingPathComponent(name)
    let file = open(url.path(percentEncoded: false), O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    guard file >= 0, Foundation.write(file, bytes, bytes.count) == bytes.count else {
      fatalError("cannot write \(url.path)")
    }
    close(file)
    return url
  }
}

/// Stops with a finding unless a promise is kept.
func promise(_ kept: @autoclosure () throws -> Bool, _ otherwise: String) {
  do { if try kept() { return } } catch { fatalError("\(otherwise): \(error)") }
  fatalError(otherwise)
}

/// A refusal is an error of the room's own type, in one line that can be shown on a terminal.
func checkRefusal(_ error: any Error) {
  let text: String
  switch error {
  case let error as VolumeError: text = error.description
  case let error as FileError: text = error.description
  case let error as ConfigurationError: text = error.description
  case let error as ModelError: text = error.description
  case let error as TrainingError: text = error.description
  case let error as DiffusionError: text = error.description
  case let error as ProvenanceError: text = error.description
  default: fatalError("an error that nobody expects: \(type(of: error)) \(error)")
  }
  let length = text.unicodeScalars.count
  promise(length <= 2000, "an error of \(length) characters")
  promise(
    text.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control },
    "an error with control characters: \(text.debugDescription)")
}
