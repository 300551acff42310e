import Foundation
import TensorCore

/// Cuts of one plane in a grid, each in a cell of its own, above a strip with the marking.
///
/// The picture holds grey levels only; letters, numbers and the scale bar lie over it as a drawing, so that they stay
/// sharp at any size.
struct ContactSheet {
  let plane: ViewPlane
  let cuts: [Int]
  let columns: Int
  /// Size of a cut in the picture.
  let tile: (width: Int, height: Int)
  private let cell: (width: Int, height: Int)
  /// Pixels per dot of the marking's letters: about one size on the screen, for wide pictures are shown smaller.
  private let lettering: Int

  private static let gap = 2
  private static let roomForBar = 110

  /// The size of the whole picture.
  var width: Int { columns * cell.width }
  var height: Int { rows * cell.height + stripHeight }
  /// Pixels that are not copies of their neighbours.
  var content: Int { cuts.count * min(tile.width, plane.width) * min(tile.height, plane.height) }
  private var stripHeight: Int { lettering * 11 }
  private var rows: Int { (cuts.count + columns - 1) / columns }

  /// A sheet about as wide as asked for; pixels are enlarged by whole numbers only, and shrunk as needed.
  init(_ plane: ViewPlane, cuts: [Int], columns: Int, width: Int) {
    self.plane = plane
    self.cuts = cuts
    self.columns = columns
    let wanted = max(8, width / columns)
    let (w, h) = (Double(plane.width) * plane.pixelSize[0], Double(plane.height) * plane.pixelSize[1])
    // The picture's pixels per mm; the finer of the two stored directions is what must not be blurred or stretched.
    let finest = 1 / min(plane.pixelSize[0], plane.pixelSize[1])
    var scale = min(Double(wanted) / w, 1.4 * Double(wanted) / h)
    if scale > finest { scale = finest * (scale / finest).rounded(.down) }
    tile = (max(1, Int((w * scale).rounded())), max(1, Int((h * scale).rounded())))
    let least = (PixelLettering.width(PixelLettering.marking) + 6 + columns - 1) / columns
    cell = (max(tile.width + Self.gap, least), tile.height + Self.gap)
    lettering = max(1, Int((Double(columns * cell.width) / (columns == 1 ? 256 : 512)).rounded()))
  }

  /// The sheet that shows as much as possible of up to eight cuts in a picture that is not taller than half its width.
  static func overview(_ plane: ViewPlane, of voxels: Tensor, above threshold: Float, width: Int) -> ContactSheet {
    let cuts = plane.cuts(8, of: voxels, above: threshold)
    let aspect = Double(plane.height) * plane.pixelSize[1] / (Double(plane.width) * plane.pixelSize[0])
    let columns = [1, 2, 4, 8].first { columns in
      Double((cuts.count + columns - 1) / columns) * aspect / Double(columns) <= 0.55
    }
    return ContactSheet(plane, cuts: cuts, columns: min(columns ?? 8, cuts.count), width: width)
  }

  /// The cuts as grey levels; `ground` is what surrounds them.
  func picture(of voxels: Tensor, scale: GreyScale, ground: UInt8 = 0) -> GreyImage {
    var out = GreyImage(width: width, height: height, fill: ground)
    for (index, cut) in cuts.enumerated() {
      let picture = plane.picture(of: voxels, at: cut, scale: scale).resized(width: tile.width, height: tile.height)
      let corner = origin(index)
      for row in 0..<tile.height {
        let start = (corner.y + row) * width + corner.x
        out.pixels.replaceSubrange(
          start..<start + tile.width, with: picture.pixels[row * tile.width..<(row + 1) * tile.width])
      }
    }
    let fits = lettering * (PixelLettering.width(PixelLettering.longMarking) + Self.roomForBar) <= width
    PixelLettering.draw(
      fits ? PixelLettering.longMarking : PixelLettering.marking, at: (3 * lettering, height - 9 * lettering),
      dot: lettering, level: ground < 64 ? 165 : 215, in: &out)
    return out
  }

  /// Top left corner of a cut in the picture.
  private func origin(_ index: Int) -> (x: Int, y: Int) {
    (index % columns * cell.width + (cell.width - tile.width) / 2, index / columns * cell.height)
  }

