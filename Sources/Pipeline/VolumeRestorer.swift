public import Diffusion
import Foundation
public import Models
public import TensorCore
public import Transforms
public import Volumes

/// Makes the denoiser for some conditions `[n, rows, columns, channels]` in [-1, 1].
public typealias DenoiserMaker = @Sendable (_ conditions: Tensor) throws -> any Denoiser<Tensor>

/// Restores volumes with one model: pure computation, no file is touched.
///
/// Slices go through the 2D network in batches; frames of a 4D volume one after the other. A slice's result does not
/// depend on the batch that it was in, so `batch` is a matter of memory and speed only. A super-resolving model puts a
/// slice between every two, again and again until there are `options.sliceFactor` times as many steps; the slices that
/// were there stay as they were.
public struct VolumeRestorer: Sendable {
  /// The model's card.
  public let card: ModelCard
  /// How it is sampled.
  public let options: SamplingOptions
  /// The program that one batch runs, once per sample.
  public let plan: SamplerPlan
  /// Slices that go through the network together.
  public let batch: Int
  let conditions: ConditionSlices
  private let makeDenoiser: DenoiserMaker

  /// A restorer; throws `DiffusionError` where the sampler does not suit the model, `PipelineError` where options do not
  /// suit the task.
  public init(card: ModelCard, options: SamplingOptions, batch: Int, makeDenoiser: @escaping DenoiserMaker) throws {
    precondition(batch > 0 && options.samples > 0)
    guard [2, 4, 8, 16].contains(options.sliceFactor), card.task == .superResolve || options.sliceFactor == 2 else {
      throw PipelineError(
        .usage,
        "a slice factor of 2, 4, 8 or 16 is for super-resolution; model \(card.name) is to \(card.task.rawValue)")
    }
    guard (64...4096).contains(options.tile ?? 64) else {
      throw PipelineError(.usage, "tiles have 64 to 4096 pixels, not \(options.tile ?? 0)")
    }
    guard !options.plane.isSeveral || card.task != .superResolve else {
      throw PipelineError(
        .usage,
        "model \(card.name) makes slices of one plane; plane \"\(options.plane.rawValue)\" is for models that keep the grid"
      )
    }
    guard options.sliceDetail == .predicted || (card.task == .denoise && card.envelope.modality != "CT") else {
      throw PipelineError(
        .usage,
        "slice detail can be matched where the input is the truth with white noise, as in the denoising of MR; "
          + "model \(card.name) is for something else: leave it \"predicted\"")
    }
    guard options.noiseLevel == nil || card.noiseLevel != nil else {
      throw PipelineError(
        .usage, "model \(card.name) is not told the noise level of its input; leave out --noise-level")
    }
    self.card = card
    self.options = options
    conditions = try card.conditions
    plan = try options.plan(for: card)
    self.batch = batch
    self.makeDenoiser = makeDenoiser
  }

  static let noGap = PipelineError(
    .unsuitableInput,
    "a volume of one slice has no gap to fill; give two slices or more, or use a model that keeps the grid")

  /// How many slices the volume has before each pass, and after the last.
  private func passes(slices: Int) -> [Int] {
    guard card.task == .superResolve else { return [slices, slices] }
    return Array(sequence(first: slices) { 2 * $0 - 1 }.prefix(options.sliceFactor.trailingZeroBitCount + 1))
  }

  /// Which way a volume is cut.
  public func plane(for volume: Volume) -> SlicingPlane { SlicingPlane(options.plane, for: volume) }

  /// Images that the network makes in each pass.
  func imagesPerPass(slices: Int) -> [Int] {
    card.task == .superResolve ? passes(slices: slices).dropLast().map { $0 - 1 } : [slices]
  }

  /// Slices of the result of so many slices.
  public func outputSlices(of slices: Int) -> Int { passes(slices: slices).last ?? slices }

