import BatchQueue
import DurableFiles
import Foundation
import Provenance

/// A result on the disk: its record, its files, and of what the queue made, the queue's own record.
struct StoredResult {
  /// The job, as the name of its record says; nil for the result of a single run.
  let job: JobID?
  let manifest: URL
  /// Where its outputs lie; nil if they are gone.
  let folder: URL?
  /// Remarks on where it lies.
  var remarks: [String] = []
  /// The copies of its inputs that the queue made, by digest.
  var staged: [String: URL] = [:]
  /// What was done, as the queue knows it.
  var work: CaseWork?

  /// The result of a single run, by its output or its manifest.
  init(file: URL) {
    job = nil
    let isManifest = file.lastPathComponent.hasSuffix(".manifest.json")
    manifest = isManifest ? file : Manifest.location(for: file)
    folder = file.deletingLastPathComponent()
  }

  /// A committed result of a tree.
  init(_ job: JobID, in tree: ResultsTree, spool: Spool?) throws {
    self.job = job
    manifest = tree.manifest(of: job)
    folder = try tree.files(of: job)
    if let folder, folder.path != tree.caseFolder(of: job).path {
      remarks.append("its files still lie in .staging; the next worker moves them to their place")
    }
    guard let spool else { return }
    for input in (try? spool.job(job))?.inputs ?? [] { staged[input.sha256] = spool.url(of: input) }
    work = try? CaseWork(of: job, in: spool)
  }
}

/// Checks one result against its record; nothing is changed.
struct ResultAuditor {
  let result: StoredResult

  /// What was found, and the manifest if it can be read.
  func check() throws -> (ResultCheck, Manifest?) {
    var check = ResultCheck(job: result.job)
    check.remarks = result.remarks
    let manifest: Manifest
    do { manifest = try Manifest.read(result.manifest) } catch let error as ProvenanceError {
      check.problems.append(error.description)
      return (check, nil)
    }
    check.problems += try manifest.inconsistencies()
    if check.job == nil, manifest.jobKey.count == 64 { check.job = JobID(manifest.jobKey.prefix(16)) }
    if let job = result.job, JobID(manifest.jobKey.prefix(16)) != job {
      check.problems.append("the manifest is of another job than its name says")
    }
    try checkOutputs(manifest, &check)
    try checkInputs(manifest, &check)
    return (check, manifest)
  }

  private func checkOutputs(_ manifest: Manifest, _ check: inout ResultCheck) throws {
    guard let folder = result.folder else {
      check.problems.append("the files of the result are gone")
      return
    }
    let report = try manifest.verify(in: folder)
    check.checked += report.checked
    for problem in report.problems {
      check.problems.append(
        "\(FileError.printable(problem.name)) is \(problem.kind == .missing ? "missing" : "changed")")
    }
    guard result.job != nil else { return }
    let copy = folder.appendingPathComponent(ResultsTree.manifestName)
    if try Data(contentsOf: result.manifest) != (try? Data(contentsOf: copy)) {
      check.problems.append("\(ResultsTree.manifestName) beside the outputs is not the manifest that was committed")
    }
    // The sidecar is a function of the manifest, so the manifest cannot hold its digest.
    let sidecar = folder.appendingPathComponent(CaseWork.sidecarName)
    if let data = try? Data(contentsOf: sidecar), data != (try manifest.bidsSidecar()) {
      check.problems.append("\(CaseWork.sidecarName) is not what the manifest says")
    }
    let known = Set(manifest.outputs.map(\.name) + [ResultsTree.manifestName, CaseWork.sidecarName])
    for name in try FolderChanges.names(in: folder) where !known.contains(name) {
      check.remarks.append("\(FileError.printable(name)) is not in the manifest")
    }
  }

  private func checkInputs(_ manifest: Manifest, _ check: inout ResultCheck) throws {
    for input in manifest.inputs {
      guard let copy = result.staged[input.sha256], FolderChanges.exists(copy) else { continue }
      check.checked += 1
      guard try ContentDigest.sha256(of: copy) == input.sha256 else {
        check.problems.append("the spool's copy of the input \(FileError.printable(input.name)) is changed")
        continue
      }
    }
  }
}
