public import Diffusion
import Foundation
public import Models
public import TensorCore
import Transforms
public import Volumes

/// Makes the denoiser for some conditions `[n, rows, columns, channels]` in [-1, 1].
public typealias DenoiserMaker = @Sendable (_ conditions: Tensor) throws -> any Denoiser<Tensor>

/// Restores volumes with one model: pure computation, no file is touched.
///
/// Slices go through the 2D network in batches; frames of a 4D volume one after the other. A slice's result does not
/// depend on the batch that it was in, so `batch` is a matter of memory and speed only.
public struct VolumeRestorer: Sendable {
  /// The model's card.
  public let card: ModelCard
  /// How it is sampled.
  public let options: SamplingOptions
  /// The program that one batch runs, once per sample.
  public let plan: SamplerPlan
  /// Slices that go through the network together.
  public let batch: Int
  private let makeDenoiser: DenoiserMaker

  /// A restorer; throws `DiffusionError` where the sampler does not suit the model, `PipelineError` where the task needs
  /// other inputs than one volume.
  public init(card: ModelCard, options: SamplingOptions, batch: Int, makeDenoiser: @escaping DenoiserMaker) throws {
    precondition(batch > 0 && options.samples > 0)
    let conditions = card.architecture.inputChannels - card.architecture.outputChannels
    guard card.task != .superResolve, conditions == 1, card.architecture.outputChannels == 1 else {
      throw PipelineError(
        .unsuitableInput,
        "model \(card.name) (\(card.task.rawValue)) takes \(conditions) condition images per slice and makes "
          + "\(card.architecture.outputChannels); run restores one image from one: choose a denoising or translation model"
      )
    }
    self.card = card
    self.options = options
    plan = try options.plan(for: card)
    self.batch = batch
    self.makeDenoiser = makeDenoiser
  }

  /// Network evaluations that a volume takes, each of one batch.
  public func evaluations(frames: Int, slices: Int) -> Int {
    frames * ((slices + batch - 1) / batch) * options.samples * plan.nfe
  }

  /// Restores every slice of every frame.
  ///
  /// The voxels must be finite. `progress` is called after each network evaluation with how many are done; what it
  /// throws ends the work.
  public func restore(_ volume: Volume, progress: (_ done: Int) throws -> Void = { _ in }) throws -> Restoration {
    let intensity = try IntensityTransform(IntensityRule(card.intensity), fitting: volume)
    let stack = SliceStack(
      slices: volume.slices, rows: volume.rows, columns: volume.columns, multiple: card.architecture.sizeMultiple)
    if let noise = options.givenNoise { try check(noise, against: volume) }
    var out = Tensor(uninitialized: volume.voxels.shape)
    var deviation = options.samples > 1 ? Tensor(uninitialized: volume.voxels.shape) : nil
    var (done, size) = (0, 0)
    for frame in 0..<volume.frames {
      for first in stride(from: 0, to: volume.slices, by: batch) {
        let range = first..<min(first + batch, volume.slices)
        // Blocks of one size of batch are of no use to another, as the last one of a frame often is.
        if range.count != size { ComputeBackend.releaseIdleMemory() }
        size = range.count
        let input = stack.images(range, ofFrame: frame, from: volume.voxels)
        var moments = SampleMoments()
        let denoiser = try makeDenoiser(intensity.normalized(input))
        for sample in 0..<options.samples {
          let field = NoiseField(
            seed: options.seed, sample: sample, sharing: options.noiseField, stack: stack, given: options.givenNoise)
          moments.add(
            try run(denoiser, field, range, frame) {
              done += 1
              try progress(done)
            })
        }
        let restored =
          card.task == .denoise
          ? intensity.restored(moments.mean, outsideFrom: input) : intensity.restored(moments.mean)
        stack.place(restored, at: range, ofFrame: frame, in: &out)
        if deviation != nil {
          stack.place(intensity.restoredDifference(moments.deviation), at: range, ofFrame: frame, in: &deviation!)
        }
      }
    }
    return Restoration(voxels: out, deviation: deviation, low: intensity.low, high: intensity.high, evaluations: done)
  }

  private func run(
    _ denoiser: some Denoiser<Tensor>, _ field: NoiseField, _ range: Range<Int>, _ frame: Int,
    evaluated: () throws -> Void
  ) throws -> Tensor {
    try plan.run(
      denoiser, from: field.images(range, ofFrame: frame, draw: 0),
      noise: { field.images(range, ofFrame: frame, draw: $0 + 1) }, progress: { _, _ in try evaluated() })
  }

  private func check(_ noise: Tensor, against volume: Volume) throws {
    let expected = [volume.slices, volume.rows, volume.columns]
    guard noise.shape.count == 4, [1, volume.frames].contains(noise.shape[0]),
      Array(noise.shape.dropFirst()) == expected
    else {
      throw PipelineError(
        .unsuitableInput,
        "the noise volume has \(noise.shape.reversed().map(String.init).joined(separator: " × ")) voxels, the input "
          + "\(volume.columns) × \(volume.rows) × \(volume.slices): give one of the input's stored dimensions")
    }
    guard options.samples == 1 else {
      throw PipelineError(.usage, "--noise fixes the starting noise of one sample; leave out --samples")
    }
    let wrong = noise.withUnsafeBuffer { $0.count { !$0.isFinite } }
    guard wrong == 0 else {
      throw PipelineError(.unsuitableInput, "the noise volume has \(wrong) values that are not finite numbers")
    }
  }
}

/// A restored volume, before it is stored.
public struct Restoration: Sendable {
  /// Voxel values in the input's unit, `[frames, slices, rows, columns]`; the mean where there were several samples.
  public let voxels: Tensor
  /// The sample standard deviation of each voxel, from two samples on.
  public let deviation: Tensor?
  /// The voxel value that the network saw as -1.
  public let low: Double
  /// The voxel value that the network saw as 1.
  public let high: Double
  /// Network evaluations, each of one batch.
  public let evaluations: Int
}

/// Running mean and standard deviation of samples, element by element (Welford's recurrence).
struct SampleMoments {
  private(set) var count = 0
  private(set) var mean = Tensor(uninitialized: [])
  private var squares = Tensor(uninitialized: [])

  /// Takes in one more sample.
  mutating func add(_ sample: Tensor) {
    count += 1
    guard count > 1 else {
      mean = sample
      squares = Tensor(repeating: 0, shape: sample.shape)
      return
    }
    let weight = 1 / Float(count)
    sample.withUnsafeBuffer { x in
      mean.withUnsafeMutableBuffer { mean in
        squares.withUnsafeMutableBuffer { squares in
          for i in 0..<x.count {
            let delta = x[i] - mean[i]
            mean[i] += delta * weight
            squares[i] += delta * (x[i] - mean[i])
          }
        }
      }
    }
  }

  /// The sample standard deviation, with `count - 1` in the denominator.
  var deviation: Tensor {
    precondition(count > 1)
    var out = squares
    let scale = 1 / Float(count - 1)
    out.withUnsafeMutableBuffer { for i in 0..<$0.count { $0[i] = (max($0[i], 0) * scale).squareRoot() } }
    return out
  }
}
