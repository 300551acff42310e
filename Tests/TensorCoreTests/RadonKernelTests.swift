import CKernels
import Foundation
import TensorCore
import Testing

/// Projection, filtering and back-projection against the definitions in double; what they are good for is in
/// TrainingTests.
@Suite("Radon kernels on every instruction set")
struct RadonKernelTests {
  static let sizes = [1, 2, 15, 16, 17, 33, 50, 64, 96]
  static let views = 13

  private func bins(_ size: Int) -> Int { RadonTransform(size: size, views: Self.views).bins }

  /// The bits of every instruction set, which must be the same; those of the first.
  private func same(_ compute: () -> [Float]) -> [Float] {
    let results = ComputeBackend.InstructionSet.allCases.map { set in (set, ComputeBackend.using(set, compute)) }
    for (set, result) in results {
      let isSame = result.map(\.bitPattern) == results[0].1.map(\.bitPattern)
      #expect(isSame, "\(set) against \(results[0].0)")
    }
    return results[0].1
  }

  /// Linear interpolation at a position; zero beyond the ends.
  private func value(_ position: Double, _ element: (Int) -> Double, count: Int) -> Double {
    let left = Int(position.rounded(.down))
    let fraction = position - Double(left)
    func at(_ i: Int) -> Double { (0..<count).contains(i) ? element(i) : 0 }
    return at(left) * (1 - fraction) + at(left + 1) * fraction
  }

  @Test("Projection is Joseph's: one interpolated value per row or column crossed", arguments: sizes)
  func project(_ size: Int) {
    let (image, bins) = (PhiloxRandomSource(seed: 1).normal(shape: [size, size]), bins(size))
    let found = same { RadonTransform(size: size, views: Self.views).project(image).values }
    let centre = Double(size - 1) / 2, middle = Double(bins - 1) / 2
    var expected: [Float] = []
    for view in 0..<Self.views {
      let angle = Double.pi * Double(view) / Double(Self.views)
      let (c, s) = (cos(angle), sin(angle))
      let steep = abs(c) >= abs(s)
      for bin in 0..<bins {
        let t = Double(bin) - middle
        // The ray x c + y s = t, row by row where it is steep, else column by column.
        let sum = (0..<size).reduce(0.0) { sum, line in
          let across = Double(line) - centre
          let along = (t - across * (steep ? s : c)) / (steep ? c : s) + centre
          return sum
            + value(along, { Double(image[flat: steep ? line * size + $0 : $0 * size + line]) }, count: size)
        }
        expected.append(Float(sum / abs(steep ? c : s)))
      }
    }
    // Positions are floats: at 100 pixels they are off by up to 1e-5, and neighbours differ by more than 1.
    #expect(relativeError(found, expected) < 3e-5)
  }

  @Test("Filtering is a convolution with the kernel", arguments: sizes)
  func filter(_ size: Int) {
    let bins = bins(size)
    let sinogram = PhiloxRandomSource(seed: 2).normal(shape: [3, bins]).values
    // Not symmetric, so that a mirrored kernel would show.
    let kernel = PhiloxRandomSource(seed: 3).normal(shape: [2 * bins - 1]).values
    let found = same {
      var out = [Float](repeating: .nan, count: 3 * bins)
      ck_radon_filter(sinogram, 3, bins, kernel, &out)
      return out
    }
    let expected = (0..<3 * bins).map { place in
      Float(
        (0..<bins).reduce(0.0) {
          $0 + Double(sinogram[place / bins * bins + $1]) * Double(kernel[bins - 1 + place % bins - $1])
        })
    }
    #expect(relativeError(found, expected) < 2e-6)
  }

  @Test("Back-projection interpolates every view at every pixel that the view covers", arguments: sizes, [true, false])
  func backProject(_ size: Int, _ covers: Bool) {
    // With few bins the corners lie beside the views.
    let bins = covers ? bins(size) : max(2, size * 3 / 4)
    let sinogram = PhiloxRandomSource(seed: 4).normal(shape: [Self.views, bins]).values
    let found = same {
      var image = [Float](repeating: .nan, count: size * size)
      ck_radon_back_project(sinogram, size, Self.views, bins, 0.375, &image)
      return image
    }
    let centre = Double(size - 1) / 2, middle = Double(bins - 1) / 2
    let expected = (0..<size * size).map { place in
      let (x, y) = (Double(place % size) - centre, Double(place / size) - centre)
      let sum = (0..<Self.views).reduce(0.0) { sum, view in
        let angle = Double.pi * Double(view) / Double(Self.views)
        let t = x * cos(angle) + y * sin(angle) + middle
        guard t >= 0, t < Double(bins - 1) else { return sum }
        return sum + value(t, { Double(sinogram[view * bins + $0]) }, count: bins)
      }
      return Float(0.375 * sum)
    }
    #expect(relativeError(found, expected) < 1e-5)
  }
}
