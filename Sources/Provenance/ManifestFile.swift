public import DurableFiles
public import Foundation

/// What a manifest refuses.
public struct ProvenanceError: Error, Equatable, CustomStringConvertible {
  /// The class of the problem; the command line maps it to an exit code.
  public enum Kind: Sendable, Equatable {
    /// There is no such file.
    case missing
    /// It is no manifest, or of another version.
    case unreadable
  }
  /// The class of the problem.
  public let kind: Kind
  /// What is wrong and what to do, for people.
  public let description: String

  /// An error from its parts.
  public init(_ kind: Kind, _ description: String) {
    self.kind = kind
    self.description = description
  }
}

/// What was found when a manifest's outputs were hashed again.
public struct VerificationReport: Sendable, Equatable {
  /// One output that is not what the manifest says.
  public struct Problem: Sendable, Equatable {
    /// What is the matter with it.
    public enum Kind: Sendable, Equatable { case missing, changed }
    /// The output's name.
    public let name: String
    /// What is the matter.
    public let kind: Kind
  }
  /// Outputs that were hashed.
  public let checked: Int
  /// Outputs that differ.
  public let problems: [Problem]
  /// True when every output is there and unchanged.
  public var isIntact: Bool { problems.isEmpty }
}

extension Manifest {
  /// A manifest of a thousand outputs has some 2 MB.
  private static let largestFile = 64 << 20

  /// Endings that are dropped from an output's name; `.nii.gz` is one ending.
  private static let endings = [".nii.gz", ".hdr.gz", ".img.gz", ".nii", ".hdr", ".img", ".png"]

  /// `scan.nii.gz` → `scan`, in the same folder.
  public static func stem(of output: URL) -> URL {
    output.deletingLastPathComponent().appendingPathComponent(
      String(output.lastPathComponent.dropLast(ending(of: output).count)))
  }

  /// The known ending of an output's name in small letters, such as `.nii.gz`; empty for any other.
  public static func ending(of output: URL) -> String {
    let name = output.lastPathComponent
    return endings.first { name.lowercased().hasSuffix($0) && name.count > $0.count } ?? ""
  }

  /// Where the manifest of an output lies: beside it, its ending replaced by `.manifest.json`.
  public static func location(for output: URL) -> URL { sibling(of: output, ending: ".manifest.json") }

  /// A file beside an output, its ending replaced.
  public static func sibling(of output: URL, ending: String) -> URL {
    let stem = stem(of: output)
    return stem.deletingLastPathComponent().appendingPathComponent(stem.lastPathComponent + ending)
  }

  /// The manifest as text: sorted keys, indented, a line break at the end.
  public func encoded() throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
    return try encoder.encode(self) + Data("\n".utf8)
  }

  /// Writes the manifest whole or not at all.
  public func write(to url: URL, ifExists policy: AtomicFile.IfExists = .replace) throws {
    try AtomicFile.write(try encoded(), to: url, ifExists: policy)
  }

  /// Reads a manifest; throws `ProvenanceError` if there is none or a damaged one, `FileError` where the disk fails.
  public static func read(_ url: URL) throws -> Manifest {
    // Not by Foundation: it would wait for a pipe's writer, and read whatever size a file has.
    guard let file = try RegularFile.ifThere(url) else {
      throw ProvenanceError(.missing, "no manifest at \(url.lastPathComponent)")
    }
    guard file.byteCount <= largestFile else {
      throw ProvenanceError(.unreadable, "\(url.lastPathComponent) is too large to be a manifest")
    }
    let data = Data(try file.read(at: 0, count: file.byteCount))
    do {
      let manifest = try JSONDecoder().decode(Manifest.self, from: data)
      guard manifest.schema == currentSchema else {
        throw ProvenanceError(
          .unreadable,
          "\(url.lastPathComponent) is of format \(FileError.printable(manifest.schema, limit: 80)); "
            + "this version reads \(currentSchema)")
      }
      return manifest
    } catch let error as ProvenanceError {
      throw error
    } catch {
      throw ProvenanceError(.unreadable, "\(url.lastPathComponent) is not a manifest, or a damaged one")
    }
  }

  /// What in the manifest contradicts itself, one line each; empty for one that is as it was written.
  ///
  /// The digests that follow from its parts are computed again, so that no parameter, input or model can be changed alone.
  public func inconsistencies() throws -> [String] {
    var found: [String] = []
    if try CanonicalJSON.digest(of: parameters) != parametersSha256 {
      found.append("the manifest's parameters do not have the digest that it states")
    }
    let key = try Self.jobKey(
      inputs: inputs.map(\.sha256), weightsSha256: model.weightsSha256, parameters: parameters,
      numericVersion: software.numericVersion)
    if key != jobKey { found.append("the manifest's key does not follow from its inputs, model and parameters") }
    if outputs.isEmpty { found.append("the manifest lists no output") }
    return found
  }

  /// Hashes the outputs in `folder` again and compares; throws `FileError` where one is there and cannot be read.
  public func verify(in folder: URL) throws -> VerificationReport {
    let problems = try outputs.compactMap { output -> VerificationReport.Problem? in
      // A manifest names files of its own folder; anything else in it was not written by this program.
      guard output.name == URL(fileURLWithPath: output.name).lastPathComponent, output.name.utf8.count <= 255,
        let file = try RegularFile.ifThere(folder.appendingPathComponent(output.name))
      else { return VerificationReport.Problem(name: output.name, kind: .missing) }
      let isSame = try ContentDigest.sha256(of: file) == output.sha256
      return isSame ? nil : VerificationReport.Problem(name: output.name, kind: .changed)
    }
    return VerificationReport(checked: outputs.count, problems: problems)
  }
}
