import Models
public import TensorCore

/// Pairs cut from a dataset: what a training step sees.
public struct PatchBatch: Sendable {
  /// Condition images, `[n, h, w, conditions]`.
  public var conditions: Tensor
  /// Clean images, `[n, h, w, 1]`.
  public var targets: Tensor
  /// Mean squared error of the input of each patch's scan at its strength, in squared network units.
  public var inputErrors: [Double]
  /// Mean squared difference of neighbouring slices of each patch's scan, in squared network units; for super-resolution, of a slice
  /// from the mean of those beside it.
  public var sliceDifferences: [Double]
}

extension PairedDataset {
  /// Random patches for one step.
  ///
  /// What is drawn depends on the seed and the step alone, so a resumed run sees what it would have seen. In `pairs` every
  /// second patch is that of the next slice at the same place.
  func batch(_ settings: TrainingConfiguration.PatchSettings, pairs: Bool = false, seed: UInt64, step: Int)
    -> PatchBatch
  {
    let random = PhiloxRandomSource(seed: seed, stream: TrainingStream.patches.stream(step))
    let size = settings.size(seed: seed, step: step)
    let apart = pairs ? 2 : 1
    let count = max(apart, settings.count(ofSize: size) / apart * apart)
    var batch = emptyBatch(count: count, height: size, width: size)
    for sample in stride(from: 0, to: count, by: apart) {
      var place = draw(size: size, flips: settings.flips, pairs: pairs, random, sample)
      write(place, to: &batch, at: sample)
      guard pairs else { continue }
      place.plane += 1
      write(place, to: &batch, at: sample + 1)
    }
    return batch
  }

  /// One sample: a scan, how it was made worse, a plane, and a patch of it.
  struct Place: Equatable {
    var entry: Int
    var variant: Int
    var plane: Int
    var cut: PlaneStack.Cut
    /// What the noise level that the network is told is multiplied with.
    var noiseLevelError = 1.0
  }

  func draw(size: Int, flips: Bool, pairs: Bool = false, _ random: PhiloxRandomSource, _ sample: Int) -> Place {
    let first = UInt64(sample * 8)
    let entry = weightedEntry(random.uniform(at: first))
    let variants = entries[entry].variants
    let variant = random.integer(below: variants.count, at: first + 1)
    let planes = variants[variant].usablePlanes
    let plane = planes.lowerBound + random.integer(below: pairs ? planes.count - 1 : planes.count, at: first + 2)
    let target = variants[variant].target
    var cut = PlaneStack.Cut(
      row: random.integer(below: target.rows - size + 1, at: first + 3),
      column: random.integer(below: target.columns - size + 1, at: first + 4), height: size, width: size)
    if flips {
      let turn = random.integer(below: 8, at: first + 5)
      cut.flipRows = turn & 1 != 0
      cut.flipColumns = turn & 2 != 0
      cut.transpose = turn & 4 != 0
    }
    let error = (noiseLevel?.jitter ?? 0) * (2 * random.uniform(at: first + 6) - 1)
    return Place(entry: entry, variant: variant, plane: plane, cut: cut, noiseLevelError: 1 + error)
  }

  private func weightedEntry(_ uniform: Double) -> Int {
    var rest = uniform * entries.reduce(0) { $0 + $1.weight }
    for (index, entry) in entries.enumerated() {
      rest -= entry.weight
      if rest < 0 { return index }
    }
    return entries.count - 1
  }

  func emptyBatch(count: Int, height: Int, width: Int) -> PatchBatch {
    PatchBatch(
      conditions: Tensor(uninitialized: [count, height, width, channels]),
      targets: Tensor(uninitialized: [count, height, width, 1]), inputErrors: Array(repeating: 0, count: count),
      sliceDifferences: Array(repeating: 0, count: count))
  }

  func write(_ place: Place, to batch: inout PatchBatch, at sample: Int) {
    let entry = entries[place.entry], variant = entry.variants[place.variant]
    let pixels = place.cut.height * place.cut.width
    batch.targets.withUnsafeMutableBuffer {
      variant.target.write(place.cut, of: place.plane, to: $0.baseAddress! + sample * pixels, stride: 1)
    }
    batch.inputErrors[sample] = variant.inputError
    batch.sliceDifferences[sample] = variant.sliceDifference
    let (channels, offsets) = (channels, conditions.offsets)
    batch.conditions.withUnsafeMutableBuffer {
      let base = $0.baseAddress! + sample * pixels * channels
      for (channel, offset) in offsets.enumerated() {
        (variant.condition ?? variant.target).write(
          place.cut, of: variant.conditionPlane(offset, for: place.plane), to: base + channel, stride: channels)
      }
      if let noiseLevel {
        let told = Float(noiseLevel.scale * variant.noiseLevel * place.noiseLevelError)
        for i in 0..<pixels { base[i * channels + offsets.count] = told }
      }
    }
  }

  /// Centre patches of evenly spaced planes, one batch per (entry, strength): the same at every validation.
  ///
  /// Extents are multiples of `multiple`.
  func validationPlaces(slices: Int, size: Int, multiple: Int) -> [(name: String, level: Double, places: [Place])] {
    entries.indices.flatMap { index -> [(name: String, level: Double, places: [Place])] in
      let entry = entries[index]
      return entry.variants.indices.map { variant in
        let planes = entry.variants[variant].usablePlanes
        let count = min(slices, planes.count)
        let gap = entry.variants[variant].gap
        let target = entry.variants[variant].target
        let height = min(size, target.rows / multiple * multiple)
        let width = min(size, target.columns / multiple * multiple)
        let cut = PlaneStack.Cut(
          row: (target.rows - height) / 2, column: (target.columns - width) / 2, height: height, width: width)
        let places = (0..<count).map { k in
          Place(
            entry: index, variant: variant, plane: planes.lowerBound + (2 * k + 1) * planes.count / (2 * count),
            cut: cut)
        }
        return (gap > 0 ? "\(entry.name), \(gap) apart" : entry.name, entry.variants[variant].level, places)
      }
    }
  }
}

extension TrainingConfiguration.PatchSettings {
  /// The size that a step draws.
  func size(seed: UInt64, step: Int) -> Int {
    sizes[PhiloxRandomSource(seed: seed, stream: TrainingStream.sizes.stream(step)).integer(below: sizes.count, at: 0)]
  }
}

/// Independent uses of the training seed: the upper bits of the random stream; the lower bits are the step.
enum TrainingStream: UInt64 {
  case patches = 1
  case labels = 2
  case noise = 3
  case validation = 4
  case guesses = 5
  case sizes = 6

  func stream(_ step: Int) -> UInt64 { rawValue << 56 | UInt64(step) }
}