  /// The volume that restored voxels make: on the input's grid, or with as many slices between the first and the last.
  public func output(_ voxels: Tensor, for input: Volume) -> Volume {
    if card.task == .translate { return input.like(voxels: voxels).withoutDisplayRange() }
    guard card.task == .superResolve else { return input.like(voxels: voxels) }
    var affine = input.affine
    let axis = plane(for: input).axis
    for row in 0..<3 { affine.rows[row][axis] /= Double(options.sliceFactor) }
    return Volume(voxels: voxels, affine: affine, header: input.header)
  }

  /// The input on the result's grid: itself, or with linear interpolation in the gaps, which is what a super-resolved volume
  /// is compared with.
  public func inputOnOutputGrid(_ input: Volume) -> Volume {
    guard card.task == .superResolve else { return input }
    let plane = plane(for: input)
    var voxels = plane.arranged(input.voxels)
    for _ in 0..<options.sliceFactor.trailingZeroBitCount { voxels = voxels.interleavingSlices(voxels.betweenSlices()) }
    return output(plane.stored(voxels), for: input)
  }

  /// Restores every slice of every frame.
  ///
  /// The voxels must be finite. `progress` is called after each network evaluation with how many are done; what it
  /// throws ends the work.
  public func restore(_ volume: Volume, progress: (_ done: Int) throws -> Void = { _ in }) throws -> Restoration {
    var result = try withoutActuallyEscaping(progress) { try restored(volume, progress: $0) }
    if options.sliceDetail == .matched { result.matchSliceDetail(to: volume, cut: plane(for: volume)) }
    return result
  }

  private func restored(_ volume: Volume, progress: @escaping (_ done: Int) throws -> Void) throws -> Restoration {
    let scale = try ValueScale(card, options, volume)
    if let noise = options.givenNoise { try check(noise, against: volume) }
    var done = 0
    func evaluated() throws {
      done += 1
      try progress(done)
    }
    let planes = try planes(volume.dimensions, volume.affine, volume.header.format)
    if planes.count > 1 {
      let result = try self.restored(volume.voxels, cut: planes, scale, evaluated: evaluated)
      return Restoration(result.mean, result.deviation, scale, evaluations: done)
    }
    let plane = planes[0]
    let noise = options.givenNoise.map(plane.arranged)
    func restored(_ voxels: Tensor, pass: Int) throws -> Slices {
      try self.restored(voxels, scale, noise, pass: pass, evaluated: evaluated)
    }
    guard card.task == .superResolve else {
      let result = try restored(plane.arranged(volume.voxels), pass: 0)
      return Restoration(plane.stored(result.mean), result.deviation.map(plane.stored), scale, evaluations: done)
    }
    var voxels = plane.arranged(volume.voxels)
    guard voxels.shape[1] > 1 else { throw Self.noGap }
    var deviation = options.samples > 1 ? Tensor(repeating: 0, shape: voxels.shape) : nil
    for pass in 0..<options.sliceFactor.trailingZeroBitCount {
      let made = try restored(voxels, pass: pass)
      voxels = voxels.interleavingSlices(made.mean)
      if let new = made.deviation { deviation = deviation?.interleavingSlices(new) }
    }
    return Restoration(plane.stored(voxels), deviation.map(plane.stored), scale, evaluations: done)
  }

  /// Slices that were made: the mean of the samples, and their standard deviation from two on.
  private typealias Slices = (mean: Tensor, deviation: Tensor?)

