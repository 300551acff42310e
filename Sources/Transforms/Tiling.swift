import Foundation
public import TensorCore

/// Overlapping tiles over images, and the weights with which what was made of them is put together.
///
/// Tiles lie evenly, first and last at the edges. Where two overlap, one fades out as the other fades in, and the weights of
/// all tiles add up to 1 everywhere.
public struct Tiling: Sendable, Equatable {
  /// One tile: its first row and column, by number.
  public typealias Tile = (row: Int, column: Int)

  private let vertical: Line
  private let horizontal: Line

  /// Tiles of at most `tile` rows and columns over images; nil for one tile that is the whole image.
  ///
  /// Neighbours share at least a quarter of a tile: within reach of what the networks here see, so that no tile is cut off
  /// from what decides on its pixels.
  public init(rows: Int, columns: Int, tile: Int?) {
    precondition(rows > 0 && columns > 0 && (tile ?? 4) >= 4)
    vertical = Line(extent: rows, tile: tile)
    horizontal = Line(extent: columns, tile: tile)
  }

  /// Rows of a tile.
  public var tileRows: Int { vertical.tile }
  /// Columns of a tile.
  public var tileColumns: Int { horizontal.tile }
  /// How many there are.
  public var count: Int { vertical.starts.count * horizontal.starts.count }
  /// All of them, row by row.
  public var tiles: [Tile] { vertical.starts.indices.flatMap { row in horizontal.starts.indices.map { (row, $0) } } }

  /// The part of images `[n, rows, columns, channels]` that a tile covers.
  public func cropped(_ images: Tensor, to tile: Tile) -> Tensor {
    check(images)
    guard count > 1 else { return images }
    let (rows, columns, channels) = (images.shape[1], images.shape[2], images.shape[3])
    let (top, left) = (vertical.starts[tile.row], horizontal.starts[tile.column])
    var out = Tensor(uninitialized: [images.shape[0], tileRows, tileColumns, channels])
    images.withUnsafeBuffer { source in
      out.withUnsafeMutableBuffer { target in
        guard let from = source.baseAddress, let to = target.baseAddress else { return }
        for image in 0..<images.shape[0] {
          for row in 0..<tileRows {
            (to + (image * tileRows + row) * tileColumns * channels)
              .update(
                from: from + ((image * rows + top + row) * columns + left) * channels, count: tileColumns * channels)
          }
        }
      }
    }
    return out
  }

  /// Adds what was made of a tile, `[n, tileRows, tileColumns, 1]`, to the whole `[n, rows, columns, 1]`, by its weights.
  public func add(_ made: Tensor, of tile: Tile, to whole: inout Tensor) {
    check(whole)
    precondition(made.shape == [whole.shape[0], tileRows, tileColumns, 1] && whole.shape[3] == 1)
    let (rows, columns) = (whole.shape[1], whole.shape[2])
    let (top, left) = (vertical.starts[tile.row], horizontal.starts[tile.column])
    made.withUnsafeBuffer { source in
      whole.withUnsafeMutableBuffer { target in
        for image in 0..<made.shape[0] {
          for row in 0..<tileRows {
            let first = (image * rows + top + row) * columns + left
            let from = (image * tileRows + row) * tileColumns
            let weight = vertical.weights[tile.row][row]
            for column in 0..<tileColumns {
              target[first + column] += weight * horizontal.weights[tile.column][column] * source[from + column]
            }
          }
        }
      }
    }
  }

  private func check(_ images: Tensor) {
    precondition(
      images.shape.count == 4 && images.shape[1] == vertical.extent && images.shape[2] == horizontal.extent,
      "images of \(images.shape) in a tiling of \(vertical.extent) × \(horizontal.extent)")
  }

  /// Tiles along one direction.
  private struct Line: Equatable {
    let extent: Int
    let tile: Int
    let starts: [Int]
    /// For each tile a weight for each of its places.
    let weights: [[Float]]

    init(extent: Int, tile limit: Int?) {
      let tile = min(limit ?? extent, extent)
      let overlap = tile / 4
      let count = tile == extent ? 1 : (extent - overlap + tile - overlap - 1) / (tile - overlap)
      let starts = (0..<count).map { count == 1 ? 0 : ($0 * (extent - tile) + (count - 1) / 2) / (count - 1) }
      var weights = starts.indices.map { index in
        (0..<tile).map { place -> Double in
          // From 0 to 1 over the overlap; the outer edges of the image have no neighbour to fade to.
          let fromStart = index == 0 ? 1 : min(1, (Double(place) + 0.5) / Double(overlap))
          let toEnd = index == count - 1 ? 1 : min(1, (Double(tile - place) - 0.5) / Double(overlap))
          return pow(sin(.pi / 2 * min(fromStart, toEnd)), 2)
        }
      }
      var sums = [Double](repeating: 0, count: extent)
      for (start, own) in zip(starts, weights) {
        for (place, weight) in own.enumerated() { sums[start + place] += weight }
      }
      for (index, start) in starts.enumerated() {
        for place in 0..<tile { weights[index][place] /= sums[start + place] }
      }
      self.extent = extent
      self.tile = tile
      self.starts = starts
      self.weights = weights.map { $0.map(Float.init) }
    }
  }
}
