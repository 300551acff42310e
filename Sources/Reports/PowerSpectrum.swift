import Foundation
import TensorCore

/// How strong each fineness of detail is in an image: its power over spatial frequency in the slicing plane.
///
/// The mean over directions, by the method of Welch (1967). Square blocks are freed of their mean, weighted with a Hann window w and transformed; with N the side of a block and
/// f = (u, v)/N in cycles per voxel, P(u, v) = |Σ w r exp(−2πi (ux + vy)/N)|² / Σ w². White noise of standard deviation σ
/// has P = σ² everywhere. A ring holds the (u, v) whose distance from 0 rounds to its number. The transform is a plain sum:
/// blocks are small, and a few hundred are enough.
struct PowerSpectrum {
  /// Voxels along a block's side: ring k stands for k / side cycles per voxel.
  let side: Int
  /// Mean power of the rings 1 … side / 2, in squared units of the image; one list for each image.
  let power: [[Double]]

  private static let largestSide = 32
  private static let mostBlocks = 128

  /// Frequency of an element of a list of `power`, in cycles per voxel.
  func frequency(_ index: Int) -> Double { Double(index + 1) / Double(side) }

  /// Spectra of images of one shape `[frames, slices, rows, columns]`, from blocks inside the object as far as there are any;
  /// nil where the plane is smaller than 8 × 8.
  init?(_ images: [Tensor], inside mask: ObjectMask) {
    let (rows, columns) = (images[0].shape[2], images[0].shape[3])
    side = min(Self.largestSide, min(rows, columns) / 2 * 2)
    guard side >= 8 else { return nil }
    let starts = Self.blocks(planes: images[0].count / rows / columns, rows, columns, side: side, mask)
    let transform = BlockTransform(side: side)
    power = images.map { image in
      image.withUnsafeBuffer { source in
        var rings = [Double](repeating: 0, count: transform.side / 2)
        for start in starts {
          let found = transform.ringPower { source[start + $1 * columns + $0] }
          for k in rings.indices { rings[k] += found[k] / Double(starts.count) }
        }
        return rings
      }
    }
  }

  /// First voxels of blocks side by side: those of which nine tenths are inside, or the best there are; evenly thinned out.
  private static func blocks(planes: Int, _ rows: Int, _ columns: Int, side: Int, _ mask: ObjectMask) -> [Int] {
    var found: [(start: Int, inside: Int)] = []
    for plane in 0..<planes {
      for row in stride(from: (rows % side) / 2, through: rows - side, by: side) {
        for column in stride(from: (columns % side) / 2, through: columns - side, by: side) {
          let start = (plane * rows + row) * columns + column
          var inside = 0
          for y in 0..<side {
            for x in 0..<side where mask.voxels[start + y * columns + x] { inside += 1 }
          }
          found.append((start, inside))
        }
      }
    }
    let most = found.map(\.inside).max() ?? 0
    let good = found.filter { $0.inside >= min(most, side * side * 9 / 10) }
    let step = max(1, (good.count + mostBlocks - 1) / mostBlocks)
    return stride(from: 0, to: good.count, by: step).map { good[$0].start }
  }
}

/// The discrete Fourier transform of square blocks, as mean power in rings.
private struct BlockTransform {
  let side: Int
  private let window: [Double]
  private let cosine: [Double]
  private let sine: [Double]
  /// Ring of each (u, v) with u in 0 … side / 2, or 0 for those beyond the last; and how many (u, v) of the plane it counts for.
  private let rings: [(ring: Int, weight: Double)]
  private let weights: [Double]

  init(side: Int) {
    self.side = side
    let angles = (0..<side).map { 2 * Double.pi * Double($0) / Double(side) }
    cosine = angles.map(cos)
    sine = angles.map(sin)
    window = (0..<side).map { 0.5 - 0.5 * cos(2 * Double.pi * (Double($0) + 0.5) / Double(side)) }
    let half = side / 2
    rings = (0..<(half + 1) * side).map { index in
      let (u, v) = (index / side, index % side)
      let distance = hypot(Double(u), Double(min(v, side - v))).rounded()
      // The transform of real values is symmetric: what is not on the edge counts for its mirror image too.
      return distance > Double(half) ? (0, 0) : (Int(distance), u == 0 || u == half ? 1 : 2)
    }
    var weights = [Double](repeating: 0, count: half + 1)
    for (ring, weight) in rings { weights[ring] += weight }
    self.weights = weights
  }

  /// Mean power of the rings 1 … side / 2 of a block given by column and row.
  func ringPower(_ voxel: (Int, Int) -> Float) -> [Double] {
    let half = side / 2
    var block = [Double](repeating: 0, count: side * side)
    for y in 0..<side { for x in 0..<side { block[y * side + x] = Double(voxel(x, y)) } }
    let mean = block.reduce(0, +) / Double(block.count)
    var energy = 0.0
    for y in 0..<side {
      for x in 0..<side {
        let weight = window[x] * window[y]
        block[y * side + x] = (block[y * side + x] - mean) * weight
        energy += weight * weight
      }
    }
    var out = [Double](repeating: 0, count: half + 1)
    var real = [Double](repeating: 0, count: side)
    var imaginary = real
    for u in 0...half {
      for y in 0..<side {
        var (a, b) = (0.0, 0.0)
        for x in 0..<side {
          let value = block[y * side + x]
          a += value * cosine[u * x % side]
          b -= value * sine[u * x % side]
        }
        (real[y], imaginary[y]) = (a, b)
      }
      for v in 0..<side {
        let (ring, weight) = rings[u * side + v]
        guard ring > 0 else { continue }
        var (a, b) = (0.0, 0.0)
        for y in 0..<side {
          let (c, s) = (cosine[v * y % side], sine[v * y % side])
          a += real[y] * c + imaginary[y] * s
          b += imaginary[y] * c - real[y] * s
        }
        out[ring] += weight * (a * a + b * b)
      }
    }
    return (1...half).map { out[$0] / energy / weights[$0] }
  }
}
