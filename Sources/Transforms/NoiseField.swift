import Foundation
public import TensorCore

/// The random starting image of a volume, and the fresh noise of stochastic samplers: one field over all slices.
///
/// A value depends on nothing but (seed, sample, draw, position): not on batches, threads or the order of asking.
/// Neighbouring slices that start from unrelated noise come out as disjointed slices, so by default they share it.
public struct NoiseField: Sendable {
  /// How the noise of neighbouring slices is related.
  public enum Sharing: String, Sendable, Codable, CaseIterable {
    /// Every slice gets the same image of noise.
    case shared
    /// No two slices are related.
    case independent
    /// Noise varies slowly along z: neighbours correlate by 0.94, slices five apart by 0.21.
    case correlated
  }

  /// The seed of everything.
  public let seed: UInt64
  /// Which of several samples of one run this is.
  public let sample: Int
  /// How slices are related.
  public let sharing: Sharing
  /// The images' extents and number.
  public let stack: SliceStack
  /// Starting noise from outside, `[1 or frames, slices, rows, columns]`; draws after the first are still random.
  public let given: Tensor?

  /// A field for one sample over the images of `stack`.
  ///
  /// `given` replaces the starting noise (draw 0): voxel by voxel, reflected into the padding as the slices are.
  public init(seed: UInt64, sample: Int = 0, sharing: Sharing = .shared, stack: SliceStack, given: Tensor? = nil) {
    precondition(sample >= 0 && sample < 1 << 32)
    if let given {
      precondition(
        given.shape.count == 4 && Array(given.shape.dropFirst()) == [stack.slices, stack.rows, stack.columns])
    }
    self.seed = seed
    self.sample = sample
    self.sharing = sharing
    self.stack = stack
    self.given = given
  }

  /// Noise for the images `range` of a frame, `[n, imageRows, imageColumns, 1]`, standard normal.
  ///
  /// Draw 0 is the starting noise; a sampler's later draws are numbered from 1.
  public func images(_ range: Range<Int>, ofFrame frame: Int, draw: Int) -> Tensor {
    precondition(draw >= 0 && draw < 1 << 32)
    if draw == 0, let given {
      return stack.images(range, ofFrame: given.shape[0] == 1 ? 0 : frame, from: given)
    }
    let planes = range.map { slice -> Tensor in
      switch sharing {
      case .shared: plane(0, draw: draw)
      case .independent: plane(frame * stack.slices + slice, draw: draw)
      case .correlated: correlatedPlane(frame * spacedSlices + slice, draw: draw)
      }
    }
    return Tensor.concatenate(planes)
  }

  /// Weights over neighbouring independent planes, a Gaussian of two slices' width scaled to keep unit variance.
  private static let kernel: [Float] = {
    let raw = (-reach...reach).map { exp(-Double($0 * $0) / 8) }
    let norm = raw.reduce(0) { $0 + $1 * $1 }.squareRoot()
    return raw.map { Float($0 / norm) }
  }()
  private static let reach = 6

  /// Planes reserved for a frame, so that the noise of two frames has no plane in common.
  private var spacedSlices: Int { stack.slices + 2 * Self.reach }

  private func correlatedPlane(_ index: Int, draw: Int) -> Tensor {
    var out = Tensor(repeating: 0, shape: [1, stack.imageRows, stack.imageColumns, 1])
    for (offset, weight) in Self.kernel.enumerated() {
      let source = plane(index + offset, draw: draw)
      source.withUnsafeBuffer { from in
        out.withUnsafeMutableBuffer { to in
          for i in 0..<to.count { to[i] += weight * from[i] }
        }
      }
    }
    return out
  }

  /// An image of independent numbers: plane `index` of this sample's and draw's stream.
  private func plane(_ index: Int, draw: Int) -> Tensor {
    let source = PhiloxRandomSource(seed: seed, stream: UInt64(sample) << 32 | UInt64(draw))
    let size = stack.imageRows * stack.imageColumns
    return source.normal(
      shape: [1, stack.imageRows, stack.imageColumns, 1], firstIndex: UInt64(index) * UInt64((size + 3) / 4 * 4))
  }
}
