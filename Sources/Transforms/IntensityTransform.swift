public import TensorCore
public import Volumes

/// How a model wants voxel values scaled to its range of -1...1.
public enum IntensityRule: Sendable, Equatable {
  /// Values from `low` to `high`, in the volume's own unit (HU for CT).
  case window(low: Double, high: Double)
  /// Two percentiles (0...100) of the whole volume, all frames together: never of a slice, or neighbouring slices
  /// would be scaled differently.
  case percentiles(low: Double, high: Double)
  /// Everything that the container can hold: 0...255 or 0...65535 stored.
  case fullRange
}

/// An affine map of voxel values to -1...1 that knows its way back.
///
/// What lies outside `low...high` is clipped on the way in. On the way back, what clipping took from the input can be
/// put back (`restored(_:outsideFrom:)`), so that a bone of 1800 HU survives a window that ends at 1000.
public struct IntensityTransform: Sendable, Equatable {
  /// The voxel value that becomes -1.
  public let low: Double
  /// The voxel value that becomes 1.
  public let high: Double

  /// A transform from the two ends of its range; `low` must be below `high`.
  public init(low: Double, high: Double) throws(TransformError) {
    guard low.isFinite, high.isFinite, low < high else {
      throw TransformError(.invalidRule, "the intensity range \(low)...\(high) is empty: its first end must be smaller")
    }
    self.low = low
    self.high = high
  }

  /// The transform that a rule makes of one volume.
  ///
  /// Throws where the rule cannot be applied: equal percentiles (a nearly constant volume), or the full range of a
  /// type other than 8- or 16-bit unsigned.
  public init(_ rule: IntensityRule, fitting volume: Volume) throws(TransformError) {
    switch rule {
    case .window(let low, let high):
      try self.init(low: low, high: high)
    case .percentiles(let low, let high):
      guard low >= 0, high <= 100, low < high else {
        throw TransformError(.invalidRule, "percentiles \(low) and \(high): both must lie in 0...100, the first below")
      }
      let ends = Percentiles.of(volume.voxels, at: [low, high])
      guard ends[0] < ends[1] else {
        throw TransformError(
          .unsuitableData,
          "percentiles \(low) and \(high) of the volume are equal (\(ends[0])): it is too empty to be scaled")
      }
      try self.init(low: ends[0], high: ends[1])
    case .fullRange:
      let top: Double? =
        switch volume.header.dataType {
        case .uint8: 255
        case .uint16: 65535
        default: nil
        }
      guard let top else {
        throw TransformError(
          .unsuitableData,
          "this model scales the container's full range and takes 8- or 16-bit unsigned voxels, "
            + "not \(volume.header.dataType.rawValue); use a model with a window or percentiles")
      }
      let header = volume.header
      try self.init(
        low: min(header.intercept, top * header.slope + header.intercept),
        high: max(header.intercept, top * header.slope + header.intercept))
    }
  }

  /// Voxel values to -1...1, clipped.
  public func normalized(_ voxels: Tensor) -> Tensor {
    let scale = Float(2 / (high - low))
    let center = Float((low + high) / 2)
    return voxels.mapped { min(max(($0 - center) * scale, -1), 1) }
  }

  /// Network values back to voxel values: the inverse of `normalized` inside the range.
  public func restored(_ network: Tensor) -> Tensor {
    let (scale, center) = inverse
    return network.mapped { $0 * scale + center }
  }

  /// Network values back to voxel values, plus what clipping took from `input`: for outputs of the input's own
  /// contrast.
  ///
  /// All of what lay above the range is given back (bone, metal, vessels). Below, small excesses are the noise of
  /// air and would return unfiltered, so nothing is given back up to a twentieth of the range, everything from a
  /// tenth on (the padding outside a scan circle), and a straight line joins the two.
  public func restored(_ network: Tensor, outsideFrom input: Tensor) -> Tensor {
    precondition(network.count == input.count, "one input voxel per output voxel")
    let (scale, center) = inverse
    let (low, high) = (Float(self.low), Float(self.high))
    let margin = (high - low) / 20
    var out = network
    input.withUnsafeBuffer { source in
      out.withUnsafeMutableBuffer { target in
        for i in 0..<target.count {
          let above = max(source[i] - high, 0)
          let below = min(source[i] - low, 0)
          let kept = below > -margin ? 0 : max(below, 2 * (below + margin))
          target[i] = target[i] * scale + center + above + min(kept, 0)
        }
      }
    }
    return out
  }

  /// A difference of network values in voxel units: standard deviations, residuals.
  public func restoredDifference(_ network: Tensor) -> Tensor {
    let scale = inverse.scale
    return network.mapped { $0 * scale }
  }

  private var inverse: (scale: Float, center: Float) { (Float((high - low) / 2), Float((low + high) / 2)) }
}

extension Tensor {
  /// Each element through `transform`.
  func mapped(_ transform: (Float) -> Float) -> Tensor {
    var out = self
    out.withUnsafeMutableBuffer { buffer in
      for i in 0..<buffer.count { buffer[i] = transform(buffer[i]) }
    }
    return out
  }
}
