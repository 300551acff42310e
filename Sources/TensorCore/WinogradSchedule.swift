import CKernels

/// How Winograd's sums over a batch are divided, and in which of two orders; both give the same bits.
///
/// Where there are many blocks of tiles each is done from beginning to end; where they are few, or the weights too many
/// to be read once per block, all tiles are transformed first and then multiplied panel by panel.
struct WinogradSchedule {
  let plan: ck_winograd_plan
  /// Images of the batch.
  let images: Int
  private let weightCount: Int

  init(_ convolution: ConvolutionShape, tile: Int, _ images: [Int]) {
    plan = convolution.winogradPlan(tile: tile, height: images[1], width: images[2])
    self.images = images[0]
    weightCount = convolution.packedCount
  }

  /// Weights that are read again for every block should stay in a level-3 cache.
  private static let weightsPerBlock = 3 << 20
  /// Floats of transformed tiles that are held at a time.
  private static let heldTiles = 6 << 20
  /// Tiles that one panel of weights is multiplied with at a time.
  private static let tilesPerPanel = 64

  /// Blocks of an image.
  var blocks: Int { Int(plan.blocks_high * plan.blocks_wide) }

  var goesBlockByBlock: Bool { weightCount <= Self.weightsPerBlock && images * blocks >= 2 * Parallel.threadCount }

  var panels: Int { withPlan { Int(ck_winograd_panels($0)) } }

  /// Tiles of a block, and where its first lies among those of its image.
  var tiles: [(first: Int, count: Int)] {
    var first = 0
    return withPlan { plan in
      (0..<blocks).map {
        let count = Int(ck_winograd_block_tiles(plan, Int32($0)))
        defer { first += count }
        return (first, count)
      }
    }
  }

  /// Tiles of the largest block.
  var largestBlock: Int { Int(plan.block_high * plan.block_wide) }

  /// Tiles of an image.
  var tilesPerImage: Int { Int(plan.tiles_high * plan.tiles_wide) }

  /// Output pixels of each block.
  var blockPixels: [Int] {
    let tile = Int(plan.tile)
    return (0..<blocks).map { block in
      let y = block / Int(plan.blocks_wide) * Int(plan.block_high) * tile
      let x = block % Int(plan.blocks_wide) * Int(plan.block_wide) * tile
      return min(Int(plan.block_high) * tile, Int(plan.height) - y)
        * min(Int(plan.block_wide) * tile, Int(plan.width) - x)
    }
  }

  /// Neighbouring blocks that together have about `tilesPerPanel` tiles.
  var chunks: [Range<Int>] {
    let size = max(1, Self.tilesPerPanel / largestBlock)
    return stride(from: 0, to: blocks, by: size).map { $0..<min($0 + size, blocks) }
  }

  /// Images whose transformed tiles are held at a time.
  var group: Int { max(1, min(images, Self.heldTiles / max(1, tileFloats(tilesPerImage)))) }

  /// Floats of the scratch that a block's input is gathered in.
  var patchFloats: Int { withPlan { ck_winograd_patch_count($0) } }

  /// Floats of transformed tiles.
  func tileFloats(_ tiles: Int) -> Int { withPlan { ck_winograd_tiles_count($0, Int32(tiles)) } }

  /// Floats of the scratch that the products of some tiles with one panel need.
  func productFloats(_ tiles: Int) -> Int { withPlan { ck_winograd_product_count($0, Int32(tiles)) } }

  /// Floats of the scratch that a chunk's products need.
  var chunkFloats: Int {
    let tiles = tiles
    return productFloats(chunks.map { $0.reduce(0) { $0 + tiles[$1].count } }.max() ?? 0)
  }

  var workspace: ConvolutionWorkspace {
    guard !goesBlockByBlock else {
      let scratch = patchFloats + tileFloats(largestBlock) + productFloats(largestBlock)
      return ConvolutionWorkspace(pieces: blocks, passes: [(images * blocks, scratch)])
    }
    return ConvolutionWorkspace(
      pieces: blocks, held: tileFloats(group * tilesPerImage),
      passes: [(group * blocks, patchFloats), (panels * group * chunks.count, chunkFloats)])
  }

  private func withPlan<R>(_ body: (UnsafePointer<ck_winograd_plan>) -> R) -> R { withUnsafePointer(to: plan, body) }
}
