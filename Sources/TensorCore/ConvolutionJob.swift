import CKernels

/// One run of a packed convolution over a batch: who computes what, and in which scratch.
struct ConvolutionJob {
  /// Moments of the pieces of every image, `[n, pieces, 3, out]`, and the pixels of each piece.
  typealias Pieces = (sums: Tensor, pixels: [Int])

  private let convolution: PackedConvolution
  private let weights: Tensor
  private let images: FusedImages
  private let bias: Tensor?
  private let residual: Tensor?
  private let shape: [Int]

  init(_ convolution: PackedConvolution, _ weights: Tensor, _ images: FusedImages, bias: Tensor?, residual: Tensor?) {
    self.convolution = convolution
    self.weights = weights
    self.images = images
    self.bias = bias
    self.residual = residual
    shape = images.shape
  }

  /// Where the results of one image go.
  private func output(
    _ image: Int, _ out: SharedPointer<Float>, _ step: Int, _ moments: SharedPointer<Float>?, _ momentStep: Int
  ) -> ck_conv_output {
    let biasStep = bias.map { $0.count > convolution.outputChannels ? convolution.outputChannels : 0 } ?? 0
    return ck_conv_output(
      out: out + image * step, bias: bias.map { $0.base + image * biasStep },
      residual: residual.map { $0.base + image * step }, moments: moments.map { $0 + image * momentStep })
  }

  /// Direct sums: strips of output rows.
  func runDirect(into out: inout Tensor, wantsMoments: Bool) -> Pieces? {
    var shape = convolution.convolution.kernelShape(input: self.shape, outChannels: convolution.outputChannels)
    let (n, strips, rows) = (self.shape[0], Int(ck_conv_strips(&shape)), Int(ck_conv_strip_rows(&shape)))
    let scratchCount = ck_conv_scratch_count(&shape)
    let channels = convolution.outputChannels
    let (step, momentStep) = (out.count / n, strips * 3 * channels)
    var moments = Tensor(uninitialized: wantsMoments ? [n, strips, 3, channels] : [0])
    let fixed = shape
    out.withUnsafeMutableBuffer { out in
      moments.withUnsafeMutableBuffer { moments in
        let out = SharedPointer(out.baseAddress!)
        let moments = wantsMoments ? SharedPointer(moments.baseAddress!) : nil
        Parallel.forEach(n * strips, scratch: scratchCount) { item, scratch in
          var shape = fixed
          let image = item / strips
          var input = images.input(image)
          var target = output(image, out, step, moments, momentStep)
          ck_conv_forward(&shape, &input, weights.base, Int32(item % strips), scratch, &target)
        }
      }
    }
    guard wantsMoments else { return nil }
    let (height, width) = (Int(shape.out_height), Int(shape.out_width))
    return (moments, (0..<strips).map { min(rows, height - $0 * rows) * width })
  }

  /// Winograd's sums: blocks of tiles.
  ///
  /// Where there are many blocks each is done from beginning to end; where they are few, or the weights too many to be
  /// read once per block, all tiles are transformed first and then multiplied panel by panel.
  func runWinograd(tile: Int, into out: inout Tensor, wantsMoments: Bool) -> Pieces? {
    let channels = convolution.outputChannels
    let plan = ck_winograd_make_plan(
      Int32(shape[1]), Int32(shape[2]), Int32(shape[3]), Int32(channels), Int32(tile), convolution.upsampled ? 1 : 0, 0)
    let run = WinogradRun(plan: plan, images: images, weights: weights, count: shape[0])
    let n = shape[0]
    let (step, momentStep) = (out.count / n, run.blocks * 3 * channels)
    var moments = Tensor(uninitialized: wantsMoments ? [n, run.blocks, 3, channels] : [0])
    out.withUnsafeMutableBuffer { out in
      moments.withUnsafeMutableBuffer { moments in
        let out = SharedPointer(out.baseAddress!)
        let moments = wantsMoments ? SharedPointer(moments.baseAddress!) : nil
        let target: @Sendable (Int) -> ck_conv_output = { output($0, out, step, moments, momentStep) }
        if run.goesBlockByBlock { run.blockByBlock(target) } else { run.panelByPanel(target) }
      }
    }
    return wantsMoments ? (moments, run.blockPixels) : nil
  }
}

