public import BatchQueue
import DurableFiles
import Foundation
import Provenance

/// Has results made again that are gone or damaged.
public enum ResultMender {
  /// Checks a committed result, hashing all of it, and takes its job up again if it is not what was committed.
  ///
  /// Returns false, and changes nothing, if the result is intact. What is left of a damaged one is kept in
  /// `.pellucid/damaged`.
  public static func mend(_ job: JobID, in spool: Spool) throws -> Bool {
    let (check, _) = try ResultAuditor(result: StoredResult(job, in: spool.results, spool: nil)).check()
    guard !check.ok else { return false }
    try spool.redo(job)
    return true
  }

  /// Whether every file of a committed result is there, with the length that it should have: the quick look.
  static func isInPlace(_ job: JobID, in results: ResultsTree) throws -> Bool {
    guard let folder = try results.files(of: job) else { return false }
    let manifest: Manifest
    do { manifest = try Manifest.read(results.manifest(of: job)) } catch is ProvenanceError { return false }
    return try manifest.outputs.allSatisfy { output in
      try RegularFile.ifThere(folder.appendingPathComponent(output.name))?.byteCount == output.bytes
    }
  }
}
