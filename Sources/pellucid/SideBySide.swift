import Foundation
import TensorCore
import Volumes

/// A picture of one slice of several volumes, side by side, with what the second took away from the first.
struct SideBySide {
  let images: [Volume]
  let reference: Volume
  /// Voxel values shown as black and as white.
  let window: ClosedRange<Double>
  /// A difference of this size is shown as white, its negative as black.
  let differences: Double

  /// Pixels between the panels.
  private static let gap = 4

  /// The images, the difference of the first two (or of the image and the reference), the reference; middle slice.
  func picture() -> Volume {
    let second = images.count > 1 ? images[1] : reference
    let difference = panel {
      Self.value(images[0], $0, $1) - Self.value(second, $0, $1)
    } shade: {
      0.5 + $0 / (2 * differences)
    }
    let panels = images.map(shown) + [difference, shown(reference)]
    return Self.joined(panels)
  }

  private func shown(_ volume: Volume) -> [[Float]] {
    panel {
      Self.value(volume, $0, $1)
    } shade: {
      ($0 - window.lowerBound) / (window.upperBound - window.lowerBound)
    }
  }

  /// Rows of grey values 0...255, turned so that anterior (or superior) is up and the patient's right is on the left.
  private func panel(_ value: (Int, Int) -> Double, shade: (Double) -> Double) -> [[Float]] {
    let rows = Self.isReversed(reference, axis: 1) ? Array((0..<reference.rows).reversed()) : Array(0..<reference.rows)
    let columns =
      Self.isReversed(reference, axis: 0)
      ? Array((0..<reference.columns).reversed()) : Array(0..<reference.columns)
    return rows.map { row in
      columns.map { column in Float((min(max(shade(value(row, column)), 0), 1) * 255).rounded()) }
    }
  }

  private static func value(_ volume: Volume, _ row: Int, _ column: Int) -> Double {
    let slice = volume.slices / 2
    return Double(volume.voxels[flat: (slice * volume.rows + row) * volume.columns + column])
  }

  /// Pictures run towards the patient's left, back and feet: an axis that runs the other way is turned round.
  private static func isReversed(_ volume: Volume, axis: Int) -> Bool {
    guard volume.header.format != .png else { return false }
    return Orientation(volume.affine).axes[axis].isPositive
  }

  private static func joined(_ panels: [[[Float]]]) -> Volume {
    let rows = panels[0].count
    let white = [Float](repeating: 255, count: gap)
    let lines = (0..<rows).map { row in Array(panels.map { $0[row] }.joined(separator: white)) }
    let voxels = Tensor(Array(lines.joined()), shape: [1, 1, rows, lines[0].count])
    return Volume(voxels: voxels, affine: .scaling([1, 1, 1]), header: VolumeHeader(format: .png, dataType: .uint8))
  }
}
