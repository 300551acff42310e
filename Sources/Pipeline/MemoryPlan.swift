public import Models
import TensorCore
public import Volumes

/// How much memory a run takes, and how many slices may go through the network together.
public struct MemoryPlan: Sendable, Equatable {
  /// Slices per batch.
  public let batch: Int
  /// The predicted peak in bytes.
  public let predictedBytes: Int

  /// Pixels per batch beyond which larger batches no longer save time.
  private static let usefulPixels = 4 * 256 * 256
  /// The program itself with its libraries, once all of it has been in use.
  private static let programBytes = 36 << 20
  /// Images of one channel that a sampler has beside the network's own, for every slice.
  private static let samplerImages = 8

  /// The largest useful batch that keeps the predicted peak below `limit` bytes; throws when even one slice does not
  /// fit, and a `ModelError` if the card's network cannot be built.
  ///
  /// The prediction holds for the threads and the instruction set in use.
  public init(for volume: Volume, card: ModelCard, samples: Int, limit: Int?) throws {
    let network = try UNet(card.architecture)
    let multiple = card.architecture.sizeMultiple
    let rows = (volume.rows + multiple - 1) / multiple * multiple
    let columns = (volume.columns + multiple - 1) / multiple * multiple
    let fixed = Self.programBytes + network.packedByteCount + Self.volumeBytes(volume, samples: samples)
    // The model is read before the volume, and what that took is given back.
    let reading = Self.programBytes + network.readingByteCount
    func predicted(_ batch: Int) -> Int {
      let images = batch * Self.samplerImages * rows * columns * 4
      return max(reading, fixed + images + network.evaluationBytes(batch: batch, rows: rows, columns: columns))
    }
    let useful = max(1, min(volume.slices, Self.usefulPixels / (rows * columns)))
    guard let limit, predicted(useful) > limit else {
      batch = useful
      predictedBytes = predicted(useful)
      return
    }
    let one = predicted(1)
    guard one <= limit else {
      throw PipelineError(
        .notEnoughMemory,
        "one slice of \(columns) × \(rows) needs about \(ByteCount.text(one)) in all, the bound is "
          + "\(ByteCount.text(limit)); raise --memory")
    }
    var (fits, exceeds) = (1, useful)
    while exceeds - fits > 1 {
      let middle = (fits + exceeds) / 2
      if predicted(middle) <= limit { fits = middle } else { exceeds = middle }
    }
    batch = fits
    predictedBytes = predicted(fits)
  }

  /// Input, result and (for several samples) deviation as float32.
  private static func volumeBytes(_ volume: Volume, samples: Int) -> Int {
    volume.voxels.count * 4 * (samples > 1 ? 3 : 2)
  }
}

/// Sizes in bytes as people write them.
public enum ByteCount {
  /// The bytes that a text such as `8G`, `512M`, `1.5GiB` or `100` means; nil for anything else or for nothing.
  ///
  /// Units are powers of 1024.
  public static func parse(_ text: String) -> Int? {
    var number = text.uppercased()
    for ending in ["IB", "B"] where number.hasSuffix(ending) {
      number.removeLast(ending.count)
      break
    }
    let units: [Character: Double] = ["K": 0x1p10, "M": 0x1p20, "G": 0x1p30, "T": 0x1p40]
    var scale = 1.0
    if let last = number.last, let unit = units[last] {
      scale = unit
      number.removeLast()
    }
    guard let value = Double(number), value > 0, value * scale < 0x1p60 else { return nil }
    return Int(value * scale)
  }

  /// A size with a unit and at most one decimal.
  public static func text(_ bytes: Int) -> String {
    var value = Double(bytes)
    for unit in ["bytes", "KiB", "MiB", "GiB"] {
      if value < 1024 || unit == "GiB" {
        let tenths = (value * 10).rounded() / 10
        return (tenths == tenths.rounded() ? String(Int(tenths)) : String(tenths)) + " " + unit
      }
      value /= 1024
    }
    return "\(bytes) bytes"
  }
}
