import TensorCore
import Transforms
import Volumes

/// The grey scale of a report, from robust percentiles so that one bright voxel does not darken the picture.
enum DisplayRange {
  /// The values shown as black and white: the percentiles 0.5 and 99.5 of a volume, or its extremes where these agree.
  static func of(_ voxels: Tensor) -> GreyScale {
    let ends = Percentiles.of(voxels, at: [0, 0.5, 99.5, 100]).map(Float.init)
    return ends[1] < ends[2] ? GreyScale(low: ends[1], high: ends[2]) : GreyScale(low: ends[0], high: ends[3])
  }

  /// What belongs to the object and not to the air around it is at least this bright: a quarter of the grey scale.
  static func objectThreshold(_ scale: GreyScale) -> Float { scale.low + (scale.high - scale.low) / 4 }

  /// The magnitude that 99 of 100 values do not exceed.
  static func reach(of values: Tensor) -> Float {
    let ends = Percentiles.of(values, at: [0.5, 99.5]).map { Float(abs($0)) }
    return max(ends[0], ends[1])
  }
}
