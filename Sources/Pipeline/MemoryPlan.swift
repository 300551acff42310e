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

  /// Pixels per batch beyond which larger batches no longer save time.
  private static let usefulPixels = 4 * 256 * 256

  /// The largest useful batch that keeps the predicted peak below `limit` bytes; throws when even one slice does not
  /// fit, and a `ModelError` if the card's network cannot be built.
  ///
  /// The prediction holds for the threads and the instruction set in use. `noise` is a volume with the starting noise.
  public init(
    for volume: Volume, plane: SlicingPlane? = nil, card: ModelCard, samples: Int, sliceFactor: Int = 2,
    noise: Tensor? = nil, limit: Int?
  ) throws {
    let plane = plane ?? SlicingPlane(for: volume)
    try self.init(
      dimensions: plane.arranged([volume.columns, volume.rows, volume.slices, volume.frames]),
      isRearranged: plane.axis != 2, card: card, samples: samples,
      sliceFactor: sliceFactor, noise: noise, limit: limit)
  }

  /// The same for a volume of these columns, rows, slices and frames as they are cut; rearranged where it is stored
  /// another way.
  public init(
    dimensions: [Int], isRearranged: Bool = false, card: ModelCard, samples: Int, sliceFactor: Int = 2,
    noise: Tensor? = nil, limit: Int?
  ) throws {
    let need = try MemoryNeed(dimensions, isRearranged, card, samples: samples, sliceFactor: sliceFactor, noise: noise)
    let useful = max(1, min(dimensions[2], Self.usefulPixels / (need.rows * need.columns)))
    batch = try limit.map { try need.largestBatch(upTo: useful, limit: $0) } ?? useful
    predictedBytes = need.bytes(batch: batch)
  }
}

/// What a run needs at its three peaks: while it reads the model, computes, and describes and writes the result.
private struct MemoryNeed {
  let rows: Int
  let columns: Int
  private let network: UNet
  private let conditions: Int
  /// Parameters and volumes, while the network is evaluated.
  private let lasting: Int
  /// The greater of the peaks that do not depend on the batch.
  private let least: Int

  /// The program itself with its libraries, once all of it has been in use.
  private static let program = 36 << 20
  /// Images of one channel that a sampler has beside the network's own, for every slice.
  private static let samplerImages = 8
  /// Volumes that the figures of the report take on top: a frame and its slices without the first and the last.
  private static let volumesForFigures = 3

  init(_ dimensions: [Int], _ isRearranged: Bool, _ card: ModelCard, samples: Int, sliceFactor: Int, noise: Tensor?)
    throws
  {
    network = try UNet(card.architecture)
    let stack = SliceStack(
      slices: dimensions[2], rows: dimensions[1], columns: dimensions[0], multiple: card.architecture.sizeMultiple)
    let input = dimensions.reduce(1, *)
    // A super-resolved volume is made from one of half its slices, and compared with another of its own size.
    let isFiner = card.task == .superResolve
    let count = isFiner ? input * sliceFactor : input
    (rows, columns) = (stack.imageRows, stack.imageColumns)
    conditions = try card.conditionChannels
    // Input, result and, of several samples, deviation.
    // What is stored another way exists both ways for a while.
    let voxels =
      (input + (noise?.count ?? 0)) * (isRearranged ? 2 : 1) + count * (samples > 1 ? 2 : 1) * (isFiner ? 2 : 1)
      + (isRearranged ? count : 0)
    lasting = Self.program + network.packedByteCount + 4 * voxels
    // The model is read before the volume, and what that took is given back.
    least = max(
      Self.program + network.readingByteCount, lasting + 4 * Self.volumesForFigures * count)
  }

  /// The predicted peak.
  func bytes(batch: Int) -> Int {
    let images = 4 * batch * (Self.samplerImages + conditions - 1) * rows * columns
    return max(least, lasting + images + network.evaluationBytes(batch: batch, rows: rows, columns: columns))
  }

  func largestBatch(upTo useful: Int, limit: Int) throws -> Int {
    guard bytes(batch: useful) > limit else { return useful }
    let one = bytes(batch: 1)
    guard one <= limit else {
      throw PipelineError(
        .notEnoughMemory,
        "one slice of \(columns) × \(rows) needs about \(ByteCount.text(one)) in all, the bound is "
          + "\(ByteCount.text(limit)); raise --memory")
    }
    var (fits, exceeds) = (1, useful)
    while exceeds - fits > 1 {
      let middle = (fits + exceeds) / 2
      if bytes(batch: middle) <= limit { fits = middle } else { exceeds = middle }
    }
    return fits
  }
}
