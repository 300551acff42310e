import Diffusion
import Foundation
import Models
public import Provenance
import TensorCore

/// How long network evaluations take here: by what earlier results took, else by trying.
public final class EvaluationTimes {
  /// Where a time comes from.
  public enum Source: String, Sendable, Codable {
    /// Results that stand, by the same model, threads and instruction set.
    case earlierResults = "earlier results"
    /// One evaluation of one image, timed now.
    case measurement
  }

  /// Seconds per pixel of one evaluation, and per voxel for all that is not computing, by the model's digest.
  private var earlier: [String: [(perPixel: Double, perVoxel: Double)]] = [:]
  private var measured: [String: [Int: Double]] = [:]

  /// Times from these manifests, those that are of other threads, instruction sets or versions left out.
  public init(_ manifests: [Manifest] = []) {
    for manifest in manifests { learn(manifest) }
  }

  /// Seconds that a planned run takes; `loaded` gives its model ready to compute, if it must be tried.
  ///
  /// Measured, it is the time of computing alone. Throws what the model throws.
  public func seconds(_ plan: RunPlan, model: RestorationModel, loaded: () throws -> RestorationModel) throws
    -> (seconds: Double, source: Source)
  {
    // From results, pixels are counted as they are in the file.
    let evaluations = Double(plan.samples * plan.labels.count * (plan.plane == "all" ? 3 : 1))
    let voxels = Double(plan.dimensions.reduce(1, *))
    if let rates = earlier[model.sha256], !rates.isEmpty {
      let perPixel = Self.median(rates.map(\.perPixel)), perVoxel = Self.median(rates.map(\.perVoxel))
      return (voxels * (evaluations * perPixel + perVoxel), .earlierResults)
    }
    return (Double(plan.pixels) * (try measure(plan, model.sha256, loaded)), .measurement)
  }

  private func learn(_ manifest: Manifest) {
    let environment = manifest.environment
    guard environment.threads == Parallel.threadCount, environment.isa == ComputeBackend.instructionSet.rawValue,
      environment.blasCore == ComputeBackend.blasCore,
      manifest.software.numericVersion == SoftwareRecord.pellucidNumericVersion,
      let evaluations = manifest.evaluationsPerSlice,
      let size = manifest.inputs.first?.geometry?.dimensions, size.count == 4
    else { return }
    let voxels = size.map(Double.init).reduce(1, *)
    let work = voxels * Double(evaluations)
    guard work > 0 else { return }
    let times = manifest.durations
    earlier[manifest.model.weightsSha256, default: []].append(
      (times.infer / work, (times.read + times.plan + times.write + times.verify) / voxels))
  }

  /// Seconds per pixel of an evaluation at the size of a plan, or at the nearest one of three that were tried.
  private func measure(_ plan: RunPlan, _ model: String, _ loaded: () throws -> RestorationModel) throws -> Double {
    let pixels = plan.networkSize.reduce(1, *)
    let known = measured[model] ?? [:]
    if let nearest = known.min(by: { abs($0.key - pixels) < abs($1.key - pixels) }),
      nearest.key == pixels || known.count >= 3
    {
      return nearest.value
    }
    let (rows, columns) = (plan.networkSize[1], plan.networkSize[0])
    let image = Tensor(repeating: 0.25, shape: [1, rows, columns, 1])
    let restoration = try loaded()
    let denoiser = try restoration.makeDenoiser(
      Tensor(repeating: 0.25, shape: [1, rows, columns, restoration.card.conditionChannels]))
    let label = plan.labels.last ?? 0
    // Once to take memory and to warm up.
    _ = try denoiser.predict(image, label: label)
    let start = ContinuousClock.now
    _ = try denoiser.predict(image, label: label)
    let perPixel = (ContinuousClock.now - start) / .seconds(1) / Double(pixels)
    measured[model, default: [:]][pixels] = perPixel
    return perPixel
  }

  private static func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    return sorted[sorted.count / 2]
  }
}
