import Foundation

/// An 8-bit grey picture for people.
struct GreyImage: Equatable {
  let width: Int
  let height: Int
  var pixels: [UInt8]

  init(width: Int, height: Int, pixels: [UInt8]) {
    precondition(pixels.count == width * height)
    self.width = width
    self.height = height
    self.pixels = pixels
  }

  init(width: Int, height: Int, fill: UInt8 = 0) {
    self.init(width: width, height: height, pixels: [UInt8](repeating: fill, count: width * height))
  }

  /// The picture at another size: each new pixel is the mean of the area it covers, or the nearest pixel where it
  /// covers less than one.
  func resized(width newWidth: Int, height newHeight: Int) -> GreyImage {
    let columns = Self.spans(width, newWidth)
    let rows = Self.spans(height, newHeight)
    var out = GreyImage(width: newWidth, height: newHeight)
    for (y, rowSpan) in rows.enumerated() {
      for (x, columnSpan) in columns.enumerated() {
        var sum = 0
        for row in rowSpan { for column in columnSpan { sum += Int(pixels[row * width + column]) } }
        let area = rowSpan.count * columnSpan.count
        out.pixels[y * newWidth + x] = UInt8((sum + area / 2) / area)
      }
    }
    return out
  }

  private static func spans(_ extent: Int, _ count: Int) -> [Range<Int>] {
    (0..<count).map { i in
      let first = i * extent / count
      return first..<max(first + 1, (i + 1) * extent / count)
    }
  }
}

/// A range of voxel values as grey levels.
struct GreyScale: Equatable {
  let low: Float
  let high: Float

  /// The usual window for soft tissue in CT, centre 40 and width 400 HU: noise that drowns in the full range shows.
  static let softTissue = GreyScale(low: -160, high: 240)

  /// 0 at and below `low`, 255 at and above `high`.
  func level(_ value: Float) -> UInt8 {
    guard high > low, !value.isNaN else { return 0 }
    // In double precision, where no difference of two floats overflows.
    let share = (Double(value) - Double(low)) / (Double(high) - Double(low))
    return UInt8(min(max(share, 0), 1) * 255 + 0.5)
  }
}
