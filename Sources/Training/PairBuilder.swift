import DurableFiles
import Foundation
import Models
import TensorCore
import Transforms
import Volumes

/// Reads scans and makes pairs of them.
struct PairBuilder {
  let configuration: TrainingConfiguration
  let folder: URL
  let cache: PlaneCache
  let realisations: Int
  let seed: UInt64
  let read: (URL) throws -> Volume
  let progress: PairedDataset.Progress

  func entry(_ entry: TrainingConfiguration.DataEntry, number: Int) throws -> PairedDataset.Entry {
    let url = folder.appendingPathComponent(entry.path)
    let clean = try slices(of: url, entry)
    try checkSize(clean, entry)
    var variants: [PairedDataset.Variant]
    if configuration.task == .superResolve {
      variants = try withGaps(clean, entry)
    } else if let settings = configuration.degradation {
      variants = try degraded(
        clean, entry: entry, number: number, digest: digest(of: url), settings: settings)
    } else {
      variants = [try paired(clean, entry)]
    }
    if configuration.loss.relativeToInput, let same = variants.first(where: { $0.inputError < 1e-8 }) {
      throw TrainingError(
        .data, "\(entry.path) at level \(same.level) equals its target: loss.relativeToInput cannot divide by its error"
      )
    }
    if configuration.noiseLevel != nil {
      for index in variants.indices {
        variants[index].noiseLevel = variants[index].condition.map { NoiseLevel.estimate($0.tensor) } ?? 0
        guard variants[index].noiseLevel > 0 else {
          throw TrainingError(
            .data, "\(entry.path) shows no noise within its intensity range: widen that, or leave noiseLevel out")
        }
      }
    }
    return PairedDataset.Entry(name: entry.path, weight: entry.weight, variants: variants)
  }

  /// Of all files that make up a scan: header and voxels may lie apart.
  private func digest(of url: URL) throws -> String {
    try VolumeFile.existingFiles(of: url).map { try ContentDigest.sha256(of: $0) }.joined(separator: "+")
  }

  /// A scan with its condition in another file.
  private func paired(_ clean: Volume, _ entry: TrainingConfiguration.DataEntry) throws -> PairedDataset.Variant {
    guard let condition = entry.condition else {
      throw TrainingError(.data, "\(entry.path) has neither a degradation nor a condition file")
    }
    let paired = try slices(of: folder.appendingPathComponent(condition), entry)
    guard paired.voxels.shape == clean.voxels.shape else {
      throw TrainingError(.data, "\(condition) and \(entry.path) have different grids: pairs must be aligned")
    }
    try checkPlace(paired, condition, clean, entry)
    // As at run time: a denoised image is scaled back as its input was scaled, another contrast by a range of its own.
    let reference = configuration.task == .denoise ? paired : clean
    var variant = PairedDataset.Variant(
      level: 0, target: try planes(clean, fitting: reference), condition: try planes(paired, fitting: paired))
    if configuration.task == .translate {
      let transform = try IntensityTransform(IntensityRule(configuration.intensity), fitting: reference)
      variant.targetRange = [transform.low, transform.high]
    }
    return variant
  }

  /// For super-resolution: slices of some thickness, every thin slice's distance from the next, so that between two that
  /// do not overlap there are all that could lie in between; and, as the result of one run is the input of the next,
  /// the halves, quarters … of that distance too.
  private func withGaps(_ clean: Volume, _ entry: TrainingConfiguration.DataEntry) throws -> [PairedDataset.Variant] {
    let factors = configuration.degradation.map { $0.record.levels.map { Int($0) } } ?? [1]
    return try factors.flatMap { factor -> [PairedDataset.Variant] in
      guard clean.slices >= factor else {
        throw TrainingError(.data, "\(entry.path) has \(clean.slices) slices, too few for slices of \(factor)")
      }
      let slabs = try planes(ThickSlices.overlapping(clean, thickness: factor), fitting: clean)
      let gaps = sequence(first: max(factor, 2)) { $0 > 2 ? $0 / 2 : nil }
      return try gaps.map { gap in
        let variant = PairedDataset.Variant(level: Double(factor), target: slabs, gap: gap)
        guard !variant.usablePlanes.isEmpty else {
          throw TrainingError(.data, "\(entry.path) has too few slices for gaps of \(gap)")
        }
        return variant
      }
    }
  }

  private func checkSize(_ volume: Volume, _ entry: TrainingConfiguration.DataEntry) throws {
    let size = configuration.patches.sizes.max() ?? 0
    guard volume.rows >= size, volume.columns >= size else {
      throw TrainingError(
        .data, "\(entry.path) has slices of \(volume.columns) × \(volume.rows), smaller than patches of \(size)")
    }
  }

  /// The slices of the first frame that an entry uses, cut as it says, with air around them.
  private func slices(of url: URL, _ entry: TrainingConfiguration.DataEntry) throws -> Volume {
    let (volume, range) = (try read(url), entry.slices)
    guard range.upperBound < volume.slices else {
      throw TrainingError(
        .data, "\(url.lastPathComponent) has slices 0-\(volume.slices - 1), not \(range.lowerBound)-\(range.upperBound)"
      )
    }
    let planes = volume.voxels.slice(0..<1).reshaped([volume.slices, volume.rows, volume.columns])
      .slice(range.lowerBound..<range.upperBound + 1)
    guard planes.withUnsafeBuffer({ $0.allSatisfy(\.isFinite) }) else {
      throw TrainingError(.data, "\(url.lastPathComponent) has voxels that are no numbers: leave those slices out")
    }
    var affine = volume.affine
    for r in 0..<3 { affine.rows[r][3] += affine.rows[r][2] * Double(range.lowerBound) }
    let used = Volume(
      voxels: planes.reshaped([1, range.count, volume.rows, volume.columns]), affine: affine, header: volume.header)
    return try cut(used, as: entry.plane, url).surrounded(by: entry.margin)
  }

