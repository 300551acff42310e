public import BatchQueue
public import Configuration
import DurableFiles
import Foundation
public import Models
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
  ///
  /// `progress` is called now and then.
  func take(_ request: IntakeRequest, progress: () -> Void = {}) throws -> IntakeReply {
    let folder = try BoundFolder(URL(fileURLWithPath: request.folder))
    let file: RegularFile
    do { file = try folder.file(request.path) } catch {
      // The name leads elsewhere now, or nowhere: then there is no such drop any more.
      let isGone = [.notFound, .invalidName, .notARegularFile].contains(error.kind)
      return isGone && request.signature != nil ? .changed : try throwing(error)
    }
    if let seen = request.signature, try file.signature() != seen { return .changed }
    let ending = Self.names.ending(of: request.path.lastName) ?? ""
    let files = try files(file, ending, request.path, folder)
    if !request.announced, files.contains(where: \.file.hasWriter) {
      return .incomplete("another process has it open for writing")
    }
    let staged: [StagedInput]
    do { staged = try spool.prepare(files, progress: progress) } catch {
      guard (error as? QueueError)?.kind == .damaged else { throw error }
      // An inbox comes back to it; a file that was named once must not be forgotten.
      guard request.signature == nil else { return .changed }
      return .later(Failure(kind: .passing, code: 75, text: "the file changed while it was read; give it again"))
    }
    // A copy stays only for a job. One that has its final name may have another's by now.
    defer { spool.discard(staged) }
    return try submit(request, staged, ending, folder)
  }

  private func submit(_ request: IntakeRequest, _ staged: [StagedInput], _ ending: String, _ folder: BoundFolder) throws
    -> IntakeReply
  {
    // All of it is read and checked, and none of it kept: an intake takes the same memory whatever is dropped.
    let scan: VolumeSummary
    do { scan = try VolumeFile.inspect(staged[0].url).summary } catch {
      guard let error = error as? VolumeError else { throw error }
      if !request.announced, error.kind == .truncated || error.kind == .empty { return .incomplete(error.shortReason) }
      return .refused(Failure(kind: .permanent, code: 65, text: error.shortReason))
    }
    let format: Workflow.Format = scan.header.format == .png ? .png : .nifti
    let work = try choice.work(request, format, ending, folder)
    let model = try shelf.described(work.workflow.model)
    let plan = try work.request(input: staged[0].url, in: spool.results.root, model: model)
    let inputs = staged.map(\.input)
    let job = Job(
      key: try plan.jobKey(inputs: inputs.map(\.sha256)), priority: request.priority ?? work.workflow.priority,
      sequence: request.sequence, retries: work.workflow.retries, inputs: inputs)
    try spool.keep(staged)
    // Before the job is there, or a crash between the two would leave it without its names.
    try BIDSView.remember(request.path, of: folder, as: job.id, in: spool)
    switch try spool.submit(job, work: try work.encoded()) {
    case .new: return .job(job.id, known: nil)
    case .known(.done):
      do {
        guard try !ResultMender.isInPlace(job.id, in: spool.results) else { return .job(job.id, known: .done) }
      } catch let error as FileError {
        // What keeps a result from being read says nothing of the file that was given.
        return .later(Failure(kind: .passing, code: 74, text: error.description))
      }
      try spool.redo(job.id)
      return .job(job.id, known: nil)
    case .known(let state): return .job(job.id, known: state)
    }
  }

  /// Whether a file was refused for what workflows and models are at this site, and not for what it is.
  static func isOfSite(_ error: any Error, _ request: IntakeRequest) -> Bool {
    switch error {
    case is ModelError: true
    case let error as ConfigurationError: error.file != WorkflowChoice.optionsName
    default: false
    }
  }

  /// A text that changes when a workflow or a model does.
  public static func site(_ library: WorkflowLibrary, _ models: ModelLocator) -> String {
    let workflows = library.available.map(\.url)
    let named = workflows.compactMap { (try? Workflow.read($0)).flatMap { try? models.locate($0.model) } }
    let files = workflows + models.available.map(\.url) + named
    let lines = files.map { url in
      let signature = try? RegularFile(url).signature()
      return "\(url.path) \(signature.map { "\($0)" } ?? "")"
    }
    return ContentDigest.sha256(of: Data(lines.joined(separator: "\n").utf8))
  }

  /// The refusal of a file that cannot be opened; a disk that fails may work again, and is thrown.
  private func throwing(_ error: FileError) throws -> IntakeReply {
    if error.kind == .io || error.kind == .exhausted { throw error }
    return .refused(Failure(kind: .permanent, code: error.kind == .permission ? 77 : 66, text: error.withoutName))
  }

  /// A file, with its image if it is the header of a pair.
  private func files(_ file: RegularFile, _ ending: String, _ path: RelativePath, _ folder: BoundFolder) throws -> [(
    file: RegularFile, role: String, ending: String
  )] {
    guard let companions = Self.names.companions[ending] else { return [(file, "image", ending)] }
    let stem = (path.names.last ?? []).dropLast(ending.utf8.count)
    for companion in companions {
      for spelling in [companion, companion.uppercased()] {
        let name = path.folder.appending(Array(stem) + Array(spelling.utf8))
        guard folder.holds(name) else { continue }
        return [(file, "image", ending), (try folder.file(name), "image-data", companion)]
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
