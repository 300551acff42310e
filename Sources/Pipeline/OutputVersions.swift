import DurableFiles
import Foundation
import Provenance

extension ImageToImagePipeline {
  /// Calls `body` with the output's name, then with `out.2.nii.gz`, `out.3.nii.gz` …, until one is free or holds the result
  /// of this very job.
  ///
  /// Nobody is asked beforehand which name is free: each is tried as a name that must not be taken, so of two runs that
  /// want the same one, one gets it and the other goes on to the next.
  func eachVersion<R>(_ body: (ImageToImagePipeline) throws -> R) throws -> R {
    var request = request
    request.ifExists = nil
    for number in 1...Self.mostVersions {
      request.output = self.request.output(version: number)
      do { return try body(ImageToImagePipeline(request)) } catch {
        let isTaken = (error as? PipelineError)?.kind == .outputExists || (error as? FileError)?.kind == .exists
        guard isTaken else { throw error }
      }
    }
    throw PipelineError(
      .outputExists,
      "\(FileError.printable(self.request.output.lastPathComponent)) and \(Self.mostVersions - 1) further versions exist; "
        + "choose another output")
  }

  private static var mostVersions: Int { 999 }
}

extension RunRequest {
  /// The output's name with a number before its ending; the first version has none.
  func output(version number: Int) -> URL {
    guard number > 1 else { return output }
    let name = output.lastPathComponent
    let ending = name.suffix(Manifest.ending(of: output).count)
    return output.deletingLastPathComponent().appendingPathComponent(
      "\(name.dropLast(ending.count)).\(number)\(ending)")
  }
}
