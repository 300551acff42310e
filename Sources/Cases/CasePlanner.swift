public import BatchQueue
public import Configuration
import DurableFiles
public import Foundation
public import Models
public import Pipeline
import Provenance
import Volumes

/// What would become of one file: `pellucid plan`.
public struct CasePlan: Encodable, Sendable {
  /// The file as the caller named it.
  public var file: String
  /// The job that it would be.
  public var job: JobID?
  /// `new`, `refused`, `duplicate` of a file before it, or the state that its job is in: `done` where the result stands.
  public var state: String
  /// The exit code of a refusal, or of what a job that was given up failed with; 0 without one.
  public var code = 0
  /// Why it would be refused, or was given up.
  public var text: String?
  /// The workflow that it would get.
  public var workflow: String?
  /// Geometry, batches, labels, evaluations, memory.
  public var run: RunPlan?
  /// Predicted seconds of computing; nil where nothing is left to compute.
  public var seconds: Double?
  /// Where the prediction comes from.
  public var secondsFrom: EvaluationTimes.Source?
  /// The most bytes that the copy of the input and the results can take on the disk; 0 where they are there.
  public var disk = 0

  init(file: String) {
    self.file = file
    state = Self.new
  }

  static let new = "new"
  /// The state of a file that would not become a job.
  public static let refused = "refused"
  /// The state of a file whose job an earlier file of the plan is already: it is computed once.
  public static let duplicate = "duplicate"

  /// Whether it is still to be computed.
  public var isToDo: Bool {
    state != Self.refused && state != Self.duplicate && state != JobState.done.rawValue
      && state != JobState.quarantine.rawValue
  }
}

/// Finds out what a batch would do, and does nothing: no file is made, and no spool.
public final class CasePlanner {
  private let shelf: ModelShelf
  private let choice: WorkflowChoice
  private let results: ResultsTree?
  private let spool: Spool?
  private let memory: Int?
  private let classify: (any Error) -> (code: Int, text: String)
  private var toDo: Set<JobID> = []
  private lazy var times = EvaluationTimes(manifests())

  /// A planner for results that may not exist yet; `memory` is the bound of cases whose workflow gives none, `classify` gives
  /// an error its exit code and its one line.
  public init(
    library: WorkflowLibrary, models: ModelLocator, results: URL?, spool: URL?, memory: Int? = nil,
    classify: @escaping (any Error) -> (code: Int, text: String)
  ) throws {
    shelf = ModelShelf(models)
    choice = WorkflowChoice(library: library, shelf: shelf)
    self.results = results.map { ResultsTree(at: $0) }
    self.memory = memory
    self.classify = classify
    let inside = results?.appendingPathComponent(".pellucid/spool")
    self.spool = try spool.map { try Spool(at: $0) } ?? inside.flatMap { try? Spool(at: $0) }
  }

  /// What would become of a file; `name` is what it is called in the plan.
  public func plan(_ request: IntakeRequest, named name: String) -> CasePlan {
    var plan = CasePlan(file: name)
    do { try fill(&plan, request) } catch {
      plan.state = CasePlan.refused
      (plan.code, plan.text) = classify(error)
    }
    return plan
  }

  private func fill(_ plan: inout CasePlan, _ request: IntakeRequest) throws {
    let folder = try BoundFolder(URL(fileURLWithPath: request.folder))
    guard request.path.isText else {
      throw FileError(.invalidName, "the name of the file is no text; rename it, or leave it out of the plan")
    }
    let url = folder.url.appendingPathComponent(String(decoding: request.path.bytes, as: UTF8.self))
    // As a batch does: below the folder no link is followed.
    _ = try folder.file(request.path)
    let scan = try VolumeFile.inspect(url).summary
    let files = try VolumeFile.existingFiles(of: url).map { try RegularFile($0) }
    let digests = try files.map { try ContentDigest.sha256(of: $0) }
    let work = try choice.work(
      request, scan.header.format == .png ? .png : .nifti, Intake.names.ending(of: request.path.lastName) ?? "", folder)
    plan.workflow = work.workflow.name
    let model = try shelf.described(work.workflow.model)
    var run = try work.request(input: url, in: results?.root ?? folder.url, model: model)
    let job = JobID(key: try run.jobKey(inputs: digests))
    plan.job = job
    plan.state = try state(job)?.rawValue ?? CasePlan.new
    if plan.state == JobState.quarantine.rawValue, let why = spool?.reasonOfQuarantine(job) {
      (plan.code, plan.text) = (why.code, why.text)
    }
    if plan.isToDo { run.memoryLimit = run.memoryLimit ?? memory }
    if plan.isToDo, !toDo.insert(job).inserted { plan.state = CasePlan.duplicate }
    plan.run = try RunPlan(run, for: scan, inputs: digests)
    plan.run?.input = work.inputName
    guard plan.isToDo, let planned = plan.run else { return }
    let staged = spool.map { spool in digests.allSatisfy { has(spool, $0) } } ?? false
    plan.disk = planned.outputBytes + (staged ? 0 : files.reduce(0) { $0 + $1.byteCount })
    (plan.seconds, plan.secondsFrom) = try times.seconds(planned, model: model) {
      try shelf.loaded(work.workflow.model)
    }
  }

  private func state(_ job: JobID) throws -> JobState? {
    if let spool { return try spool.state(of: job) }
    return try results?.isCommitted(job) == true ? .done : nil
  }

  private func has(_ spool: Spool, _ digest: String) -> Bool {
    let folder = spool.root.appendingPathComponent("input/\(digest.prefix(2))")
    return ((try? FolderChanges.names(in: folder)) ?? []).contains { $0.hasPrefix(digest) }
  }

  /// Some results that stand; ids are digests, so the first ones are a fair sample.
  private func manifests() -> [Manifest] {
    guard let results, let jobs = try? results.committed() else { return [] }
    return jobs.prefix(200).compactMap { try? Manifest.read(results.manifest(of: $0)) }
  }
}
