import TensorCore
import Volumes

/// One of the three ways to cut a volume along its stored axes, turned as radiologists look at it.
///
/// Axial and coronal cuts show the patient's right on the left side; sagittal ones the face on the left side; up is
/// anterior in axial cuts, superior in the others. Nothing is resampled: stored axes are swapped and flipped to the
/// nearest anatomical direction. Images without orientation (PNG) are shown as stored.
struct ViewPlane: Equatable {
  /// `axial`, `coronal`, `sagittal`, or `stored` for images without orientation.
  let name: String
  /// The stored axis (0 columns, 1 rows, 2 slices) along which cuts are counted.
  let normal: Int
  let horizontal: Int
  let vertical: Int
  /// Whether the picture runs against the stored order.
  let flipsHorizontal: Bool
  let flipsVertical: Bool
  /// Letters at the left, right, top and bottom edge; empty without orientation.
  let letters: [String]
  /// Size of a pixel in mm, horizontally and vertically.
  let pixelSize: [Double]
  private let extents: [Int]

  /// The planes of a volume worth looking at: those with at least eight voxels in both directions, or else the
  /// largest.
  static func planes(of volume: Volume) -> [ViewPlane] {
    let all = (0..<3).map { ViewPlane(volume, normal: $0) }
    let usable = all.filter { $0.width >= 8 && $0.height >= 8 }
    let chosen = usable.isEmpty ? [all.max { $0.width * $0.height < $1.width * $1.height }!] : usable
    let order = ["axial", "coronal", "sagittal"]
    return chosen.sorted { (order.firstIndex(of: $0.name) ?? -1) < (order.firstIndex(of: $1.name) ?? -1) }
  }

  init(_ volume: Volume, normal: Int) {
    self.normal = normal
    extents = [volume.columns, volume.rows, volume.slices]
    let others = (0..<3).filter { $0 != normal }
    guard volume.header.format != .png else {
      name = "stored"
      (horizontal, vertical) = (others[0], others[1])
      (flipsHorizontal, flipsVertical) = (false, false)
      letters = []
      pixelSize = [1, 1]
      return
    }
    let world = Orientation(volume.affine).axes
    name = ["sagittal", "coronal", "axial"][world[normal].world]
    // The lower anatomical axis runs across: x in axial and coronal cuts, y in sagittal ones.
    let across = world[others[0]].world < world[others[1]].world ? others[0] : others[1]
    horizontal = across
    vertical = across == others[0] ? others[1] : others[0]
    // Picture left is +x (right) or +y (anterior); picture top is +y (anterior) or +z (superior).
    flipsHorizontal = world[horizontal].isPositive
    flipsVertical = world[vertical].isPositive
    let ends = [["R", "L"], ["A", "P"], ["S", "I"]]
    letters = ends[world[horizontal].world] + ends[world[vertical].world]
    pixelSize = [volume.spacing[horizontal], volume.spacing[vertical]]
  }

  var width: Int { extents[horizontal] }
  var height: Int { extents[vertical] }
  /// Number of possible cuts.
  var depth: Int { extents[normal] }

  /// The cut at `index` of the first frame of `voxels`, `[frames, slices, rows, columns]`.
  func picture(of voxels: Tensor, at index: Int, scale: GreyScale) -> GreyImage {
    let strides = [1, extents[0], extents[0] * extents[1]]
    var out = GreyImage(width: width, height: height)
    voxels.withUnsafeBuffer { source in
      for y in 0..<height {
        let row = index * strides[normal] + (flipsVertical ? height - 1 - y : y) * strides[vertical]
        for x in 0..<width {
          let column = (flipsHorizontal ? width - 1 - x : x) * strides[horizontal]
          out.pixels[y * width + x] = scale.level(source[row + column])
        }
      }
    }
    return out
  }

  /// Up to `count` cuts spread over the part of the volume that holds more than background.
  func cuts(_ count: Int, of voxels: Tensor, above threshold: Float) -> [Int] {
    let strides = [1, extents[0], extents[0] * extents[1]]
    let filled = voxels.withUnsafeBuffer { source in
      (0..<depth).filter { index in
        var content = 0
        for y in 0..<height {
          let row = index * strides[normal] + y * strides[vertical]
          for x in 0..<width where source[row + x * strides[horizontal]] > threshold { content += 1 }
        }
        return content * 50 > width * height
      }
    }
    let first = filled.first ?? 0
    let extent = (filled.last ?? depth - 1) - first + 1
    let number = min(count, extent)
    return (0..<number).map { first + (2 * $0 + 1) * extent / (2 * number) }
  }

  /// The size in pixels that shows a cut with square pixels and `limit` on the longer side.
  func size(limit: Int) -> (width: Int, height: Int) {
    let (w, h) = (Double(width) * pixelSize[0], Double(height) * pixelSize[1])
    let scale = Double(limit) / max(w, h)
    return (max(1, Int((w * scale).rounded())), max(1, Int((h * scale).rounded())))
  }
}
