public import TensorCore

/// The noise level of a magnitude image, for networks that are told it.
public enum NoiseLevel {
  /// Share of the range from which on a voxel is bright.
  static let bright = 0.25

  /// Standard deviation of white noise in the bright part of a volume `[frames, slices, rows, columns]`, in its unit.
  ///
  /// The median over 2 × 2 × 2 blocks of the magnitude of the third-order Haar detail, divided by 0.6745 (Donoho and
  /// Johnstone 1994): a difference along all three axes at once, to which anatomy adds little. Only blocks count whose mean
  /// exceeds a quarter of the way from the smallest value to the 99.9th percentile: there the noise of a magnitude image
  /// is nearly Gaussian (Gudbjartsson and Patz 1995), and air that was cut out is no sign of a clean scan. A volume of one
  /// slice has blocks of 2 × 2. Noise that is correlated between voxels comes out too low; 0 where nothing is bright.
  public static func estimate(_ voxels: Tensor) -> Double {
    precondition(voxels.shape.count == 4, "voxels are [frames, slices, rows, columns]")
    let (slices, rows, columns) = (voxels.shape[1], voxels.shape[2], voxels.shape[3])
    let depth = min(2, slices)
    guard rows > 1, columns > 1, voxels.count > 0 else { return 0 }
    let ends = Percentiles.of(voxels, at: [0, 99.9])
    let threshold = Float(ends[0] + bright * (ends[1] - ends[0]))
    let corners = (0..<depth).flatMap { z in
      [(0, 0), (0, 1), (1, 0), (1, 1)].map { y, x in
        (offset: (z * rows + y) * columns + x, sign: Float((x + y + z) % 2 == 0 ? 1 : -1))
      }
    }
    let scale = 1 / Float(corners.count).squareRoot()
    var details: [Float] = []
    voxels.withUnsafeBuffer { values in
      for frame in 0..<voxels.shape[0] {
        for slice in stride(from: 0, to: slices - depth + 1, by: depth) {
          for row in stride(from: 0, to: rows - 1, by: 2) {
            for column in stride(from: 0, to: columns - 1, by: 2) {
              let first = ((frame * slices + slice) * rows + row) * columns + column
              var sum: Float = 0, detail: Float = 0
              for corner in corners {
                let value = values[first + corner.offset]
                sum += value
                detail += corner.sign * value
              }
              if sum > threshold * Float(corners.count) { details.append(abs(detail) * scale) }
            }
          }
        }
      }
    }
    guard !details.isEmpty else { return 0 }
    return Percentiles.of(Tensor(details, shape: [details.count]), at: [50])[0] / 0.674_489_75
  }
}
