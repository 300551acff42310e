public import TensorCore

/// How well neighbouring slices agree: the complaint about two-dimensional models on volumes is "disjointed slices".
public enum InterSliceConsistency {
  /// The mean squared difference between neighbouring slices of [slices, rows, columns]; nil for a single slice.
  public static func meanSquaredDifference(_ volume: Tensor) -> Double? {
    let slices = volume.shape[0]
    guard slices > 1 else { return nil }
    return SquaredError.perSlice(volume.slice(0..<slices - 1), against: volume.slice(1..<slices)).mean
  }

  /// The mean squared difference as a multiple of a reference's own; nil for a single slice or a constant reference.
  ///
  /// Against the truth, 1 means that slices differ as much as anatomy makes them; above 1 there is flicker from slice to
  /// slice, below 1 detail was lost along the stack. Against the input, a denoiser should come out well below 1.
  public static func ratio(_ volume: Tensor, against reference: Tensor) -> Double? {
    guard let own = meanSquaredDifference(volume), let other = meanSquaredDifference(reference), other > 0 else {
      return nil
    }
    return own / other
  }

  /// The share of the error that does not carry over to the next slice, in 0…2; nil for a single slice or no error.
  ///
  /// With e the error against the truth: mean (e of a slice − e of its neighbour)² / (2 · mean e²). 1 when the errors of
  /// neighbours are independent (each slice was drawn anew: flicker), 0 when they are equal.
  public static func errorFlicker(_ volume: Tensor, against truth: Tensor) -> Double? {
    let error = Tensor.linearCombination([(1, volume), (-1, truth)])
    let energy = SquaredError.perSlice(volume, against: truth).mean
    guard energy > 0, let difference = meanSquaredDifference(error) else { return nil }
    return difference / (2 * energy)
  }
}
