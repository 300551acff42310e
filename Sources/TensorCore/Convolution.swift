/// A 2D convolution of NHWC images with a square kernel; what lies outside an image counts as zero.
public struct Convolution: Sendable, Equatable {
  /// Rows and columns of the kernel.
  public var kernel: Int
  /// Input pixels per output pixel.
  public var stride: Int
  /// Zero rows above and columns left of the image.
  public var leadingPadding: Int
  /// Zero rows below and columns right of the image.
  public var trailingPadding: Int

  /// A convolution from its parts.
  public init(kernel: Int, stride: Int = 1, leadingPadding: Int, trailingPadding: Int) {
    precondition(kernel > 0 && stride > 0 && leadingPadding >= 0 && trailingPadding >= 0)
    self.kernel = kernel
    self.stride = stride
    self.leadingPadding = leadingPadding
    self.trailingPadding = trailingPadding
  }

  /// 1 × 1, same size.
  public static let pointwise = Convolution(kernel: 1, leadingPadding: 0, trailingPadding: 0)
  /// 3 × 3, same size.
  public static let same3x3 = Convolution(kernel: 3, leadingPadding: 1, trailingPadding: 1)
  /// 3 × 3 with stride 2, padded right and below only (DDIM's downsampling).
  public static let halving3x3 = Convolution(kernel: 3, stride: 2, leadingPadding: 0, trailingPadding: 1)

  /// Output extent for an input extent.
  public func outputExtent(_ extent: Int) -> Int {
    (extent + leadingPadding + trailingPadding - kernel) / stride + 1
  }

  /// `conv(x) + bias + residual`, with weights that are used once.
  ///
  /// - Parameters:
  ///   - x: images `[n, h, w, in]`.
  ///   - weights: `[kernel, kernel, in, out]`.
  ///   - bias: `[out]`, or `[n, out]` for a bias per image.
  ///   - residual: shaped like the result.
  /// - Returns: images `[n, h', w', out]`.
  public func callAsFunction(_ x: Tensor, weights: Tensor, bias: Tensor? = nil, residual: Tensor? = nil) -> Tensor {
    PackedConvolution(self, weights: weights)(FusedImages([x]), bias: bias, residual: residual).images
  }
}
