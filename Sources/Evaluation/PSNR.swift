import Foundation
public import TensorCore

/// Peak signal-to-noise ratio in dB: 10·log10(range² / mean squared error), with the error summed in double.
///
/// It rewards smooth images: a sampler that draws from the true posterior scores 3.01 dB below one that returns its mean
/// (ALGORITHMS 2.9). Never rank samplers by it alone; report spread over seeds and sharpness beside it.
public enum PSNR {
  /// One value per slice; infinite where the slices are equal.
  ///
  /// Tensors are [slices, rows, columns]; `dataRange` is the width of the intensity window, in the tensors' unit.
  public static func perSlice(_ image: Tensor, against truth: Tensor, dataRange: Double) -> [Double] {
    SquaredError.perSlice(image, against: truth).map { value($0, dataRange) }
  }

  /// The mean of the values per slice, as published tables have it.
  public static func mean(_ image: Tensor, against truth: Tensor, dataRange: Double) -> Double {
    perSlice(image, against: truth, dataRange: dataRange).mean
  }

  /// The value of the whole stack as one image.
  public static func ofVolume(_ image: Tensor, against truth: Tensor, dataRange: Double) -> Double {
    value(SquaredError.perSlice(image, against: truth).mean, dataRange)
  }

  private static func value(_ error: Double, _ range: Double) -> Double {
    error == 0 ? .infinity : 10 * log10(range * range / error)
  }
}

/// Mean squared difference, per slice.
public enum SquaredError {
  /// One mean per slice of tensors [slices, rows, columns], in the square of the tensors' unit.
  public static func perSlice(_ image: Tensor, against truth: Tensor) -> [Double] {
    let stack = SliceStack(image)
    let pixels = stack.pixels
    return stack.perSlice(with: truth) { x, y in
      var sum = 0.0
      for i in 0..<pixels {
        let difference = Double(x[i]) - Double(y[i])
        sum += difference * difference
      }
      return sum / Double(pixels)
    }
  }
}

/// Mean absolute difference, per slice.
public enum AbsoluteError {
  /// One mean per slice of tensors [slices, rows, columns], in the tensors' unit.
  public static func perSlice(_ image: Tensor, against truth: Tensor) -> [Double] {
    let stack = SliceStack(image)
    let pixels = stack.pixels
    return stack.perSlice(with: truth) { x, y in
      var sum = 0.0
      for i in 0..<pixels { sum += abs(Double(x[i]) - Double(y[i])) }
      return sum / Double(pixels)
    }
  }

  /// The mean over the whole stack.
  public static func mean(_ image: Tensor, against truth: Tensor) -> Double { perSlice(image, against: truth).mean }
}
