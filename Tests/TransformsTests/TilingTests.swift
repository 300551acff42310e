import TensorCore
import Testing
import Transforms

@Suite("Tiles") struct TilingTests {
  /// Images whose pixels say where they are.
  private func numbered(_ rows: Int, _ columns: Int, images: Int = 1, channels: Int = 1) -> Tensor {
    Tensor(
      (0..<images * rows * columns * channels).map { Float($0 % 4093) }, shape: [images, rows, columns, channels])
  }

  @Test(
    "what is cut into tiles and put together again is what it was",
    arguments: [(64, 64), (65, 64), (80, 96), (200, 72), (257, 511), (40, 300)])
  func partition(rows: Int, columns: Int) throws {
    let tiling = Tiling(rows: rows, columns: columns, tile: 64)
    let images = numbered(rows, columns, images: 2)
    var whole = Tensor(repeating: 0, shape: images.shape)
    var coverage = [Int](repeating: 0, count: rows * columns)
    for tile in tiling.tiles {
      let part = tiling.cropped(images, to: tile)
      #expect(part.shape == [2, min(rows, 64), min(columns, 64), 1])
      tiling.add(part, of: tile, to: &whole)
      for place in tiling.cropped(Tensor((0..<rows * columns).map(Float.init), shape: [1, rows, columns, 1]), to: tile)
        .values
      { coverage[Int(place)] += 1 }
    }
    // The first tile begins where the image does, and the last one ends there.
    let (first, last) = (try #require(tiling.tiles.first), try #require(tiling.tiles.last))
    let end = min(rows, 64) * min(columns, 64) - 1
    #expect(tiling.cropped(images, to: first).values[0] == 0)
    #expect(Int(tiling.cropped(images, to: last).values[end]) == (rows * columns - 1) % 4093)
    #expect(coverage.allSatisfy { $0 >= 1 })
    for (a, b) in zip(whole.values, images.values) { #expect(abs(a - b) < 2e-3) }
  }

  @Test("neighbours share a quarter of a tile or more, and there are no more tiles than that takes")
  func overlap() {
    #expect(Tiling(rows: 64, columns: 64, tile: 64).count == 1)
    #expect(Tiling(rows: 112, columns: 64, tile: 64).count == 2)
    #expect(Tiling(rows: 113, columns: 112, tile: 64).count == 6)
    #expect(Tiling(rows: 500, columns: 300, tile: nil).count == 1)
  }

  @Test("an offset between two tiles becomes a ramp over what they share, not a step")
  func ramp() {
    let tiling = Tiling(rows: 4, columns: 112, tile: 64)
    var whole = Tensor(repeating: 0, shape: [1, 4, 112, 1])
    for tile in tiling.tiles {
      tiling.add(Tensor(repeating: Float(tile.column), shape: [1, 4, 64, 1]), of: tile, to: &whole)
    }
    let row = Array(whole.values[..<112])
    #expect(row[..<48].allSatisfy { $0 == 0 } && row[64...].allSatisfy { $0 == 1 })
    let steps = zip(row.dropFirst(), row).map { $0 - $1 }
    // A quarter turn of a sine over 16 pixels rises by no more than π/2 / 16 from one to the next.
    #expect(steps.allSatisfy { $0 >= 0 && $0 < 0.1 })
  }

  @Test("channels stay together")
  func channels() {
    let images = numbered(4, 9, channels: 3)
    let part = Tiling(rows: 4, columns: 9, tile: 4).cropped(images, to: (row: 0, column: 1))
    let start = Int(part.values[0])
    #expect(start % 3 == 0 && Array(part.values[..<12]) == (0..<12).map { Float(start + $0) })
  }
}
