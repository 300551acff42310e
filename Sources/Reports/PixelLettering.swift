/// Capital letters of 5 × 7 pixels, to write the marking into a picture itself: it stays when the picture is saved or
/// copied out of its page.
enum PixelLettering {
  static let height = 7
  private static let advance = 6

  /// Seven rows of five bits each, for the letters of the marking.
  private static let glyphs: [Character: [UInt8]] = [
    "A": [0x0E, 0x11, 0x11, 0x1F, 0x11, 0x11, 0x11], "C": [0x0E, 0x11, 0x10, 0x10, 0x10, 0x11, 0x0E],
    "D": [0x1E, 0x11, 0x11, 0x11, 0x11, 0x11, 0x1E], "E": [0x1F, 0x10, 0x10, 0x1E, 0x10, 0x10, 0x1F],
    "F": [0x1F, 0x10, 0x10, 0x1E, 0x10, 0x10, 0x10], "G": [0x0E, 0x11, 0x10, 0x17, 0x11, 0x11, 0x0F],
    "H": [0x11, 0x11, 0x11, 0x1F, 0x11, 0x11, 0x11], "I": [0x0E, 0x04, 0x04, 0x04, 0x04, 0x04, 0x0E],
    "L": [0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x1F], "N": [0x11, 0x11, 0x19, 0x15, 0x13, 0x11, 0x11],
    "O": [0x0E, 0x11, 0x11, 0x11, 0x11, 0x11, 0x0E], "R": [0x1E, 0x11, 0x11, 0x1E, 0x14, 0x12, 0x11],
    "S": [0x0F, 0x10, 0x10, 0x0E, 0x01, 0x01, 0x1E], "T": [0x1F, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04],
    "U": [0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x0E], "Y": [0x11, 0x11, 0x0A, 0x04, 0x04, 0x04, 0x04],
  ]

  /// The marking in every picture's corner, and a longer one where there is room.
  static let marking = "RESEARCH USE ONLY"
  static let longMarking = "RESEARCH USE ONLY  NOT FOR DIAGNOSIS"

  /// The width of a text in pixels.
  static func width(_ text: String) -> Int { text.count * advance - 1 }

  /// Writes a text from its top left corner on, in dots of `dot` × `dot` pixels; what does not fit is left out.
  static func draw(_ text: String, at corner: (x: Int, y: Int), dot: Int, level: UInt8, in image: inout GreyImage) {
    for (index, character) in text.enumerated() {
      for (row, bits) in (glyphs[character] ?? []).enumerated() {
        for column in 0..<5 where bits & (0x10 >> column) != 0 {
          fill(corner.x + (index * advance + column) * dot, corner.y + row * dot, dot, level, &image)
        }
      }
    }
  }

  private static func fill(_ x: Int, _ y: Int, _ dot: Int, _ level: UInt8, _ image: inout GreyImage) {
    for row in y..<min(y + dot, image.height) {
      for column in x..<min(x + dot, image.width) { image.pixels[row * image.width + column] = level }
    }
  }
}
