import Models

/// What a training run measures on its data before the first step: parts of the model's card that no configuration knows.
public struct FittedValues: Codable, Sendable, Equatable {
  /// For translation from an intensity map: see `PredictionRecord.intensityMap`.
  public var intensityMap: [Float]?
  /// For translation: see `ModelCard.outputRange`.
  public var outputRange: [Double]?
  /// For networks that are told the noise of their input: see `NoiseLevelRecord.range`.
  public var noiseLevels: [Double]?

  /// Values from their parts.
  public init(intensityMap: [Float]? = nil, outputRange: [Double]? = nil, noiseLevels: [Double]? = nil) {
    self.intensityMap = intensityMap
    self.outputRange = outputRange
    self.noiseLevels = noiseLevels
  }

  /// Intervals of an intensity map.
  static let mapIntervals = 64
}

extension PairedDataset {
  /// What a configuration's card needs to know of the data that it is trained on.
  func fitted(for configuration: TrainingConfiguration) -> FittedValues {
    let variants = entries.flatMap(\.variants)
    var values = FittedValues()
    if configuration.prediction.skip == .intensityMap { values.intensityMap = intensityMap }
    // A range counts as often as samples are of its scan.
    let ranges = entries.flatMap { entry in
      entry.variants.compactMap { variant in
        variant.targetRange.map { (ends: $0, weight: entry.weight / Double(entry.variants.count)) }
      }
    }
    let total = ranges.reduce(0) { $0 + $1.weight }
    if total > 0 {
      values.outputRange = (0..<2).map { end in ranges.reduce(0) { $0 + $1.weight * $1.ends[end] } / total }
    }
    if noiseLevel != nil, let least = variants.map(\.noiseLevel).min(), let most = variants.map(\.noiseLevel).max() {
      values.noiseLevels = [least, most]
    }
    return values
  }

  /// The mean target of the voxels whose condition is nearest to each knot: the best that can be made of single values.
  ///
  /// Knots that no voxel is near lie on the line between those beside them.
  private var intensityMap: [Float] {
    let knots = FittedValues.mapIntervals + 1
    var sums = [Double](repeating: 0, count: knots), counts = [Double](repeating: 0, count: knots)
    for entry in entries {
      let weight = entry.weight / Double(entry.variants.count)
      for variant in entry.variants {
        guard let condition = variant.condition else { continue }
        for (from, to) in zip(condition.values, variant.target.values) {
          let knot = (Int(from) + 32767) * FittedValues.mapIntervals + 32767
          sums[knot / 65534] += weight * Double(to) / 32767
          counts[knot / 65534] += weight
        }
      }
    }
    let known = (0..<knots).filter { counts[$0] > 0 }
    return (0..<knots).map { knot in
      let before = known.last { $0 <= knot } ?? known[0], after = known.first { $0 >= knot } ?? known[known.count - 1]
      let share = after > before ? Double(knot - before) / Double(after - before) : 0
      return Float((1 - share) * sums[before] / counts[before] + share * sums[after] / counts[after])
    }
  }
}
