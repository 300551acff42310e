public import TensorCore
public import Volumes

/// Which way a volume is cut into the slices that a 2D network sees.
///
/// A stack of thick slices is cut as it was acquired. A volume of nearly cubic voxels is cut into axial slices, which is
/// what networks are trained on, however it is stored. Nothing is resampled: stored axes change places, and change back.
public struct SlicingPlane: Sendable, Equatable {
  /// Which planes are asked for.
  public enum Choice: String, Sendable, Codable, CaseIterable {
    /// As the geometry says: see `SlicingPlane`.
    case auto
    /// As the file stores them.
    case stored
    case axial, coronal, sagittal
    /// Axial, coronal and sagittal at once: what the network says is averaged over all three.
    case all
    /// `all` where that can be, `auto` elsewhere: for those who do not know beforehand what comes.
    case allIfCubic = "all-if-cubic"

    /// Whether more than one plane may come of it.
    public var isSeveral: Bool { self == .all || self == .allIfCubic }
  }

  /// The stored axis along which slices are counted: 0 columns, 1 rows, 2 slices.
  public let axis: Int
  /// `axial`, `coronal` or `sagittal`, whichever is nearest; `stored` for images without orientation.
  public let name: String
  /// For each axis of the arranged volume (columns, rows, slices), the stored axis it comes from.
  ///
  /// Columns are the axis that runs left-right, or else front-back, so that a scan that is stored in two ways is seen in one.
  /// Slices that are cut as they are stored stay as they are.
  public let order: [Int]

  /// How much longer than all others one side of a voxel is in a stack of slices; below, voxels count as cubic.
  private static let thickness = 1.2

  /// The plane for a volume of these columns, rows, slices (and frames).
  public init(_ choice: Choice = .auto, dimensions: [Int], affine: Affine, format: VolumeFileFormat) {
    guard format != .png else {
      (axis, name, order) = (2, Choice.stored.rawValue, [0, 1, 2])
      return
    }
    let world = Orientation(affine).axes.map(\.world)
    func nearest(_ direction: Int) -> Int { world.firstIndex(of: direction) ?? 2 }
    let axis =
      switch choice {
      case .auto, .all, .allIfCubic: Self.thickAxis(dimensions, affine.spacing) ?? nearest(2)
      case .stored: 2
      case .axial: nearest(2)
      case .coronal: nearest(1)
      case .sagittal: nearest(0)
      }
    self.axis = axis
    name = ["sagittal", "coronal", "axial"][world[axis]]
    order = axis == 2 ? [0, 1, 2] : (0..<3).filter { $0 != axis }.sorted { world[$0] < world[$1] } + [axis]
  }

  /// Voxels that a volume must have along each axis to be cut across it.
  ///
  /// Slabs of 12 voxels still gain half a decibel; of fewer than this there is nothing to see.
  public static let leastExtent = 8

  /// Axial, coronal and sagittal; nil where voxels are no cubes, or fewer than `leastExtent` along an axis: then two of the
  /// planes hold images that no network was trained on.
  public static func all(dimensions: [Int], affine: Affine, format: VolumeFileFormat) -> [SlicingPlane]? {
    let spacing = affine.spacing
    guard format != .png, dimensions.prefix(3).allSatisfy({ $0 >= leastExtent }), let shortest = spacing.min(),
      spacing.allSatisfy({ $0 <= thickness * shortest })
    else { return nil }
    return [.axial, .coronal, .sagittal].map {
      SlicingPlane($0, dimensions: dimensions, affine: affine, format: format)
    }
  }

  /// The plane for a volume.
  public init(_ choice: Choice = .auto, for volume: Volume) {
    self.init(
      choice, dimensions: [volume.columns, volume.rows, volume.slices], affine: volume.affine,
      format: volume.header.format)
  }

  /// The axis that voxels are clearly longest along, or that of a single slice.
  private static func thickAxis(_ dimensions: [Int], _ spacing: [Double]) -> Int? {
    // A picture, however long its pixels are.
    if dimensions[2] == 1 { return 2 }
    let longest = (0..<3).max { spacing[$0] < spacing[$1] } ?? 2
    let others = (0..<3).filter { $0 != longest }.map { spacing[$0] }
    if others.allSatisfy({ spacing[longest] > thickness * $0 }) { return longest }
    return (0..<3).last { dimensions[$0] == 1 }
  }

  /// Columns, rows, slices and what follows, as arranged.
  public func arranged<T>(_ perAxis: [T]) -> [T] { order.map { perAxis[$0] } + perAxis.dropFirst(3) }

  /// Voxels `[frames, slices, rows, columns]` with their slices along the third axis.
  public func arranged(_ voxels: Tensor) -> Tensor {
    axis == 2 ? voxels : voxels.permutingAxes(order)
  }

  /// The way back.
  public func stored(_ voxels: Tensor) -> Tensor {
    axis == 2 ? voxels : voxels.permutingAxes((0..<3).map { axis in order.firstIndex(of: axis) ?? axis })
  }

  /// The volume with its slices along the third axis; the header stays as it is.
  public func arranged(_ volume: Volume) -> Volume {
    guard axis != 2 else { return volume }
    let affine = Affine(rows: volume.affine.rows.map { row in order.map { row[$0] } + [row[3]] })
    return Volume(voxels: arranged(volume.voxels), affine: affine, header: volume.header)
  }
}

extension Tensor {
  /// `[frames, slices, rows, columns]` with other axes: new axis `i`, counted from the columns, is the old `order[i]`.
  fileprivate func permutingAxes(_ order: [Int]) -> Tensor {
    let extents = [shape[3], shape[2], shape[1]]
    let strides = [1, extents[0], extents[0] * extents[1]]
    let (size, step) = (order.map { extents[$0] }, order.map { strides[$0] })
    let voxels = extents.reduce(1, *)
    var out = Tensor(uninitialized: [shape[0], size[2], size[1], size[0]])
    out.withUnsafeMutableBuffer { target in
      withUnsafeBuffer { source in
        guard let target = target.baseAddress, let source = source.baseAddress else { return }
        let (to, from) = (SharedPointer(target), SharedPointer(reading: source))
        Parallel.forEach(shape[0] * size[2]) { plane in
          let (frame, slice) = (plane / size[2], plane % size[2])
          let begin = from + frame * voxels + slice * step[2]
          let end = to + plane * size[1] * size[0]
          for row in 0..<size[1] {
            for column in 0..<size[0] {
              end[row * size[0] + column] = begin[row * step[1] + column * step[0]]
            }
          }
        }
      }
    }
    return out
  }
}
