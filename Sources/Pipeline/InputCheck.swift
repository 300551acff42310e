public import Models
import TensorCore
public import Transforms
public import Volumes

/// Whether a volume can be restored at all, and whether it is one that the model is meant for.
public struct InputCheck: Sendable, Equatable {
  /// Reasons against the result that do not stop the run.
  public let warnings: [String]
  /// Reasons that stop the run unless it is forced.
  public let refusals: [String]

  /// Judges a volume against a model's card; throws `PipelineError` for voxels that no model can restore.
  public init(_ volume: Volume, for card: ModelCard) throws { try self.init(VolumeSummary(volume), for: card) }

  /// Judges a volume by its summary, cut as its geometry says unless it is said otherwise.
  public init(_ volume: VolumeSummary, for card: ModelCard, cut plane: SlicingPlane? = nil) throws {
    let plane =
      plane ?? SlicingPlane(dimensions: volume.dimensions, affine: volume.affine, format: volume.header.format)
    let size = plane.arranged(volume.dimensions)
    try Self.checkVoxels(volume.voxels)
    var judgement = Judgement()
    judgement.modality(of: volume, card: card)
    if volume.header.format != .png {
      // A PNG does not know the size of its pixels.
      let spacing = plane.arranged(volume.spacing)
      judgement.extent("column spacing", spacing[0], card.envelope.inPlaneSpacing)
      judgement.extent("row spacing", spacing[1], card.envelope.inPlaneSpacing)
      if size[2] > 1 { judgement.extent("slice spacing", spacing[2], card.envelope.sliceSpacing) }
    }
    judgement.size(size, card.envelope.size)
    warnings = judgement.warnings
    refusals = judgement.refusals
  }

  /// True when nothing speaks against the input.
  public var isInside: Bool { warnings.isEmpty && refusals.isEmpty }

  /// Refuses voxels that no model can restore: numbers that are none, or one number only.
  public static func checkVoxels(_ voxels: VoxelStatistics) throws {
    guard voxels.nonFiniteCount == 0 else {
      throw PipelineError(
        .unsuitableInput,
        "\(voxels.nonFiniteCount) of \(voxels.count) voxels are NaN or infinite; replace them by numbers before restoring"
      )
    }
    guard voxels.minimum < voxels.maximum else {
      throw PipelineError(
        .unsuitableInput,
        "the volume is constant: every voxel is \(voxels.minimum), nothing to restore; check the file")
    }
  }
}

/// Collects what speaks against an input.
private struct Judgement {
  var warnings: [String] = []
  var refusals: [String] = []

  /// HU that every scan of a patient has voxels below.
  private static let fat: Float = -50

  /// A length in mm against a range: warned about outside it, refused beyond twice or half of it.
  mutating func extent(_ name: String, _ value: Double, _ range: [Double]?) {
    guard let range, range.count == 2, !(range[0]...max(range[0], range[1])).contains(value) else { return }
    let text = "\(name) \(short(value)) mm is outside the model's \(short(range[0]))-\(short(range[1])) mm"
    if value < range[0] / 2 || value > range[1] * 2 { refusals.append(text) } else { warnings.append(text) }
  }

  /// Sizes are padded to what the network needs, so an unusual one is worth a remark only.
  mutating func size(_ size: [Int], _ range: [Int]?) {
    guard let range, range.count == 2, range[0] <= range[1] else { return }
    for (name, value) in [("columns", size[0]), ("rows", size[1])]
    where !(range[0]...range[1]).contains(value) {
      warnings.append("\(value) \(name) is outside the model's \(range[0])-\(range[1])")
    }
  }

  /// Files do not say their modality reliably, voxel values do: CT in HU has air or fat below zero, MR magnitudes
  /// do not fall below it.
  mutating func modality(of volume: VolumeSummary, card: ModelCard) {
    if case .fullRange = card.intensity { return }  // No physical unit: nothing can be told from the values.
    let (negative, deep) = (volume.voxels.negativeCount > 0, volume.voxels.deepCount)
    switch card.envelope.modality {
    case "CT" where !negative:
      refusals.append(
        volume.header.format == .png
          ? "the model is for CT in HU, which a PNG does not hold; give a NIfTI"
          : "the model is for CT in HU, but no voxel is negative (is the intercept missing, or is it MR?)")
    case "CT" where volume.voxels.minimum > Self.fat:
      refusals.append(
        "the model is for CT in HU, where fat and air lie below -50, but the smallest voxel is "
          + "\(short(Double(volume.voxels.minimum))) and the largest \(short(Double(volume.voxels.maximum))) (another unit, or PET?)"
      )
    case "MR" where deep * 100 > volume.voxels.count:
      refusals.append("the model is for MR, but many voxels lie below -500 as in CT")
    case "MR" where negative:
      warnings.append("the model is for MR magnitude images, but some voxels are negative")
    default: break
    }
  }

  private func short(_ value: Double) -> String {
    let rounded = (value * 1000).rounded() / 1000
    return rounded == rounded.rounded() && abs(rounded) < 1e9 ? String(Int(rounded)) : String(rounded)
  }
}
