public import Foundation
public import Models
import Transforms
public import Volumes

/// Clean slices with what the network is to restore them from, in memory, as network values.
public struct PairedDataset: Sendable {
  /// One scan.
  struct Entry: Sendable {
    var name: String
    var weight: Double
    var variants: [Variant]
  }

  /// One way in which a scan was made worse.
  struct Variant: Sendable {
    /// The strength, for the log; 0 for paired data.
    var level: Double
    var target: PlaneStack
    /// Nil when the conditions are other planes of `target`.
    var condition: PlaneStack?
    /// For super-resolution, planes of `target` from one condition to the next, an even number; else 0.
    ///
    /// The plane that is made lies in the middle of such a gap.
    var gap: Int
    /// Mean squared error of the centre of the conditions, in squared network units.
    let inputError: Double
    /// Mean squared difference of neighbouring planes of the target; with a gap, the input's error.
    let sliceDifference: Double
    /// Noise of the conditions, in network units, where the network is told it.
    var noiseLevel = 0.0
    /// For translation: the voxel values that the target's -1 and 1 stand for.
    var targetRange: [Double]?

    init(level: Double, target: PlaneStack, condition: PlaneStack) {
      self.level = level
      self.target = target
      self.condition = condition
      gap = 0
      inputError = condition.meanSquaredError(against: target)
      sliceDifference = target.neighbourDifference
    }

    /// Conditions from the same scan, `gap` planes apart.
    init(level: Double, target: PlaneStack, gap: Int) {
      precondition(gap > 0 && gap % 2 == 0)
      self.level = level
      self.target = target
      self.gap = gap
      inputError = target.neighbourError(distance: gap / 2)
      sliceDifference = inputError
    }

    /// The planes that can be made: those with a condition on each side of the gap.
    var usablePlanes: Range<Int> {
      guard gap > 0 else { return 0..<target.planes }
      return gap / 2..<max(gap / 2, target.planes - gap / 2)
    }

    /// The plane that is seen at an offset (see `ConditionSlices`) when `plane` is made; mirrored at the ends of the scan.
    func conditionPlane(_ offset: Int, for plane: Int) -> Int {
      guard gap > 0 else { return SliceStack.reflected(plane + offset, extent: target.planes) }
      // A volume whose slices lie a gap apart holds one plane in `gap`.
      let (before, after) = ((plane - gap / 2) / gap, (target.planes - 1 - plane - gap / 2) / gap)
      let slice = SliceStack.reflected(before + offset, extent: before + after + 2)
      return plane - gap / 2 + (slice - before) * gap
    }
  }

  let entries: [Entry]
  /// Which planes are the conditions.
  public let conditions: ConditionSlices
  /// What is told of their noise.
  let noiseLevel: TrainingConfiguration.NoiseLevelSettings?

  init(
    entries: [Entry], conditions: ConditionSlices, noiseLevel: TrainingConfiguration.NoiseLevelSettings? = nil
  ) {
    precondition(!entries.isEmpty)
    self.entries = entries
    self.conditions = conditions
    self.noiseLevel = noiseLevel
  }

  /// Condition channels of a batch.
  var channels: Int { conditions.count + (noiseLevel == nil ? 0 : 1) }

  /// What happens while data are made ready.
  ///
  /// Told before each simulation; what it throws ends the reading.
  public typealias Progress = (_ message: String) throws -> Void

  /// Reads the scans of a configuration and makes them worse as it says.
  ///
  /// - Parameters:
  ///   - entries: the configuration's training or validation entries.
  ///   - folder: what their paths are relative to.
  ///   - cache: where simulated scans are kept; nil to keep none.
  ///   - realisations: simulated scans per strength.
  ///   - seed: of the simulations; give validation another one than training.
  ///   - read: reads one volume.
  public init(
    _ entries: [TrainingConfiguration.DataEntry], of configuration: TrainingConfiguration, folder: URL, cache: URL?,
    realisations: Int, seed: UInt64, read: @escaping (URL) throws -> Volume,
    progress: @escaping Progress
  ) throws {
    let builder = PairBuilder(
      configuration: configuration, folder: folder, cache: PlaneCache(folder: cache), realisations: realisations,
      seed: seed, read: read, progress: progress)
    self.init(
      entries: try entries.indices.map { try builder.entry(entries[$0], number: $0) },
      conditions: configuration.conditions, noiseLevel: configuration.noiseLevel)
  }

  /// Bytes of image data in memory.
  public var byteCount: Int {
    entries.reduce(0) { sum, entry in
      sum + entry.variants.reduce(0) { $0 + 2 * ($1.target.values.count + ($1.condition?.values.count ?? 0)) }
    }
  }
}
