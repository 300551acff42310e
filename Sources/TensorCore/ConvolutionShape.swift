import CKernels

/// A convolution without its weights: its geometry, its channels and how its sums are formed.
public struct ConvolutionShape: Sendable, Equatable {
  /// The geometry.
  public let convolution: Convolution
  /// Channels of the input.
  public let inputChannels: Int
  /// Channels of the result.
  public let outputChannels: Int
  /// Whether the input is upsampled by two on the way in.
  public let upsampled: Bool
  /// How the sums are formed.
  public let method: PackedConvolution.Method

  /// A convolution of weights `[kernel, kernel, in, out]`; `method` is chosen by the shape unless given.
  public init(
    _ convolution: Convolution, weights shape: [Int], upsampled: Bool = false, method: PackedConvolution.Method? = nil
  ) {
    precondition(shape.count == 4 && shape[0] == convolution.kernel && shape[1] == convolution.kernel)
    self.convolution = convolution
    inputChannels = shape[2]
    outputChannels = shape[3]
    self.upsampled = upsampled
    self.method =
      method ?? PackedConvolution.method(convolution, inputs: shape[2], outputs: shape[3], upsampled: upsampled)
  }

  /// Bytes of the packed weights, on the instruction set in use.
  public var packedByteCount: Int { packedCount * MemoryLayout<Float>.stride }

  /// Floats of the packed weights.
  var packedCount: Int {
    switch method {
    case .direct:
      var shape = kernelShape(input: [1, 1, 1, inputChannels])
      return ck_conv_packed_count(&shape)
    case .winograd(let tile):
      var plan = winogradPlan(tile: tile, height: 1, width: 1)
      return ck_winograd_weight_count(&plan)
    }
  }

  /// The result's shape for images `[n, h, w, in]` as the convolution sees them.
  func outputShape(_ images: [Int]) -> [Int] {
    [images[0], convolution.outputExtent(images[1]), convolution.outputExtent(images[2]), outputChannels]
  }

  /// The shape as the direct kernels take it, for input `[n, h, w, in]`.
  func kernelShape(input: [Int]) -> ck_conv_shape {
    convolution.kernelShape(input: input, outChannels: outputChannels)
  }

  /// The plan of Winograd's kernels for images of these extents.
  func winogradPlan(tile: Int, height: Int, width: Int) -> ck_winograd_plan {
    ck_winograd_make_plan(
      Int32(height), Int32(width), Int32(inputChannels), Int32(outputChannels), Int32(tile), upsampled ? 1 : 0, 0)
  }

  /// What a run over images `[n, h, w, in]` works in, beside input and result.
  func workspace(_ images: [Int]) -> ConvolutionWorkspace {
    switch method {
    case .direct: DirectSchedule(self, images).workspace
    case .winograd(let tile): WinogradSchedule(self, tile: tile, images).workspace
    }
  }
}

/// The memory that a convolution works in.
struct ConvolutionWorkspace {
  /// Pieces of every image whose moments are summed apart.
  let pieces: Int
  /// Floats that live through all passes; nil where there are none.
  var held: Int?
  /// The passes: how many calls, and the scratch of each in floats.
  let passes: [(calls: Int, scratch: Int)]
}

/// How direct sums are divided: into strips of output rows.
struct DirectSchedule {
  let shape: ck_conv_shape
  let images: Int
  let strips: Int
  private let rows: Int

  init(_ convolution: ConvolutionShape, _ images: [Int]) {
    var shape = convolution.kernelShape(input: images)
    self.shape = shape
    self.images = images[0]
    strips = Int(ck_conv_strips(&shape))
    rows = Int(ck_conv_strip_rows(&shape))
  }

  var scratch: Int {
    var shape = shape
    return ck_conv_scratch_count(&shape)
  }

  /// Output pixels of each strip.
  var stripPixels: [Int] {
    (0..<strips).map { min(rows, Int(shape.out_height) - $0 * rows) * Int(shape.out_width) }
  }

  var workspace: ConvolutionWorkspace { ConvolutionWorkspace(pieces: strips, passes: [(images * strips, scratch)]) }
}
