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
  /// The program itself, with its libraries and the idle blocks of its allocator.
  private static let programBytes = 40 << 20

  /// The largest useful batch that keeps the predicted peak below `limit` bytes; throws when even one slice does not
  /// fit.
  public init(for volume: Volume, card: ModelCard, samples: Int, limit: Int?) throws {
    let multiple = card.architecture.sizeMultiple
    let rows = (volume.rows + multiple - 1) / multiple * multiple
    let columns = (volume.columns + multiple - 1) / multiple * multiple
    let fixed = Self.programBytes + Self.volumeBytes(volume, samples: samples) + Self.weightBytes(card.architecture)
    let perSlice = Self.bytesPerSlice(card.architecture, rows: rows, columns: columns)
    let useful = max(1, min(volume.slices, Self.usefulPixels / (rows * columns)))
    var batch = useful
    if let limit {
      let fitting = (limit - fixed) / perSlice
      guard fitting >= 1 else {
        throw PipelineError(
          .notEnoughMemory,
          "one slice of \(columns) × \(rows) needs about \(ByteCount.text(fixed + perSlice)) in all, the bound is "
            + "\(ByteCount.text(limit)); raise --memory")
      }
      batch = min(useful, fitting)
    }
    self.batch = batch
    predictedBytes = fixed + batch * perSlice
  }

  /// Input, result and (for several samples) deviation as float32, and one more volume while a file is written.
  private static func volumeBytes(_ volume: Volume, samples: Int) -> Int {
    volume.voxels.count * 4 * (samples > 1 ? 4 : 3)
  }

  /// Weights, held twice: as read, and in the layout of the kernels.
  private static func weightBytes(_ network: UNetConfiguration) -> Int {
    var count = 0
    var channels = network.baseChannels
    for multiplier in network.channelMultipliers {
      let next = network.baseChannels * multiplier
      // Down and up: blocks of two 3 × 3 convolutions; the way up sees twice the channels.
      count += (2 * network.residualBlocks + 1) * 18 * next * (channels + next)
      channels = next
    }
    return 2 * 4 * (count + 36 * channels * channels)
  }

  /// Activations of one slice, by size: the allocator reuses blocks of one size only, so what a level needs of each
  /// size at most adds up.
  ///
  /// At its own width a level holds what waits for the way up and three images at work; a block on the way up sees
  /// the images from below beside those that waited, and the same normalised. Within a tenth of what was measured for
  /// networks of two and three levels.
  static func bytesPerSlice(_ network: UNetConfiguration, rows: Int, columns: Int) -> Int {
    let widths = network.channelMultipliers.map { $0 * network.baseChannels }
    var floats = 8 * rows * columns
    for (level, width) in widths.enumerated() {
      let pixels = max(1, rows >> level) * max(1, columns >> level)
      var images = [width: network.residualBlocks + 4, 2 * width: 2]
      if level + 1 < widths.count {
        images[widths[level + 1], default: 0] = max(images[widths[level + 1]] ?? 0, 2)
        images[width + widths[level + 1]] = 2
      }
      floats += images.reduce(0) { $0 + $1.key * $1.value } * pixels
      if network.attentionLevels.contains(level) { floats += 3 * width * pixels + min(256, pixels) * pixels }
    }
    return 4 * floats
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
