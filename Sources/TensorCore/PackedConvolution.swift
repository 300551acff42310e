import CKernels

/// A convolution with its weights in the layout of the kernels.
///
/// Made once per model for inference, once per step in training. 3 × 3 convolutions of stride 1 go by Winograd's minimal
/// filtering, all others directly; every output is one sum in a fixed order, whatever the thread, the batch or the block
/// of pixels that it is computed in.
public struct PackedConvolution: Sendable {
  /// How the sums are formed.
  public enum Method: Sendable, Equatable {
    /// One product per tap and channel.
    case direct
    /// F(4×4, 3×3) for `tile` 4, F(2×2, 3×3) for 2 (Lavin & Gray 2016).
    case winograd(tile: Int)
  }

  /// The convolution and its method.
  public let shape: ConvolutionShape
  private let weights: Tensor
  /// Whose layout the weights have.
  private let instructionSet = ComputeBackend.instructionSet

  /// Transformed weights beyond this many floats (32 MiB) would cost more to read than F(4×4) saves, and too much
  /// memory: F(2×2) has 4/9 of them.
  private static let largestWeights = 8 << 20

  /// Packs weights `[kernel, kernel, in, out]`; `method` is chosen by the shape unless given.
  public init(_ convolution: Convolution, weights: Tensor, upsampled: Bool = false, method: Method? = nil) {
    shape = ConvolutionShape(convolution, weights: weights.shape, upsampled: upsampled, method: method)
    self.weights =
      switch shape.method {
      case .direct: Self.packDirect(shape, weights)
      case .winograd(let tile): Self.packWinograd(shape, tile, weights)
      }
  }

  /// Packs weights that a file holds in PyTorch's order, `[out, in, kernel, kernel]`, a panel of outputs at a time.
  public init(
    _ convolution: Convolution, outputsFirst weights: UnsafeBufferPointer<Float>, shape: [Int], upsampled: Bool = false
  ) {
    let (inputs, outputs, kernel) = (shape[1], shape[0], convolution.kernel)
    precondition(shape.count == 4 && weights.count == shape.reduce(1, *))
    self.shape = ConvolutionShape(convolution, weights: [kernel, kernel, inputs, outputs], upsampled: upsampled)
    self.weights =
      switch self.shape.method {
      case .direct: Self.packDirect(self.shape, Tensor(outputsFirst: weights, shape: shape))
      case .winograd(let tile): Self.packWinograd(self.shape, tile, outputsFirst: weights)
      }
  }

  /// The convolution.
  public var convolution: Convolution { shape.convolution }
  /// Channels of the input.
  public var inputChannels: Int { shape.inputChannels }
  /// Channels of the result.
  public var outputChannels: Int { shape.outputChannels }
  /// Whether the input is upsampled by two on the way in.
  public var upsampled: Bool { shape.upsampled }
  /// How the sums are formed.
  public var method: Method { shape.method }

  /// Bytes of the packed weights.
  public var byteCount: Int { weights.count * MemoryLayout<Float>.stride }

  /// A short name of geometry and method, such as `3x3 F(4x4)`.
  public var kind: String {
    var text = "\(convolution.kernel)x\(convolution.kernel)"
    if convolution.stride > 1 { text += " stride \(convolution.stride)" }
    if upsampled { text += " upsampled" }
    switch method {
    case .direct: text += " direct"
    case .winograd(let tile): text += " F(\(tile)x\(tile))"
    }
    return text
  }

  /// Floating-point operations in direct form on images `[n, h, w, in]`.
  public func operations(on shape: [Int]) -> Int {
    let outputs = shape[0] * convolution.outputExtent(shape[1]) * convolution.outputExtent(shape[2]) * outputChannels
    return 2 * convolution.kernel * convolution.kernel * inputChannels * outputs
  }

  /// The method that suits a shape.
  ///
  /// Few channels make the transforms dearer than what they save.
  public static func method(_ convolution: Convolution, inputs: Int, outputs: Int, upsampled: Bool) -> Method {
    guard convolution == .same3x3, inputs >= 8, outputs >= 8 else { return .direct }
    let products = upsampled ? 25 : 36
    return .winograd(tile: products * inputs * outputs > largestWeights ? 2 : 4)
  }

