import TensorCore
public import Volumes

/// Thick slices: each is the mean of `factor` neighbouring slices (a rectangular slice profile), without overlap.
///
/// The result has ⌊slices / factor⌋ slices; those left over at the end are dropped. The affine is exact: the step
/// between slices grows by `factor`, and the first slice lies at the middle of those that it averages.
public struct ThickSlices: Sendable, Equatable {
  /// Slices per thick slice.
  public var factor: Int

  /// Averages of `factor` slices; throws `TrainingError` unless 2 ≤ factor ≤ 64.
  public init(factor: Int) throws {
    guard (2...64).contains(factor) else {
      throw TrainingError(.parameter, "a thick-slice factor of \(factor) makes no sense: give 2 to 64")
    }
    self.factor = factor
  }

  /// The volume with thick slices.
  ///
  /// Throws `TrainingError` when it has fewer than `factor` slices.
  public func apply(to volume: Volume) throws -> Volume {
    let count = volume.slices / factor
    guard count > 0 else {
      throw TrainingError(.data, "the volume has \(volume.slices) slices, too few to average \(factor)")
    }
    let pixels = volume.rows * volume.columns
    var voxels = Tensor(repeating: 0, shape: [volume.frames, count, volume.rows, volume.columns])
    let factor = factor
    let slices = volume.slices
    volume.voxels.withUnsafeBuffer { source in
      voxels.withUnsafeMutableBuffer { target in
        let source = SharedPointer(reading: source.baseAddress!), target = SharedPointer(target.baseAddress!)
        Parallel.forEach(volume.frames * count) { index in
          let frame = index / count, slice = index % count
          let out = target + index * pixels
          for k in 0..<factor {
            let line = source + (frame * slices + slice * factor + k) * pixels
            for i in 0..<pixels { out[i] += line[i] }
          }
          for i in 0..<pixels { out[i] /= Float(factor) }
        }
      }
    }
    return Volume(voxels: voxels, affine: Self.affine(volume.affine, factor: factor), header: volume.header)
  }

  /// Means of `thickness` neighbouring slices at every slice where there are as many: all that a scanner could have taken.
  ///
  /// Slice k is the mean of k … k + thickness − 1; the affine has the first one's middle. The volume has one frame, and
  /// no fewer slices than that.
  public static func overlapping(_ volume: Volume, thickness: Int) -> Volume {
    precondition(thickness >= 1 && thickness <= volume.slices && volume.frames == 1)
    guard thickness > 1 else { return volume }
    let (pixels, count) = (volume.rows * volume.columns, volume.slices - thickness + 1)
    var voxels = Tensor(uninitialized: [1, count, volume.rows, volume.columns])
    volume.voxels.withUnsafeBuffer { source in
      voxels.withUnsafeMutableBuffer { target in
        let source = SharedPointer(reading: source.baseAddress!), target = SharedPointer(target.baseAddress!)
        Parallel.forEach(count) { slice in
          let out = target + slice * pixels
          for i in 0..<pixels {
            var sum: Float = 0
            for k in 0..<thickness { sum += (source + (slice + k) * pixels)[i] }
            out[i] = sum / Float(thickness)
          }
        }
      }
    }
    var affine = volume.affine
    for r in 0..<3 { affine.rows[r][3] += affine.rows[r][2] * Double(thickness - 1) / 2 }
    return Volume(voxels: voxels, affine: affine, header: volume.header)
  }

  static func affine(_ affine: Affine, factor: Int) -> Affine {
    Affine(
      rows: affine.rows.map { row in
        [row[0], row[1], row[2] * Double(factor), row[3] + row[2] * Double(factor - 1) / 2]
      })
  }
}
