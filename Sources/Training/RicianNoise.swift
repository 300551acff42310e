import TensorCore
public import Volumes

/// Noise of a magnitude MR image: √((v + σn₁)² + (σn₂)²), both channels of the receiver noisy (Gudbjartsson and Patz,
/// Magn.
///
/// Reson. Med. 34, 1995).
public struct RicianNoise: Sendable, Equatable {
  /// Standard deviation in each channel, as a fraction of the robust maximum of the volume (see `robustMaximum`).
  public var sigma: Double

  /// Noise of a given strength; throws `TrainingError` unless 0 < sigma ≤ 1.
  public init(sigma: Double) throws {
    guard sigma > 0, sigma <= 1 else {
      throw TrainingError(
        .parameter, "a noise level of \(sigma) makes no sense: give a fraction of the brightest tissue, such as 0.05")
    }
    self.sigma = sigma
  }

  /// The 99.5th percentile (nearest rank) of all voxels: hardly moved by a few bright vessels.
  public static func robustMaximum(of volume: Volume) -> Double {
    let sorted = volume.voxels.values.sorted()
    guard !sorted.isEmpty else { return 0 }
    return Double(sorted[min(sorted.count - 1, Int((0.995 * Double(sorted.count)).rounded(.down)))])
  }

  /// The noisy volume.
  ///
  /// Throws `TrainingError` when the volume has no positive signal.
  public func apply(to volume: Volume, seed: UInt64) throws -> Volume {
    let maximum = Self.robustMaximum(of: volume)
    guard maximum > 0 else {
      throw TrainingError(
        .data, "the volume has no positive signal to add Rician noise to: is it an MR magnitude image?")
    }
    return add(deviation: Float(sigma * maximum), to: volume, seed: seed)
  }

  func add(deviation: Float, to volume: Volume, seed: UInt64) -> Volume {
    let slices = volume.frames * volume.slices
    let pixels = volume.rows * volume.columns
    var voxels = volume.voxels
    voxels.withUnsafeMutableBuffer { buffer in
      guard let base = buffer.baseAddress else { return }
      let target = SharedPointer(base)
      Parallel.forEach(slices) { slice in
        let real = PhiloxRandomSource(seed: seed, stream: 0).normal(
          shape: [pixels], firstIndex: UInt64(slice * pixels))
        let imaginary = PhiloxRandomSource(seed: seed, stream: 1).normal(
          shape: [pixels], firstIndex: UInt64(slice * pixels))
        let values = target + slice * pixels
        real.withUnsafeBuffer { real in
          imaginary.withUnsafeBuffer { imaginary in
            for i in 0..<pixels {
              let a = values[i] + deviation * real[i], b = deviation * imaginary[i]
              values[i] = (a * a + b * b).squareRoot()
            }
          }
        }
      }
    }
    return Volume(voxels: voxels, affine: volume.affine, header: volume.header)
  }
}
