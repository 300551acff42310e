import TensorCore

/// How numbers become stored voxels: a type, a slope and an intercept, chosen once for a whole volume.
///
/// The policy:
/// - float types store the numbers themselves (slope 1, intercept 0);
/// - an integer type that is the input's own keeps the input's slope and intercept if every number then fits;
/// - another integer type stores whole numbers that fit as they are (slope 1, intercept 0);
/// - otherwise slope and intercept spread the range of the finite numbers over the whole type.
///
/// Numbers are rounded to the nearest stored value, ties to even. What no stored value stands for (NaN, infinity) is
/// clamped and counted; NaN becomes the value nearest to zero.
struct StorageScaling: Equatable {
  let dataType: VoxelDataType
  let slope: Double
  let intercept: Double

  /// The scaling for `voxels`.
  ///
  /// `precision` rounds a slope or intercept to what the header can hold.
  static func choose(
    _ voxels: Tensor, as dataType: VoxelDataType, input: VolumeHeader, precision: (Double) -> Double
  ) -> StorageScaling {
    let identity = StorageScaling(dataType: dataType, slope: 1, intercept: 0)
    guard let limits = dataType.limits else { return identity }
    let range = Range(voxels)
    let kept = StorageScaling(
      dataType: dataType, slope: precision(input.slope), intercept: precision(input.intercept))
    if dataType == input.dataType {
      if kept.fits(range, limits) { return kept }
    } else if range.areWhole && identity.fits(range, limits) {
      return identity
    }
    return spread(range, limits, dataType, precision)
  }

  private static func spread(
    _ range: Range, _ limits: ClosedRange<Double>, _ dataType: VoxelDataType, _ precision: (Double) -> Double
  ) -> StorageScaling {
    guard range.greatest > range.least else {
      return StorageScaling(dataType: dataType, slope: 1, intercept: precision(range.least))
    }
    var slope = precision((range.greatest - range.least) / (limits.upperBound - limits.lowerBound))
    // A range too narrow for the header's slope: count up from the least value instead.
    let isTiny = slope < Double(Float.leastNormalMagnitude)
    if isTiny { slope = 4 * Double(Float.leastNormalMagnitude) }
    while true {
      let intercept = precision(isTiny ? range.least : range.least - limits.lowerBound * slope)
      let scaling = StorageScaling(dataType: dataType, slope: slope, intercept: intercept)
      if scaling.fits(range, limits) { return scaling }
      // Rounding of slope and intercept may push an end out of the type; widen by little steps.
      slope = precision(slope * (1 + 1e-6))
    }
  }

  private func fits(_ range: Range, _ limits: ClosedRange<Double>) -> Bool {
    limits.contains(whole(range.least)) && limits.contains(whole(range.greatest))
  }

  private func whole(_ value: Double) -> Double { ((value - intercept) / slope).rounded(.toNearestOrEven) }

  /// The stored number for a value of an integer type, and whether it had to be clamped.
  func stored(_ value: Float, limits: ClosedRange<Double>) -> (Double, isClamped: Bool) {
    let number = whole(value.isNaN ? 0 : Double(value))
    let clamped = min(max(number, limits.lowerBound), limits.upperBound)
    return (clamped, value.isNaN || clamped != number)
  }

  /// The least and greatest finite value, and whether all finite values are whole numbers.
  private struct Range {
    var least = Double.infinity
    var greatest = -Double.infinity
    var areWhole = true

    init(_ voxels: Tensor) {
      var (low, high, whole) = (Float.infinity, -Float.infinity, true)
      voxels.withUnsafeBuffer { values in
        for value in values where value.isFinite {
          low = min(low, value)
          high = max(high, value)
          if value != value.rounded() { whole = false }
        }
      }
      least = low <= high ? Double(low) : 0
      greatest = low <= high ? Double(high) : 0
      areWhole = whole
    }
  }
}

extension VoxelDataType {
  /// The least and greatest number that an integer type stores, as far as Double can tell; nil for floats.
  var limits: ClosedRange<Double>? {
    switch self {
    case .uint8: 0...255
    case .int8: -128...127
    case .uint16: 0...65535
    case .int16: -32768...32767
    case .uint32: 0...4_294_967_295
    case .int32: -2_147_483_648...2_147_483_647
    // The greatest doubles below 2^64 and 2^63.
    case .uint64: 0...0x1.fffffffffffffp63
    case .int64: -0x1p63...0x1.fffffffffffffp62
    case .float32, .float64: nil
    }
  }
}
