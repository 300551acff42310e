import DurableFiles
public import Foundation
import TensorCore
public import Volumes

/// A scan made worse on purpose, on disk with a record of how.
public struct DegradedScan: Sendable, Equatable, Codable {
  /// One file and its digest.
  public struct File: Sendable, Equatable, Codable {
    /// Name without its folder.
    public var name: String
    /// SHA-256 in hexadecimal.
    public var sha256: String
  }

  /// What was done: `low-dose-ct`, `rician`, `thick-slices`.
  public var kind: String
  /// Dose, noise level or factor.
  public var level: Double
  /// Further parameters by name.
  public var parameters: [String: Double]
  /// Seed of the noise.
  public var seed: UInt64
  /// The model whose card said what to do, if one did.
  public var model: String?
  /// What it was made from.
  public var input: File
  /// What was made.
  public var output: File
  /// The version that made it.
  public var software: String

  /// Where the record of an output lies: beside it, with `.json` added to its name.
  public static func recordURL(for output: URL) -> URL {
    output.deletingLastPathComponent().appendingPathComponent(output.lastPathComponent + ".json")
  }

  /// Reads a scan, makes it worse, writes it and then its record.
  ///
  /// The same input, parameters and seed give the same bytes.
  public static func make(
    _ degradation: Degradation, of input: URL, to output: URL, seed: UInt64, model: String?, software: String,
    options: VolumeWriteOptions
  ) throws -> DegradedScan {
    let record = recordURL(for: output)
    for source in VolumeFile.existingFiles(of: input) {
      if let taken = (VolumeFile.files(of: output) + [record]).first(where: { leadToSameFile($0, source) }) {
        throw TrainingError(
          .parameter,
          "the output \(FileError.printable(taken.lastPathComponent)) is the input; give another name, a source is never "
            + "changed")
      }
    }
    if options.ifExists == .fail {
      for url in [output, record] where FileManager.default.fileExists(atPath: url.path) {
        throw TrainingError(.outputExists, "\(url.path) exists: choose another name, or say --if-exists replace")
      }
    }
    let digest = try ContentDigest.sha256(of: input)
    let volume = try VolumeFile.read(input)
    guard volume.voxels.withUnsafeBuffer({ $0.allSatisfy(\.isFinite) }) else {
      throw TrainingError(
        .data, "\(FileError.printable(input.lastPathComponent)) has voxels that are no numbers; replace them first")
    }
    let degraded = try degradation.apply(to: volume, seed: seed)
    guard degraded.voxels.withUnsafeBuffer({ $0.allSatisfy(\.isFinite) }) else {
      throw TrainingError(
        .data, "the values of \(FileError.printable(input.lastPathComponent)) are too large to degrade")
    }
    let staged = try VolumeFile.stage(degraded, to: output, options: options)
    let report = staged.report
    let scan = DegradedScan(
      kind: degradation.kind.rawValue, level: degradation.level, parameters: degradation.parameters, seed: seed,
      model: model, input: File(name: input.lastPathComponent, sha256: digest),
      output: File(name: report.fileName, sha256: report.sha256), software: software)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    let recordFile = try AtomicFile(to: record, ifExists: options.ifExists)
    try recordFile.write(try encoder.encode(scan) + Data("\n".utf8))
    try recordFile.seal()
    do {
      try staged.commit()
      try recordFile.commit()
    } catch {
      if options.ifExists == .fail { staged.withdraw() }
      throw error
    }
    return scan
  }
}
