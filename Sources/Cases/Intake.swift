public import BatchQueue
import Configuration
import DurableFiles
import Foundation
import Models
import Pipeline
import Volumes

/// Turns files into jobs: copies them into the spool, judges them, finds their workflow, submits.
public struct Intake {
  /// What names mean to those who look for files.
  public static let names = DropNames(
    endings: [".nii", ".nii.gz", ".hdr", ".hdr.gz", ".png"],
    companions: [".hdr": [".img", ".img.gz"], ".hdr.gz": [".img.gz", ".img"]])

  private let spool: Spool
  private let choice: WorkflowChoice
  private let shelf: ModelShelf

  init(_ spool: Spool, library: WorkflowLibrary, shelf: ModelShelf) {
    self.spool = spool
    choice = WorkflowChoice(library: library, shelf: shelf)
    self.shelf = shelf
  }

  /// What becomes of one file; throws what makes it impossible now and may pass, such as a full disk.
  func take(_ request: IntakeRequest) throws -> IntakeReply {
    let folder = try BoundFolder(URL(fileURLWithPath: request.folder))
    let file: RegularFile
    do { file = try folder.file(request.path) } catch {
      // The name leads elsewhere now, or nowhere: then there is no such drop any more.
      let isGone = [.notFound, .invalidName, .notARegularFile].contains(error.kind)
      return isGone && request.signature != nil ? .changed : try throwing(error)
    }
    if let seen = request.signature, try file.signature() != seen { return .changed }
    if !request.announced, file.hasWriter { return .incomplete("another process has it open for writing") }
    let ending = Self.names.ending(of: request.path.lastName) ?? ""
    let staged: [Copy]
    do { staged = try stage(file, ending, request.path, folder) } catch {
      guard (error as? QueueError)?.kind == .damaged else { throw error }
      return .changed
    }
    // A copy stays only for a job.
    var isJob = false
    defer {
      if !isJob { for copy in staged where copy.isNew { try? spool.discard(copy.input) } }
    }
    let reply = try submit(request, staged.map(\.input), ending, folder)
    if case .job = reply { isJob = true }
    return reply
  }

  private func submit(_ request: IntakeRequest, _ inputs: [Job.Input], _ ending: String, _ folder: BoundFolder) throws
    -> IntakeReply
  {
    // All of it is read and checked, and none of it kept: an intake takes the same memory whatever is dropped.
    let scan: VolumeSummary
    do { scan = try VolumeFile.inspect(spool.url(of: inputs[0])).summary } catch {
      guard let error = error as? VolumeError else { throw error }
      if !request.announced, error.kind == .truncated || error.kind == .empty { return .incomplete(error.shortReason) }
      return .refused(Failure(kind: .permanent, code: 65, text: error.shortReason))
    }
    let format: Workflow.Format = scan.header.format == .png ? .png : .nifti
    let work = try choice.work(request, format, ending, folder)
    let model = try shelf.described(work.workflow.model)
    let plan = try work.request(input: spool.url(of: inputs[0]), in: spool.results.root, model: model)
    let job = Job(
      key: try plan.jobKey(inputs: inputs.map(\.sha256)), priority: request.priority ?? work.workflow.priority,
      sequence: request.sequence, retries: work.workflow.retries, inputs: inputs)
    // Before the job is there, or a crash between the two would leave it without its names.
    try BIDSView.remember(request.path, of: folder, as: job.id, in: spool)
    switch try spool.submit(job, work: try work.encoded()) {
    case .new: return .job(job.id, known: nil)
    case .known(let state): return .job(job.id, known: state)
    }
  }

  /// The refusal of a file that cannot be opened; a disk that fails may work again, and is thrown.
  private func throwing(_ error: FileError) throws -> IntakeReply {
    if error.kind == .io || error.kind == .exhausted { throw error }
    return .refused(Failure(kind: .permanent, code: error.kind == .permission ? 77 : 66, text: error.withoutName))
  }

  private typealias Copy = (input: Job.Input, isNew: Bool)

  private func stage(_ file: RegularFile, _ ending: String, _ path: RelativePath, _ folder: BoundFolder) throws
    -> [Copy]
  {
    guard let companions = Self.names.companions[ending] else {
      return [try spool.stage(file, role: "image", ending: ending)]
    }
    let stem = (path.names.last ?? []).dropLast(ending.utf8.count)
    for companion in companions {
      for spelling in [companion, companion.uppercased()] {
        let name = path.folder.appending(Array(stem) + Array(spelling.utf8))
        guard folder.holds(name) else { continue }
        let image = try folder.file(name)
        // The two are found beside one another under a name that both decide.
        let digests = try [file, image].map { try ContentDigest.sha256(of: $0) }
        let pair = ContentDigest.sha256(of: Data(digests.joined().utf8))
        return [
          try spool.stage(file, role: "image", ending: ending, stem: pair),
          try spool.stage(image, role: "image-data", ending: companion, stem: pair),
        ]
      }
    }
    throw VolumeError(.truncated, "the image file of the pair is missing; put it beside its header")
  }
}

extension CaseWork {
  func encoded() throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return try encoder.encode(self)
  }
}
