import CKernels

/// One run of a packed convolution over a batch: who computes what, and in which scratch.
struct ConvolutionJob {
  /// Moments of the pieces of every image, `[n, pieces, 3, out]`, and the pixels of each piece.
  typealias Pieces = (sums: Tensor, pixels: [Int])

  private let convolution: ConvolutionShape
  private let weights: Tensor
  private let images: FusedImages
  private let bias: Tensor?
  private let residual: Tensor?

  init(_ convolution: ConvolutionShape, _ weights: Tensor, _ images: FusedImages, bias: Tensor?, residual: Tensor?) {
    self.convolution = convolution
    self.weights = weights
    self.images = images
    self.bias = bias
    self.residual = residual
  }

  /// Does the work; the moments are nil unless wanted.
  func run(into out: inout Tensor, wantsMoments: Bool) -> Pieces? {
    let shape = images.shape
    switch convolution.method {
    case .direct:
      let schedule = DirectSchedule(convolution, shape)
      return run(into: &out, wantsMoments, schedule.workspace, schedule.stripPixels) { run(schedule, $0, $1) }
    case .winograd(let tile):
      let schedule = WinogradSchedule(convolution, tile: tile, shape)
      return run(into: &out, wantsMoments, schedule.workspace, schedule.blockPixels) { workspace, target in
        let run = WinogradRun(schedule: schedule, workspace: workspace, images: images, weights: weights)
        if schedule.goesBlockByBlock { run.blockByBlock(target) } else { run.panelByPanel(target) }
      }
    }
  }

  /// Where the results of one image go.
  private typealias Target = @Sendable (_ image: Int) -> ck_conv_output

  private func run(
    into out: inout Tensor, _ wantsMoments: Bool, _ workspace: ConvolutionWorkspace, _ pixels: [Int],
    _ work: (ConvolutionWorkspace, Target) -> Void
  ) -> Pieces? {
    let (n, channels) = (images.shape[0], convolution.outputChannels)
    let (step, momentStep) = (out.count / n, workspace.pieces * 3 * channels)
    let biasStep = bias.map { $0.count > channels ? channels : 0 } ?? 0
    var moments = Tensor(uninitialized: wantsMoments ? [n, workspace.pieces, 3, channels] : [0])
    out.withUnsafeMutableBuffer { out in
      moments.withUnsafeMutableBuffer { moments in
        let out = SharedPointer(out.baseAddress!)
        let moments = wantsMoments ? SharedPointer(moments.baseAddress!) : nil
        work(workspace) { image in
          ck_conv_output(
            out: out + image * step, bias: bias.map { $0.base + image * biasStep },
            residual: residual.map { $0.base + image * step }, moments: moments.map { $0 + image * momentStep })
        }
      }
    }
    return wantsMoments ? (moments, pixels) : nil
  }

  /// Direct sums.
  private func run(_ schedule: DirectSchedule, _ workspace: ConvolutionWorkspace, _ target: Target) {
    let (fixed, strips, pass) = (schedule.shape, schedule.strips, workspace.passes[0])
    Parallel.forEach(pass.calls, scratch: pass.scratch) { item, scratch in
      var shape = fixed
      let image = item / strips
      var input = images.input(image)
      var target = target(image)
      ck_conv_forward(&shape, &input, weights.base, Int32(item % strips), scratch, &target)
    }
  }
}

/// Winograd's work.
private struct WinogradRun: @unchecked Sendable {
  let schedule: WinogradSchedule
  let workspace: ConvolutionWorkspace
  let images: FusedImages
  let weights: Tensor

  func blockByBlock(_ output: @Sendable (Int) -> ck_conv_output) {
    let (blocks, pass) = (schedule.blocks, workspace.passes[0])
    let (patch, panels) = (schedule.patchFloats, Int32(schedule.panels))
    let held = schedule.tileFloats(schedule.largestBlock)
    Parallel.forEach(pass.calls, scratch: pass.scratch) { item, scratch in
      var plan = schedule.plan
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
    let (tiles, chunks, blocks) = (schedule.tiles, schedule.chunks, schedule.blocks)
    let (perImage, panels) = (schedule.tilesPerImage, schedule.panels)
    let (patch, products) = (workspace.passes[0].scratch, workspace.passes[1].scratch)
    let transformed = TensorStorage(scratch: workspace.held ?? 0)
    let held = SharedPointer(transformed.pointer)
    for first in stride(from: 0, to: schedule.images, by: schedule.group) {
      let some = min(schedule.group, schedule.images - first)
      let all = Int32(some * perImage)
      Parallel.forEach(some * blocks, scratch: patch) { item, scratch in
        var plan = schedule.plan
        let (image, block) = (item / blocks, item % blocks)
        var input = images.input(first + image)
        ck_winograd_transform(
          &plan, &input, Int32(block), scratch, held.pointer, Int32(image * perImage + tiles[block].first), all)
      }
      Parallel.forEach(panels * some * chunks.count, scratch: products) { item, scratch in
        var plan = schedule.plan
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
}
