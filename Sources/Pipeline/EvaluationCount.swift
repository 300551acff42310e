import Diffusion
import Models
import Transforms
public import Volumes

/// How often a network is evaluated for a volume, and on how much.
public struct EvaluationCount: Sendable, Equatable {
  /// Evaluations, each of one batch of images or tiles.
  public var evaluations = 0
  /// Pixels of all images or tiles of all evaluations, padding included.
  public var pixels = 0
}

extension VolumeRestorer {
  /// How often the network is evaluated for a volume.
  public func evaluations(on volume: Volume) throws -> Int {
    try count(volume.dimensions, cut: planes(volume.dimensions, volume.affine, volume.header.format)).evaluations
  }

  /// The ways in which a volume of these columns, rows, slices and frames is cut: one, or three that are averaged.
  func planes(_ dimensions: [Int], _ affine: Affine, _ format: VolumeFileFormat) throws -> [SlicingPlane] {
    if options.plane.isSeveral, let planes = SlicingPlane.all(dimensions: dimensions, affine: affine, format: format) {
      return planes
    }
    guard options.plane != .all else {
      let size = affine.spacing.map { String(($0 * 100).rounded() / 100) }.joined(separator: " × ")
      let extents = dimensions.prefix(3).map(String.init).joined(separator: " × ")
      throw PipelineError(
        .unsuitableInput,
        "three planes need nearly cubic voxels, \(SlicingPlane.leastExtent) or more along each axis, and these are "
          + "\(extents) of \(size) mm; leave out plane \"all\", or make it \"all-if-cubic\"")
    }
    return [SlicingPlane(options.plane, dimensions: dimensions, affine: affine, format: format)]
  }

  /// How often the network is evaluated for columns, rows, slices and frames as stored, cut in these ways.
  func count(_ dimensions: [Int], cut planes: [SlicingPlane]) -> EvaluationCount {
    let each = options.samples * plan.nfe
    var count = EvaluationCount()
    for plane in planes {
      let arranged = plane.arranged(dimensions)
      let tiling = tiling(rows: arranged[1], columns: arranged[0])
      for images in imagesPerPass(slices: arranged[2]) {
        count.evaluations += arranged[3] * ((images + batch - 1) / batch) * tiling.count * each
        count.pixels += arranged[3] * images * tiling.count * tiling.tileRows * tiling.tileColumns * each
      }
    }
    return count
  }

  /// Images of these rows and columns as the network sees them: padded, and in tiles where that was asked for.
  func tiling(rows: Int, columns: Int) -> Tiling {
    Tiling(card, tile: options.tile, rows: rows, columns: columns)
  }
}

extension Tiling {
  /// Images of these rows and columns, padded as the card's network needs them; tiles are, too.
  init(_ card: ModelCard, tile: Int?, rows: Int, columns: Int) {
    let multiple = card.architecture.sizeMultiple
    func padded(_ size: Int) -> Int { (size + multiple - 1) / multiple * multiple }
    self.init(rows: padded(rows), columns: padded(columns), tile: tile.map(padded))
  }
}