  /// `conv(images) + bias + residual`, and the moments of the result if wanted.
  ///
  /// - Parameters:
  ///   - images: `[n, h, w, in]`, upsampled if the weights were packed for that.
  ///   - bias: `[out]`, or `[n, out]` for a bias per image.
  ///   - residual: shaped like the result.
  ///   - wantsMoments: whether a normalisation will ask for them.
  /// - Returns: images `[n, h', w', out]`.
  public func callAsFunction(
    _ images: FusedImages, bias: Tensor? = nil, residual: Tensor? = nil, wantsMoments: Bool = false
  ) -> (images: Tensor, moments: ChannelMoments?) {
    let input = images.shape
    precondition(input[3] == inputChannels, "\(input[3]) channels, not \(inputChannels)")
    precondition(images.upsampled == upsampled, "weights are packed for one way of reading")
    precondition(instructionSet == ComputeBackend.instructionSet, "weights are packed for \(instructionSet)")
    var out = Tensor(uninitialized: shape.outputShape(input))
    precondition(residual.map { $0.shape == out.shape } ?? true, "a residual is shaped like the result")
    precondition(bias.map { $0.count == outputChannels || $0.shape == [input[0], outputChannels] } ?? true)
    guard out.count > 0 else { return (out, nil) }
    let job = ConvolutionJob(shape, weights, images, bias: bias, residual: residual)
    let pieces = job.run(into: &out, wantsMoments: wantsMoments)
    return (out, pieces.map { ChannelMoments(pieces: $0.sums, pixels: $0.pixels) })
  }

  private static func packDirect(_ convolution: ConvolutionShape, _ weights: Tensor) -> Tensor {
    var shape = convolution.kernelShape(input: [1, 1, 1, convolution.inputChannels])
    var packed = Tensor(uninitialized: [convolution.packedCount])
    packed.withUnsafeMutableBuffer { ck_conv_pack(&shape, weights.base, $0.baseAddress) }
    return packed
  }

  private static func packWinograd(_ convolution: ConvolutionShape, _ tile: Int, _ weights: Tensor) -> Tensor {
    var plan = convolution.winogradPlan(tile: tile, height: 1, width: 1)
    var packed = Tensor(uninitialized: [convolution.packedCount])
    let fixed = plan
    packed.withUnsafeMutableBuffer { target in
      let target = SharedPointer(target.baseAddress!)
      Parallel.forEach(Int(ck_winograd_panels(&plan))) { panel in
        var plan = fixed
        ck_winograd_pack(&plan, weights.base, Int32(panel), target.pointer)
      }
    }
    return packed
  }

  private static func packWinograd(
    _ convolution: ConvolutionShape, _ tile: Int, outputsFirst weights: UnsafeBufferPointer<Float>
  ) -> Tensor {
    var plan = convolution.winogradPlan(tile: tile, height: 1, width: 1)
    let (panels, width) = (Int(ck_winograd_panels(&plan)), 2 * Int(plan.lanes))
    let (inputs, outputs) = (convolution.inputChannels, convolution.outputChannels)
    var packed = Tensor(uninitialized: [convolution.packedCount])
    let (fixed, panelCount) = (plan, packed.count / panels)
    let source = SharedPointer(reading: weights.baseAddress!)
    packed.withUnsafeMutableBuffer { target in
      let target = SharedPointer(target.baseAddress!)
      Parallel.forEach(panels, scratch: 9 * inputs * width) { panel, turned in
        // To the kernels a panel alone is a convolution with fewer outputs.
        var plan = fixed
        plan.out_channels = Int32(min(width, outputs - panel * width))
        ck_conv_turn(9, Int32(inputs), plan.out_channels, source + panel * width * inputs * 9, turned)
        ck_winograd_pack(&plan, turned, 0, target + panel * panelCount)
      }
    }
    return packed
  }
}

extension Convolution {
  /// The shape as the kernels take it, for input `[n, h, w, c]`.
  func kernelShape(input: [Int], outChannels: Int) -> ck_conv_shape {
    ck_conv_shape(
      height: Int32(input[1]), width: Int32(input[2]), in_channels: Int32(input[3]),
      out_height: Int32(outputExtent(input[1])), out_width: Int32(outputExtent(input[2])),
      out_channels: Int32(outChannels), kernel: Int32(kernel), stride: Int32(stride),
      pad_top: Int32(leadingPadding), pad_left: Int32(leadingPadding))
  }
}
