import DurableFiles
public import Models
public import TensorCore
public import Transforms
public import Volumes

/// How much memory a run takes, and how many slices may go through the network together.
public struct MemoryPlan: Sendable, Equatable {
  /// Slices per batch.
  public let batch: Int
  /// The predicted peak in bytes.
  public let predictedBytes: Int
  /// Bytes of volumes that do not count, because they lie on the disk.
  let scratchBytes: Int
  /// Columns and rows of the largest image or tile.
  let networkSize: [Int]

  /// Pixels per batch beyond which larger batches no longer save time.
  private static let usefulPixels = 4 * 256 * 256

  /// Bytes from which a tensor is a volume that a bound does not let into memory: it lies on the disk (`TensorSpill`).
  public static func largestInMemory(limit: Int) -> Int { max(limit / 8, 1 << 20) }

  /// The largest useful batch that keeps the predicted peak below `limit` bytes; throws when even one slice does not
  /// fit, and a `ModelError` if the card's network cannot be built.
  ///
  /// The prediction holds for the threads and the instruction set in use. `noise` is a volume with the starting noise.
  public init(
    for volume: Volume, card: ModelCard, samples: Int, sliceFactor: Int = 2, tile: Int? = nil, noise: Tensor? = nil,
    limit: Int?
  ) throws {
    try self.init(
      dimensions: volume.dimensions, cut: [SlicingPlane(for: volume)], card: card, samples: samples,
      sliceFactor: sliceFactor, tile: tile, noise: noise, limit: limit)
  }

  /// The same for a volume of these columns, rows, slices and frames as they are stored, cut in one plane, or in several
  /// whose images are averaged.
  public init(
    dimensions: [Int], cut planes: [SlicingPlane], card: ModelCard, samples: Int, sliceFactor: Int = 2,
    tile: Int? = nil, noise: Tensor? = nil, limit: Int?
  ) throws {
    let need = try MemoryNeed(
      dimensions, planes, card, samples: samples, sliceFactor: sliceFactor, tile: tile, noise: noise,
      limit: limit)
    let useful = max(1, min(need.slices, Self.usefulPixels / (need.tileRows * need.tileColumns)))
    networkSize = [need.tileColumns, need.tileRows]
    batch = try limit.map { try need.largestBatch(upTo: useful, limit: $0) } ?? useful
    predictedBytes = need.bytes(batch: batch)
    scratchBytes = need.scratch
  }
}

/// What a run needs at its three peaks: while it reads the model, computes, and describes and writes the result.
private struct MemoryNeed {
  /// Slices of the plane that has most.
  let slices: Int
  /// Of the largest image.
  private let rows: Int
  private let columns: Int
  /// Of what the network sees of it.
  let tileRows: Int
  let tileColumns: Int
  private let network: UNet
  private let conditions: Int
  /// Parameters and volumes, while the network is evaluated.
  private let lasting: Int
  /// The greater of the peaks that do not depend on the batch.
  private let least: Int
  /// Volumes on the disk.
  private(set) var scratch = 0

  /// The program itself with its libraries, once all of it has been in use.
  private static let program = 36 << 20
  /// Images of one channel that a sampler has beside the network's own, for every slice.
  private static let samplerImages = 8
  /// Volumes that the figures of the report take on top: a frame and its slices without the first and the last.
  private static let volumesForFigures = 3

  init(
    _ dimensions: [Int], _ planes: [SlicingPlane], _ card: ModelCard, samples: Int, sliceFactor: Int, tile: Int?,
    noise: Tensor?, limit: Int?
  ) throws {
    network = try UNet(card.architecture)
    let arranged = planes.map { $0.arranged(dimensions) }
    let widest = arranged.max { $0[0] * $0[1] < $1[0] * $1[1] } ?? dimensions
    let stack = SliceStack(
      slices: widest[2], rows: widest[1], columns: widest[0], multiple: card.architecture.sizeMultiple)
    let tiling = Tiling(card, tile: tile, rows: widest[1], columns: widest[0])
    (tileRows, tileColumns) = (tiling.tileRows, tiling.tileColumns)
    slices = arranged.map { $0[2] }.max() ?? dimensions[2]
    let isRearranged = planes.contains { $0.axis != 2 }
    let input = dimensions.reduce(1, *)
    // A super-resolved volume is made from one of half its slices, and compared with another of its own size.
    let isFiner = card.task == .superResolve
    let count = isFiner ? input * sliceFactor : input
    (rows, columns) = (stack.imageRows, stack.imageColumns)
    conditions = try card.conditionChannels
    // Input, result and, of several samples, deviation.
    // What is stored another way exists both ways for a while.
    var volumes = [
      (input, isRearranged ? 2 : 1), (noise?.count ?? 0, isRearranged ? 2 : 1),
      (count, (samples > 1 ? 2 : 1) * (isFiner ? 2 : 1) + (isRearranged ? 1 : 0)),
    ]
    if planes.count > 1 {
      // The sampler's images are whole frames, beside the input in every arrangement and what is said of one.
      volumes.append((input / max(dimensions[3], 1), Self.samplerImages + planes.count + 3))
    }
    let largest = limit.map(MemoryPlan.largestInMemory) ?? .max
    func bytes(_ volumes: [(voxels: Int, times: Int)], where isWanted: (Int) -> Bool) -> Int {
      volumes.filter { isWanted(4 * $0.voxels) }.reduce(0) { $0 + 4 * $1.voxels * $1.times }
    }
    let figures = [(count, Self.volumesForFigures)]
    scratch = bytes(volumes + figures) { $0 >= largest }
    lasting =
      Self.program + network.packedByteCount + bytes(volumes) { $0 < largest } + (scratch > 0 ? TensorSpill.window : 0)
    // The model is read before the volume, and what that took is given back.
    least = max(Self.program + network.readingByteCount, lasting + bytes(figures) { $0 < largest })
  }

  /// The predicted peak.
  func bytes(batch: Int) -> Int {
    let images = 4 * batch * (Self.samplerImages + conditions - 1) * rows * columns
    return max(
      least, lasting + images + network.evaluationBytes(batch: batch, rows: tileRows, columns: tileColumns))
  }

  func largestBatch(upTo useful: Int, limit: Int) throws -> Int {
    guard bytes(batch: useful) > limit else { return useful }
    let one = bytes(batch: 1)
    guard one <= limit else {
      throw PipelineError(
        .notEnoughMemory,
        "one slice of \(tileColumns) × \(tileRows) needs about \(ByteCount.text(one)) in all, the bound is "
          + "\(ByteCount.text(limit)); raise --memory, or give a smaller --tile")
    }
    var (fits, exceeds) = (1, useful)
    while exceeds - fits > 1 {
      let middle = (fits + exceeds) / 2
      if bytes(batch: middle) <= limit { fits = middle } else { exceeds = middle }
    }
    return fits
  }
}
