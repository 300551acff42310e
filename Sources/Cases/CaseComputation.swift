import BatchQueue
import Configuration
import DurableFiles
import Foundation
import Pipeline
import Provenance

/// What a machine allows its cases; no result depends on it.
public struct CaseBounds {
  /// The memory bound in bytes of a case whose workflow gives none; nil for no bound.
  public var memory: Int?
  /// Sets the threads of the next case: what its workflow says, nil for the machine's.
  public var setThreads: (Int?) -> Void

  /// Bounds from their parts.
  public init(memory: Int? = nil, setThreads: @escaping (Int?) -> Void = { _ in }) {
    self.memory = memory
    self.setThreads = setThreads
  }
}

/// Computes one job into the folder of its attempt.
struct CaseComputation {
  private let spool: Spool
  private let shelf: ModelShelf
  private let bounds: CaseBounds

  init(_ spool: Spool, shelf: ModelShelf, bounds: CaseBounds) {
    self.spool = spool
    self.shelf = shelf
    self.bounds = bounds
  }

  /// Does the work; when it returns, everything is flushed and the manifest stands beside the outputs.
  func compute(_ request: ComputeRequest, progress: (Int, Int) -> Void) throws {
    let job = try spool.job(request.job)
    let work = try CaseWork(of: request.job, in: spool)
    let model = try shelf.loaded(work.workflow.model)
    guard model.sha256 == work.modelSha256 else {
      throw PipelineError(
        .unsuitableModel,
        "the model \(work.workflow.model) is another file than when the job was submitted; put that one back, or submit anew"
      )
    }
    let staging = URL(fileURLWithPath: request.staging, isDirectory: true)
    var run = try work.request(
      input: spool.url(of: job.inputs[0]), in: staging, model: model, viewer: shelf.viewer, attempt: request.attempt,
      failures: request.earlierFailures)
    run.memoryLimit = run.memoryLimit ?? bounds.memory
    bounds.setThreads(work.workflow.threads)
    if request.smaller, let bound = try? ImageToImagePipeline(run).plan().predictedMemory {
      // Smaller batches give the same bits. A bound that nothing fits is no help: then it is tried as it was.
      var smaller = run
      smaller.memoryLimit = min(run.memoryLimit ?? .max, bound * 3 / 5)
      if (try? ImageToImagePipeline(smaller).plan()) != nil { run = smaller }
    }
    let outcome = try ImageToImagePipeline(run).run { event in
      switch event {
      case .planned(let plan): progress(0, plan.evaluations)
      case .evaluated(let done, let total): progress(done, total)
      case .writing: progress(0, 0)
      case .warning: break
      }
    }
    guard case .committed(let manifest) = outcome, manifest.jobKey == job.key else {
      throw PipelineError(
        .unsuitableInput, "the copy of the input is not what the job was submitted for; drop the file again")
    }
    try AtomicFile.write(try manifest.bidsSidecar(), to: staging.appendingPathComponent(CaseWork.sidecarName))
  }
}