/// The two orders of Winograd's work; both give the same bits.
private struct WinogradRun: @unchecked Sendable {
  let plan: ck_winograd_plan
  let images: FusedImages
  let weights: Tensor
  let count: Int

  var blocks: Int { Int(plan.blocks_high * plan.blocks_wide) }

  /// Weights that are read again for every block should stay in a level-3 cache.
  private static let weightsPerBlock = 3 << 20
  /// Floats of transformed tiles that are held at a time.
  private static let heldTiles = 6 << 20
  /// Tiles that one panel of weights is multiplied with at a time.
  private static let tilesPerPanel = 64

  var goesBlockByBlock: Bool { weights.count <= Self.weightsPerBlock && count * blocks >= 2 * Parallel.threadCount }

  /// Tiles of a block, and where its first lies among those of its image.
  private var tiles: [(first: Int, count: Int)] {
    var plan = plan
    var first = 0
    return (0..<blocks).map {
      let count = Int(ck_winograd_block_tiles(&plan, Int32($0)))
      defer { first += count }
      return (first, count)
    }
  }

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

  func blockByBlock(_ output: @Sendable (Int) -> ck_conv_output) {
    var plan = plan
    let largest = plan.block_high * plan.block_wide
    let (patch, held) = (ck_winograd_patch_count(&plan), ck_winograd_tiles_count(&plan, largest))
    let scratchCount = patch + held + ck_winograd_product_count(&plan, largest)
    let panels = ck_winograd_panels(&plan)
    Parallel.forEach(count * blocks, scratch: scratchCount) { item, scratch in
      var plan = self.plan
      let (image, block) = (item / blocks, Int32(item % blocks))
      var input = images.input(image)
      var target = output(image)
      let tiles = ck_winograd_block_tiles(&plan, block)
      let (transformed, products) = (scratch + patch, scratch + patch + held)
      ck_winograd_transform(&plan, &input, block, scratch, transformed, 0, tiles)
      for panel in 0..<panels {
        ck_winograd_multiply(&plan, weights.base, panel, transformed, 0, tiles, block, 1, products, &target)
      }
    }
  }

  func panelByPanel(_ output: @Sendable (Int) -> ck_conv_output) {
    var plan = plan
    let tiles = tiles
    let perImage = tiles.reduce(0) { $0 + $1.count }
    let patch = ck_winograd_patch_count(&plan)
    let panels = Int(ck_winograd_panels(&plan))
    let chunks = chunks(tiles)
    let largest = chunks.map { $0.reduce(0) { $0 + tiles[$1].count } }.max() ?? 0
    let productCount = ck_winograd_product_count(&plan, Int32(largest))
    let group = max(1, min(count, Self.heldTiles / max(1, Int(ck_winograd_tiles_count(&plan, Int32(perImage))))))
    let transformed = Tensor(uninitialized: [ck_winograd_tiles_count(&plan, Int32(group * perImage))])
    let held = SharedPointer(reading: transformed.base)
    for first in stride(from: 0, to: count, by: group) {
      let some = min(group, count - first)
      let all = Int32(some * perImage)
      Parallel.forEach(some * blocks, scratch: patch) { item, scratch in
        var plan = self.plan
        let (image, block) = (item / blocks, item % blocks)
        var input = images.input(first + image)
        ck_winograd_transform(
          &plan, &input, Int32(block), scratch, held.pointer, Int32(image * perImage + tiles[block].first), all)
      }
      Parallel.forEach(panels * some * chunks.count, scratch: productCount) { item, scratch in
        var plan = self.plan
        let image = item / chunks.count % some
        let chunk = chunks[item % chunks.count]
        var target = output(first + image)
        ck_winograd_multiply(
          &plan, weights.base, Int32(item / (some * chunks.count)), held.pointer,
          Int32(image * perImage + tiles[chunk.lowerBound].first), all, Int32(chunk.lowerBound),
          Int32(chunk.count), scratch, &target)
      }
    }
    withExtendedLifetime(transformed) {}
  }

  /// Neighbouring blocks that together have about `tilesPerPanel` tiles.
  private func chunks(_ tiles: [(first: Int, count: Int)]) -> [Range<Int>] {
    let size = max(1, Self.tilesPerPanel / Int(plan.block_high * plan.block_wide))
    return stride(from: 0, to: tiles.count, by: size).map { $0..<min($0 + size, tiles.count) }
  }
}
