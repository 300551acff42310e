import TensorCore
import Volumes

/// Made-up volumes with known properties.
enum Phantoms {
  static func volume(_ voxels: Tensor, spacing: [Double] = [1, 1, 1]) -> Volume {
    Volume(
      voxels: voxels, affine: .scaling(spacing), header: VolumeHeader(format: .nifti1, dataType: .float32))
  }

  /// A disc of `inside` in `outside`, anti-aliased by 4 × 4 samples per pixel, on `slices` equal slices.
  static func disc(size: Int, radius: Double, inside: Float, outside: Float, slices: Int = 1) -> Tensor {
    var slice: [Float] = []
    let centre = Double(size - 1) / 2
    for y in 0..<size {
      for x in 0..<size {
        var covered = 0
        for sub in 0..<16 {
          let dx = Double(x) - centre + (Double(sub % 4) - 1.5) / 4
          let dy = Double(y) - centre + (Double(sub / 4) - 1.5) / 4
          if dx * dx + dy * dy < radius * radius { covered += 1 }
        }
        slice.append(outside + (inside - outside) * Float(covered) / 16)
      }
    }
    return Tensor((0..<slices).flatMap { _ in slice }, shape: [1, slices, size, size])
  }

  static func mean(_ values: [Float]) -> Double { values.reduce(0.0) { $0 + Double($1) } / Double(values.count) }

  static func variance(_ values: [Float]) -> Double {
    let mean = mean(values)
    return values.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / Double(values.count - 1)
  }
}