  // MARK: Drawing over the picture

  /// Letters at every cut's edges, cut numbers, and a scale bar in the first cut; `word` names what is shown.
  func overlay(word: String, class name: String) -> String {
    let size = Double(width) / (columns == 1 ? 34 : 78)
    var out = ""
    for (index, cut) in cuts.enumerated() {
      let (x, y) = (Double(origin(index).x), Double(origin(index).y))
      let (w, h) = (Double(tile.width), Double(tile.height))
      out += text(plane.depth > 1 ? "\(cut + 1)" : "", x + size * 0.35, y + size * 1.1, "start", "number")
      guard plane.letters.count == 4 else { continue }
      out += text(plane.letters[0], x + size * 0.35, y + h / 2 + size * 0.35, "start", "side")
      out += text(plane.letters[1], x + w - size * 0.35, y + h / 2 + size * 0.35, "end", "side")
      // A thin cut has no room for more letters than those at its ends.
      guard h > 4.5 * size else { continue }
      out += text(plane.letters[2], x + w / 2, y + size * 1.1, "middle", "side")
      out += text(plane.letters[3], x + w / 2, y + h - size * 0.4, "middle", "side")
    }
    let corner = Double(origin(0).x) + Double(tile.width) - size * 0.35
    out += text(
      word, name == "before" ? Double(origin(0).x) + size * 0.35 : corner, Double(tile.height) - size * 0.4,
      name == "before" ? "start" : "end", name)
    return """
      <svg viewBox="0 0 \(width) \(height)" aria-hidden="true" font-size="\(number(size))">\(out)\(bar(size))</svg>
      """
  }

  private func bar(_ size: Double) -> String {
    guard !plane.letters.isEmpty else { return "" }
    let pixelsPerMillimetre = Double(tile.width) / (Double(plane.width) * plane.pixelSize[0])
    let length = NiceNumber.atMost(0.3 * Double(plane.width) * plane.pixelSize[0])
    let label = length >= 10 ? "\(number(length / 10)) cm" : "\(number(length)) mm"
    // Beside the marking; in a narrow picture, over the foot of the first cut.
    let dot = Double(lettering)
    let isNarrow = lettering * (PixelLettering.width(PixelLettering.marking) + Self.roomForBar) > width
    let end = (isNarrow ? Double(origin(0).x + tile.width) : Double(width)) - 4 * dot
    let y = isNarrow ? Double(tile.height) - 8 * dot : Double(height) - 4 * dot
    let start = end - length * pixelsPerMillimetre
    return """
      <path class="bar" d="M\(number(start)) \(number(y - 3 * dot))v\(number(3 * dot))H\(number(end))v\(number(-3 * dot))" \
      stroke-width="\(number(dot))"/>\
      <text class="bar" x="\(number(start - 4 * dot))" y="\(number(y))" text-anchor="end" font-size="\(number(8 * dot))">\(label)</text>
      """
  }

  private func text(_ text: String, _ x: Double, _ y: Double, _ anchor: String, _ name: String) -> String {
    guard !text.isEmpty else { return "" }
    return "<text class=\"\(name)\" x=\"\(number(x))\" y=\"\(number(y))\" text-anchor=\"\(anchor)\">\(text)</text>"
  }

  private func number(_ value: Double) -> String {
    let rounded = (value * 10).rounded() / 10
    return rounded == rounded.rounded() ? String(Int(rounded)) : String(rounded)
  }
}

/// Round numbers for scales: 1, 2 or 5 times a power of ten.
enum NiceNumber {
  /// The greatest one that is not above a positive value.
  static func atMost(_ value: Double) -> Double {
    let power = pow(10, (log10(value)).rounded(.down))
    // A hair of slack, for the logarithm of a round number may come out a hair low.
    return [5.0, 2, 1].map { $0 * power }.first { $0 <= value * (1 + 1e-9) } ?? power
  }

  /// The least one that is not below a positive value; `steps` are other factors than 1, 2 and 5.
  static func atLeast(_ value: Double, among steps: [Double] = [1, 2, 5]) -> Double {
    let power = pow(10, (log10(value)).rounded(.down))
    return steps.map { $0 * power }.first { $0 >= value * (1 - 1e-9) } ?? 10 * power
  }
}