  private func cut(_ volume: Volume, as plane: TrainingConfiguration.Plane, _ url: URL) throws -> Volume {
    guard let choice = SlicingPlane.Choice(rawValue: plane.rawValue), plane != .stored else { return volume }
    let way = SlicingPlane(choice, for: volume)
    guard way.name == plane.rawValue else {
      throw TrainingError(
        .data, "\(url.lastPathComponent) does not say how it lies: leave plane: \(plane.rawValue) out")
    }
    let cut = way.arranged(volume)
    guard cut.slices >= 3 else {
      throw TrainingError(.data, "\(url.lastPathComponent) has \(cut.slices) \(plane.rawValue) slices, too few")
    }
    return cut
  }

  /// Whether the two files of a pair lie in one place.
  ///
  /// Both are cut by their own headers: unless these agree, other voxels would lie beside each other. As they are stored they
  /// are taken voxel by voxel, for headers are often wrong, but not without a word.
  private func checkPlace(
    _ paired: Volume, _ condition: String, _ clean: Volume, _ entry: TrainingConfiguration.DataEntry
  ) throws {
    guard clean.header.format != .png, paired.header.format != .png else { return }
    let shift = paired.affine.largestShift(from: clean.affine, over: clean.dimensions)
    guard shift > 0.5 * (clean.spacing.min() ?? 0) else { return }
    let distance = String(format: "%.3g", shift)
    let what = "\(condition) and \(entry.path) lie in different places, up to \(distance) mm apart"
    guard entry.plane == .stored else {
      throw TrainingError(.data, "\(what): correct their headers, or leave plane: \(entry.plane.rawValue) out")
    }
    try progress("warning: \(what); they are taken voxel by voxel")
  }

  /// Network values of a volume, scaled as fits another one (or itself).
  private func planes(_ volume: Volume, fitting reference: Volume) throws -> PlaneStack {
    let transform = try IntensityTransform(IntensityRule(configuration.intensity), fitting: reference)
    return PlaneStack(
      transform.normalized(volume.voxels).reshaped([volume.slices, volume.rows, volume.columns]))
  }

  /// Every strength and realisation of a scan.
  ///
  /// As at run time only the degraded scan is known, it decides the scale of the clean one too.
  private func degraded(
    _ clean: Volume, entry: TrainingConfiguration.DataEntry, number: Int, digest: String,
    settings: TrainingConfiguration.DegradationSettings
  ) throws -> [PairedDataset.Variant] {
    var variants: [PairedDataset.Variant] = []
    let sameScale: Bool = if case .percentiles = configuration.intensity { false } else { true }
    let target = try planes(clean, fitting: clean)
    let draws = settings.record.levels.flatMap { level in (0..<realisations).map { (level: level, realisation: $0) } }
    for (index, draw) in draws.enumerated() {
      let degradation = try Degradation(settings.record, level: draw.level)
      // No two scans get the same noise, or a network could learn it.
      let seed = PhiloxRandomSource(seed: seed, stream: 0xDE9).uint64(at: UInt64(number) << 32 | UInt64(index))
      var simulated: Volume?
      func simulate() throws -> Volume {
        if let simulated { return simulated }
        try progress("making \(entry.path) at \(settings.record.kind) \(draw.level), \(index + 1) of \(draws.count)")
        let volume = try degradation.apply(to: clean, seed: seed)
        simulated = volume
        return volume
      }
      let recipe =
        "planes 1, file \(digest), slices \(entry.slices), "
        + (entry.plane == .stored ? "" : "\(entry.plane), ")
        + (entry.margin > 0 ? "margin \(entry.margin), " : "") + "\(settings.record.kind) \(draw.level), "
        + "\(settings.record.parameters.sorted { $0.key < $1.key }), seed \(seed), \(configuration.intensity)"
      func cached(_ part: String, _ make: () throws -> PlaneStack) throws -> PlaneStack {
        try cache.planes(
          for: "\(part), \(recipe)", count: clean.slices, rows: clean.rows, columns: clean.columns, make: make)
      }
      variants.append(
        PairedDataset.Variant(
          level: draw.level,
          target: sameScale
            ? target : try cached("target") { try planes(clean, fitting: simulate()) },
          condition: try cached("condition") {
            let volume = try simulate()
            return try planes(volume, fitting: volume)
          }))
    }
    return variants
  }
}

extension IntensityRule {
  init(_ contract: IntensityContract) {
    switch contract {
    case .window(let low, let high): self = .window(low: low, high: high)
    case .percentiles(let low, let high): self = .percentiles(low: low, high: high)
    case .fullRange: self = .fullRange
    }
  }
}

extension Volume {
  /// The same slices with so many pixels of the smallest value on all four sides.
  fileprivate func surrounded(by margin: Int) -> Volume {
    guard margin > 0 else { return self }
    let width = columns + 2 * margin
    let smallest = voxels.withUnsafeBuffer { $0.min() ?? 0 }
    var out = Tensor(repeating: smallest, shape: [frames, slices, rows + 2 * margin, width])
    voxels.withUnsafeBuffer { source in
      out.withUnsafeMutableBuffer { target in
        for image in 0..<frames * slices {
          for row in 0..<rows {
            let first = (image * (rows + 2 * margin) + margin + row) * width + margin
            for x in 0..<columns { target[first + x] = source[(image * rows + row) * columns + x] }
          }
        }
      }
    }
    var affine = affine
    for r in 0..<3 { affine.rows[r][3] -= (affine.rows[r][0] + affine.rows[r][1]) * Double(margin) }
    return Volume(voxels: out, affine: affine, header: header)
  }
}
