import Foundation
import TensorCore
import Volumes

/// All pictures of a case page, within a budget of bytes.
struct CasePictures {
  /// One plane's cuts: where they lie, and what they show.
  struct Sheet {
    let sheet: ContactSheet
    /// How black and white are to be read.
    let scale: GreyScale
    let before: String
    let after: String
    let residual: String
    let deviation: String?
  }

  /// One cut of the plane with the finest grid, as large as the budget allows.
  let large: Sheet
  /// Eight cuts of each plane worth looking at; empty for a single slice.
  let overviews: [Sheet]
  /// What the residual's black and white mean, with either sign.
  let reach: Float
  /// What the deviation's white means.
  let deviationReach: Float

  /// Draws the pictures so that their base64 takes at most `budget` bytes.
  ///
  /// Their size is what gives way; nothing else about them changes.
  init(before: Volume, after: Tensor, deviation: Tensor?, residual: Tensor, unit: String, budget: Int) throws {
    let display = DisplayRange.of(before.voxels)
    reach = Self.fixedReach(of: residual)
    deviationReach = deviation.map(Self.fixedReach) ?? 0
    let planes = ViewPlane.planes(of: before)
    let threshold = DisplayRange.objectThreshold(display)
    let layers = Layers(
      before: before.voxels, after: after, residual: residual, deviation: deviation, reach: reach,
      deviationReach: deviationReach)
    let main = Self.mainPlane(of: planes)
    let middle = main.cuts(1, of: before.voxels, above: threshold)
    var factor = 1.0
    while true {
      let hero = ContactSheet(main, cuts: middle, columns: 1, width: Int(512 * factor))
      let sheets = planes.filter { $0.depth > 1 }.map {
        ContactSheet.overview($0, of: before.voxels, above: threshold, width: Int(1024 * factor))
      }
      let all = [hero] + sheets
      // The first guess is by what there is to encode, so that the expensive encoding is rarely done twice.
      let area = all.reduce(0) { $0 + $1.content } * (deviation == nil ? 3 : 4)
      let guess = (1.2 * Double(budget) / Double(area)).squareRoot()
      if guess < 1, factor == 1 {
        factor = guess
        continue
      }
      let drawn = try all.enumerated().map { index, sheet in
        try layers.draw(sheet, scale: index == 0 && unit == "HU" ? .softTissue : display)
      }
      let bytes = drawn.reduce(0) { $0 + $1.byteCount }
      guard bytes > budget, factor > 0.05 else {
        large = drawn[0]
        overviews = Array(drawn.dropFirst())
        return
      }
      factor *= 0.95 * (Double(budget) / Double(bytes)).squareRoot()
    }
  }

  /// The middle cut of the finest plane, before at its left and after at its right half, in a black square.
  static func thumbnail(_ before: Volume, _ after: Tensor, unit: String) throws -> Data {
    let side = 96
    let display = DisplayRange.of(before.voxels)
    let scale = unit == "HU" ? .softTissue : display
    let plane = mainPlane(of: ViewPlane.planes(of: before))
    let cut = plane.cuts(1, of: before.voxels, above: DisplayRange.objectThreshold(display))[0]
    let size = plane.size(limit: side)
    let pictures = [before.voxels, after].map {
      plane.picture(of: $0, at: cut, scale: scale).resized(width: size.width, height: size.height)
    }
    var out = GreyImage(width: side, height: side)
    let (left, top) = ((side - size.width) / 2, (side - size.height) / 2)
    for row in 0..<size.height {
      for column in 0..<size.width {
        let picture = pictures[2 * column < size.width ? 0 : 1]
        out.pixels[(top + row) * side + left + column] = picture.pixels[row * size.width + column]
      }
    }
    return try PNGFile.encode(out.pixels, width: side, height: side)
  }

  private static func mainPlane(of planes: [ViewPlane]) -> ViewPlane {
    planes.max { $0.width * $0.height < $1.width * $1.height } ?? planes[0]
  }

  /// A round number that 99 of 100 values do not exceed: cases of one kind share it, so their pictures compare.
  private static func fixedReach(of values: Tensor) -> Float {
    Float(
      NiceNumber.atLeast(
        Double(max(DisplayRange.reach(of: values), .leastNormalMagnitude)), among: [1, 1.5, 2, 3, 5, 7]))
  }

  /// What is drawn of each sheet.
  private struct Layers {
    let before: Tensor
    let after: Tensor
    let residual: Tensor
    let deviation: Tensor?
    let reach: Float
    let deviationReach: Float

    func draw(_ sheet: ContactSheet, scale: GreyScale) throws -> Sheet {
      let signed = GreyScale(low: -reach, high: reach)
      return Sheet(
        sheet: sheet, scale: scale, before: try url(sheet.picture(of: before, scale: scale)),
        after: try url(sheet.picture(of: after, scale: scale)),
        residual: try url(sheet.picture(of: residual, scale: signed, ground: 128)),
        deviation: try deviation.map {
          try url(sheet.picture(of: $0, scale: GreyScale(low: 0, high: deviationReach)))
        })
    }

    private func url(_ picture: GreyImage) throws -> String {
      let png = try PNGFile.encode(picture.pixels, width: picture.width, height: picture.height)
      return "data:image/png;base64,\(png.base64EncodedString())"
    }
  }
}

extension CasePictures.Sheet {
  var byteCount: Int { before.utf8.count + after.utf8.count + residual.utf8.count + (deviation?.utf8.count ?? 0) }
}
