import BatchQueue
public import DurableFiles
public import Foundation
public import Models
import Provenance

/// Checks results on the disk against their manifests, and at will computes them again; nothing among them is changed.
public struct ResultVerifier {
  /// What is checked, and by what means.
  public struct Options: Sendable {
    /// Whether each result is computed again from its input.
    public var rerun = false
    /// Folders below which inputs are looked for, by digest, that the spool does not have any more.
    public var inputs: [URL] = []
    /// Where models are looked for.
    public var models: ModelLocator
    /// A model's name or file, for results whose model is not found by the name in the manifest.
    public var model: String?
    /// The share of the results that is checked, chosen at random, one at least; nil for all.
    public var share: Double?
    /// The spool, if it does not lie in the results tree.
    public var spool: URL?

    /// All results, by their digests.
    public init(models: ModelLocator) { self.models = models }
  }

  private let options: Options
  private let results: [StoredResult]

  /// Finds the results: a results tree, or one result by its output or its manifest.
  ///
  /// Throws `ProvenanceError.missing` if there is neither, `FileError`, and `QueueError` for a spool that was named and is
  /// none.
  public init(_ place: URL, options: Options) throws {
    self.options = options
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: place.path, isDirectory: &isFolder) else {
      throw ProvenanceError(
        .missing,
        "there is no \(FileError.printable(place.lastPathComponent)); give a results tree, an output or a manifest")
    }
    guard isFolder.boolValue else {
      let result = StoredResult(file: place)
      guard FolderChanges.exists(result.manifest) else {
        throw ProvenanceError(
          .missing,
          "\(FileError.printable(place.lastPathComponent)) has no manifest beside it, so nothing says what it should be"
        )
      }
      results = [result]
      return
    }
    let tree = ResultsTree(at: place)
    guard FolderChanges.exists(place.appendingPathComponent(".pellucid/manifests")) else {
      throw ProvenanceError(
        .missing,
        "\(FileError.printable(place.lastPathComponent)) is no results tree (no .pellucid/manifests in it); check the path, "
          + "and that its disk is mounted")
    }
    let inside = place.appendingPathComponent(".pellucid/spool")
    let spool = try options.spool.map { try Spool(at: $0) } ?? (try? Spool(at: inside))
    var jobs = try tree.committed()
    if let share = options.share, !jobs.isEmpty {
      jobs = jobs.shuffled().prefix(max(1, Int((Double(jobs.count) * share).rounded(.up)))).sorted()
    }
    results = try jobs.map { try StoredResult($0, in: tree, spool: spool) }
  }

  /// How many results will be checked.
  public var count: Int { results.count }

  /// Checks them one by one; `tell` hears each as it comes, and what it throws ends the work.
  ///
  /// Whatever is wrong with a result is in what is returned, with the first failure to read any of them: what cannot be read
  /// now may be as it was.
  public func check(_ tell: (ResultCheck) throws -> Void = { _ in }) throws -> (
    checks: [ResultCheck], unreadable: FileError?
  ) {
    var unreadable: FileError?
    let rerunner =
      options.rerun ? ResultRerunner(models: options.models, inputs: options.inputs, model: options.model) : nil
    let checks = try results.map { result in
      var (check, manifest) = (ResultCheck(job: result.job), Manifest?.none)
      do { (check, manifest) = try ResultAuditor(result: result).check() } catch let error as FileError {
        check.problems.append(error.description)
        unreadable = unreadable ?? error
      }
      // What contradicts itself says nothing about how to compute it.
      if let rerunner, let manifest {
        if try manifest.inconsistencies().isEmpty {
          try rerunner.rerun(result, manifest, &check)
        } else {
          check.rerun = .failed
        }
      }
      try tell(check)
      return check
    }
    return (checks, unreadable)
  }
}
