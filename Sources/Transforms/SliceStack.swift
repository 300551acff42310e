public import TensorCore

/// A 3D frame as a stack of 2D images that a network can take, and the way back.
///
/// Slices are taken as stored: one per step of the third stored dimension, rows and columns as they lie in the file.
/// Rows and columns are padded at their ends to multiples of what the network needs, by reflection.
public struct SliceStack: Sendable, Equatable {
  /// Number of slices.
  public let slices: Int
  /// Rows of a slice.
  public let rows: Int
  /// Columns of a slice.
  public let columns: Int
  /// Rows of an image, padding included.
  public let imageRows: Int
  /// Columns of an image, padding included.
  public let imageColumns: Int

  /// The stack for frames of the given extents and a network whose image extents are multiples of `multiple`.
  public init(slices: Int, rows: Int, columns: Int, multiple: Int) {
    precondition(slices > 0 && rows > 0 && columns > 0 && multiple > 0)
    self.slices = slices
    self.rows = rows
    self.columns = columns
    imageRows = (rows + multiple - 1) / multiple * multiple
    imageColumns = (columns + multiple - 1) / multiple * multiple
  }

  /// The slices `range` of frame `frame` of `[frames, slices, rows, columns]` as images `[n, imageRows,
  /// imageColumns, 1]`.
  public func images(_ range: Range<Int>, ofFrame frame: Int, from voxels: Tensor) -> Tensor {
    images(range, offsets: [0], ofFrame: frame, from: voxels)
  }

  /// The slices at `offsets` from each of `range`, side by side: `[n, imageRows, imageColumns, offsets]`.
  ///
  /// Beyond the first and the last slice the stack is mirrored.
  public func images(_ range: Range<Int>, offsets: [Int], ofFrame frame: Int, from voxels: Tensor) -> Tensor {
    precondition(voxels.shape.count == 4 && Array(voxels.shape.dropFirst()) == [slices, rows, columns])
    precondition(frame >= 0 && frame < voxels.shape[0] && range.lowerBound >= 0 && range.upperBound <= slices)
    let sourceRows = (0..<imageRows).map { Self.reflected($0, extent: rows) }
    let sourceColumns = (0..<imageColumns).map { Self.reflected($0, extent: columns) }
    let channels = offsets.count
    var out = Tensor(uninitialized: [range.count, imageRows, imageColumns, channels])
    voxels.withUnsafeBuffer { source in
      out.withUnsafeMutableBuffer { target in
        guard let base = source.baseAddress, let start = target.baseAddress else { return }
        for (channel, offset) in offsets.enumerated() {
          var to = start + channel
          for slice in range {
            let first = (frame * slices + Self.reflected(slice + offset, extent: slices)) * rows
            for row in sourceRows {
              let from = base + (first + row) * columns
              if channels == 1 { to.update(from: from, count: columns) }
              for x in (channels == 1 ? columns : 0)..<imageColumns { to[x * channels] = from[sourceColumns[x]] }
              to += imageColumns * channels
            }
          }
        }
      }
    }
    return out
  }

  /// Writes images back to where `images(_:ofFrame:from:)` took them, without the padding.
  public func place(_ images: Tensor, at range: Range<Int>, ofFrame frame: Int, in voxels: inout Tensor) {
    precondition(images.shape == [range.count, imageRows, imageColumns, 1], "images of another stack")
    precondition(voxels.shape.count == 4 && Array(voxels.shape.dropFirst()) == [slices, rows, columns])
    precondition(frame >= 0 && frame < voxels.shape[0] && range.lowerBound >= 0 && range.upperBound <= slices)
    images.withUnsafeBuffer { source in
      voxels.withUnsafeMutableBuffer { target in
        guard let from = source.baseAddress, let base = target.baseAddress else { return }
        for (image, slice) in range.enumerated() {
          for row in 0..<rows {
            let to = base + ((frame * slices + slice) * rows + row) * columns
            to.update(from: from + (image * imageRows + row) * imageColumns, count: columns)
          }
        }
      }
    }
  }

  /// The index inside `0..<extent` that index `i` shows when the line is mirrored at its first and last element
  /// (which are not repeated); an extent of 1 is repeated.
  public static func reflected(_ i: Int, extent: Int) -> Int {
    precondition(extent > 0)
    guard extent > 1 else { return 0 }
    let period = 2 * (extent - 1)
    let phase = ((i % period) + period) % period
    return phase < extent ? phase : period - phase
  }
}
