/// The memory of a computation, worked out from shapes: nothing is computed, and no memory is taken.
///
/// Follows what `PackedConvolution`, `ChannelMoments`, `GroupNorm` and `Attention` allocate, block by block, in a pool
/// that only keeps count. A planned tensor gives its block back when its last owner lets go, as a tensor does.
public final class TensorPlan {
  /// A tensor without elements.
  public struct Planned {
    /// Extents `[n, h, w, c]`.
    public let shape: [Int]
    fileprivate let blocks: [PlannedBlock]
  }

  private let pool = StoragePool(plans: true)

  /// An empty plan.
  public init() {}

  /// The most bytes that were in memory at a time, inputs not counted.
  public var peakBytes: Int { pool.peakBytes }

  /// Images that the caller holds.
  public func input(_ shape: [Int]) -> Planned { Planned(shape: shape, blocks: []) }

  /// A convolution of one or two inputs with bias.
  ///
  /// - Parameters:
  ///   - convolution: its shape.
  ///   - parts: what it reads.
  ///   - normalized: whether it normalises what it reads.
  ///   - wantsMoments: whether a normalisation will ask for the result's moments.
  public func convolution(
    _ convolution: ConvolutionShape, _ parts: [Planned], normalized: Bool, wantsMoments: Bool
  ) -> Planned {
    let scale = convolution.upsampled ? 2 : 1
    let (n, height, width) = (parts[0].shape[0], scale * parts[0].shape[1], scale * parts[0].shape[2])
    let channels = parts.reduce(0) { $0 + $1.shape[3] }
    precondition(channels == convolution.inputChannels, "\(channels) channels, not \(convolution.inputChannels)")
    // Shift, factor and offset of the normalisation live as long as the convolution runs.
    let affine = (0..<(normalized ? 3 : 0)).map { _ in block(n * channels) }
    let input = [n, height, width, channels]
    let shape = convolution.outputShape(input)
    let out = block(shape.reduce(1, *))
    let workspace = convolution.workspace(input)
    let moments = block(wantsMoments ? n * workspace.pieces * 3 * shape[3] : 0)
    work(workspace)
    let origin = wantsMoments ? [block(n * shape[3])] : []
    return withExtendedLifetime((affine, moments)) { Planned(shape: shape, blocks: [out] + origin) }
  }

  /// Attention of images `[n, h, w, c]`.
  public func attention(q: Planned, k: Planned, v: Planned) -> Planned {
    let (n, pixels) = (q.shape[0], q.shape[1] * q.shape[2])
    let out = block(q.shape.reduce(1, *))
    work(Attention.pass(images: n, pixels: pixels))
    return Planned(shape: q.shape, blocks: [out])
  }

  private func work(_ workspace: ConvolutionWorkspace) {
    let held = workspace.held.map { scratch($0) }
    withExtendedLifetime(held) {
      for pass in workspace.passes { work(pass) }
    }
  }

  private func work(_ pass: (calls: Int, scratch: Int)) {
    let blocks = (0..<Parallel.workers(for: pass.calls)).map { _ in scratch(pass.scratch) }
    withExtendedLifetime(blocks) {}
  }

  private func scratch(_ count: Int) -> PlannedBlock {
    PlannedBlock(pool, count, capacity: StoragePool.capacity(forScratch: count))
  }

  private func block(_ count: Int) -> PlannedBlock {
    PlannedBlock(pool, count, capacity: StoragePool.capacity(for: count))
  }
}

/// A block that is taken while the object lives.
private final class PlannedBlock {
  private let pool: StoragePool
  private let block: StoragePool.Block

  init(_ pool: StoragePool, _ count: Int, capacity: Int) {
    self.pool = pool
    block = pool.take(count, capacity: capacity)
  }

  deinit { pool.give(block) }
}