  /// One pass over voxels `[frames, slices, rows, columns]`.
  private func restored(
    _ voxels: Tensor, _ scale: ValueScale, _ noise: Tensor?, pass: Int, evaluated: @escaping () throws -> Void
  ) throws -> Slices {
    let (slices, rows, columns) = (voxels.shape[1], voxels.shape[2], voxels.shape[3])
    let multiple = card.architecture.sizeMultiple
    let source = SliceStack(slices: slices, rows: rows, columns: columns, multiple: multiple)
    let count = card.task == .superResolve ? slices - 1 : slices
    let target = SliceStack(slices: count, rows: rows, columns: columns, multiple: multiple)
    var out = Tensor(uninitialized: [voxels.shape[0], count, rows, columns])
    var deviation = options.samples > 1 ? Tensor(uninitialized: out.shape) : nil
    var size = 0
    for frame in 0..<voxels.shape[0] {
      for first in stride(from: 0, to: count, by: batch) {
        let range = first..<min(first + batch, count)
        // Blocks of one size of batch are of no use to another, as the last one of a frame often is.
        if range.count != size { ComputeBackend.releaseIdleMemory() }
        size = range.count
        let input = source.images(range, offsets: conditions.offsets, ofFrame: frame, from: voxels)
        let denoiser = try denoiser(scale.conditions(input), evaluated: evaluated)
        var moments = SampleMoments()
        for sample in 0..<options.samples {
          let field = NoiseField(
            seed: options.seed, sample: sample + pass << 20, sharing: options.noiseField, stack: target,
            given: noise)
          moments.add(
            try plan.run(
              denoiser, from: field.images(range, ofFrame: frame, draw: 0),
              noise: { field.images(range, ofFrame: frame, draw: $0 + 1) }))
        }
        let images = values(of: moments, scale, from: conditions.centre(of: input))
        target.place(images, at: range, ofFrame: frame, in: &out)
        if deviation != nil {
          target.place(scale.output.restoredDifference(moments.deviation), at: range, ofFrame: frame, in: &deviation!)
        }
      }
    }
    return (out, deviation)
  }

  /// Frames `[frames, slices, rows, columns]` as stored, judged in several planes at every step.
  private func restored(
    _ voxels: Tensor, cut planes: [SlicingPlane], _ scale: ValueScale, evaluated: @escaping () throws -> Void
  ) throws -> Slices {
    let (slices, rows, columns) = (voxels.shape[1], voxels.shape[2], voxels.shape[3])
    let stack = SliceStack(slices: slices, rows: rows, columns: columns, multiple: 1)
    var frames: (mean: [Tensor], deviation: [Tensor]) = ([], [])
    for frame in 0..<voxels.shape[0] {
      let input = voxels.slice(frame..<frame + 1)
      let denoiser = ThreePlaneDenoiser(
        input, planes, multiple: card.architecture.sizeMultiple, scale, conditions, batch: batch
      ) { try self.denoiser($0, evaluated: evaluated) }
      var moments = SampleMoments()
      for sample in 0..<options.samples {
        let field = NoiseField(
          seed: options.seed, sample: sample, sharing: options.noiseField, stack: stack, given: options.givenNoise)
        func noise(_ draw: Int) -> Tensor {
          field.images(0..<slices, ofFrame: frame, draw: draw).reshaped(input.shape)
        }
        moments.add(try plan.run(denoiser, from: noise(0), noise: { noise($0 + 1) }))
      }
      frames.mean.append(values(of: moments, scale, from: input))
      if options.samples > 1 { frames.deviation.append(scale.output.restoredDifference(moments.deviation)) }
    }
    return (.concatenate(frames.mean), frames.deviation.isEmpty ? nil : .concatenate(frames.deviation))
  }

  /// The network as a sampler sees it, tile by tile where that was asked for.
  private func denoiser(_ conditions: Tensor, evaluated: @escaping () throws -> Void) throws -> TiledDenoiser {
    let tiling = tiling(rows: conditions.shape[1], columns: conditions.shape[2])
    return try TiledDenoiser(tiling, conditions: conditions, evaluated: evaluated, make: makeDenoiser)
  }

  /// Voxel values of the mean of some samples, of which these were the inputs.
  private func values(of moments: SampleMoments, _ scale: ValueScale, from input: Tensor) -> Tensor {
    // What the window cut off a bone is given back to it; another contrast has no use for it.
    card.task == .translate
      ? scale.output.restored(moments.mean) : scale.output.restored(moments.mean, outsideFrom: input)
  }

  /// What `restore` would refuse before its first evaluation: voxels without a range, noise that does not fit.
  func check(_ volume: Volume) throws {
    _ = try IntensityTransform(IntensityRule(card.intensity), fitting: volume)
    if let noise = options.givenNoise { try check(noise, against: volume) }
  }

  private func check(_ noise: Tensor, against volume: Volume) throws {
    guard card.task != .superResolve else {
      throw PipelineError(.usage, "--noise is for models that keep the grid; leave it out for super-resolution")
    }
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
