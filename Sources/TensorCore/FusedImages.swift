import CKernels

/// What a convolution reads: images that need not exist in memory as such.
///
/// The channels of one or two parts side by side; normalised, activated or upsampled on the way into the kernel. The
/// concatenations, normalisations and upsampled images of a U-Net are never written to memory.
public struct FusedImages: Sendable {
  /// One or two batches `[n, h, w, c]` that agree in all but their channels.
  public let parts: [Tensor]
  /// What is done to each channel of all parts together; nil: nothing.
  public let affine: ChannelAffine?
  /// Whether x · sigmoid(x) follows.
  public let silu: Bool
  /// Whether every pixel stands for 2 × 2.
  public let upsampled: Bool

  /// Images from parts.
  public init(_ parts: [Tensor], affine: ChannelAffine? = nil, silu: Bool = false, upsampled: Bool = false) {
    precondition((1...2).contains(parts.count) && parts.allSatisfy { $0.shape.count == 4 }, "one or two NHWC batches")
    precondition(parts.allSatisfy { $0.shape.dropLast() == parts[0].shape.dropLast() }, "the parts' extents differ")
    precondition(affine != nil || !silu, "an activation follows a normalisation")
    self.parts = parts
    self.affine = affine
    self.silu = silu
    self.upsampled = upsampled
  }

  /// Extents `[n, h, w, c]` as the convolution sees them.
  public var shape: [Int] {
    let first = parts[0].shape
    let scale = upsampled ? 2 : 1
    return [first[0], scale * first[1], scale * first[2], parts.reduce(0) { $0 + $1.shape[3] }]
  }

  /// One image for the kernels; valid while `self` lives.
  func input(_ image: Int) -> ck_conv_input {
    let shape = shape
    func part(_ index: Int) -> UnsafePointer<Float>? {
      index < parts.count ? parts[index].base + image * (parts[index].count / shape[0]) : nil
    }
    func channel(_ values: Tensor?) -> UnsafePointer<Float>? { values.map { $0.base + image * shape[3] } }
    return ck_conv_input(
      part: (part(0), part(1)),
      channels: (Int32(parts[0].shape[3]), Int32(parts.count > 1 ? parts[1].shape[3] : 0)),
      height: Int32(shape[1]), width: Int32(shape[2]), upsampled: upsampled ? 1 : 0, shift: channel(affine?.shift),
      scale: channel(affine?.scale), offset: channel(affine?.offset), silu: silu ? 1 : 0)
  }

  /// The images in memory, `[n, h, w, c]`.
  public func materialized() -> Tensor {
    let shape = shape
    var out = Tensor(uninitialized: shape)
    out.withUnsafeMutableBuffer { target in
      guard target.count > 0 else { return }
      let target = SharedPointer(target.baseAddress!)
      Parallel.forEach(shape[0] * shape[1]) { row in
        var input = input(row / shape[1])
        ck_conv_input_gather(
          &input, Int32(row % shape[1]), 0, Int32(shape[2]), 0, Int32(shape[3]), target + row * shape[2] * shape[3],
          shape[3])
      }
    }
    return out
  }
}

/// `(x − shift) · scale + offset` per image and channel; each is `[n, c]`.
public struct ChannelAffine: Sendable {
  /// What is taken off first, some value near the channel's mean, so that nothing cancels.
  public let shift: Tensor
  /// The factor.
  public let scale: Tensor
  /// What is added last.
  public let offset: Tensor

  /// From its parts, all of one shape.
  public init(shift: Tensor, scale: Tensor, offset: Tensor) {
    precondition(shift.shape == scale.shape && shift.shape == offset.shape)
    self.shift = shift
    self.scale = scale
    self.offset = offset
  }
}
