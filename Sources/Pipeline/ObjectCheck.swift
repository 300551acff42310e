import Foundation
import Models
import Transforms
import Volumes

/// Whether what was scanned is as large as what a model was made for: a knee is smaller than a head.
struct ObjectCheck {
  /// What speaks against the input; nothing where it is cut off by the field of view, or the model's card names no size.
  ///
  /// A few slices may be the top of a head: small is only what is small on a stack that is as high as a head is wide.
  let warnings: [String]

  /// `noise` estimates the noise of the volume, in its unit.
  init(_ volume: Volume, for card: ModelCard, noise: () -> Double) {
    let known = [("left-right", card.envelope.objectLeftRight), ("front-back", card.envelope.objectFrontBack)]
    guard volume.header.format != .png, known.contains(where: { $0.1 != nil }) else {
      warnings = []
      return
    }
    let found = ObjectExtent.estimate(volume.voxels, noise: noise())
    let axes = Orientation(volume.affine).axes
    let smallest = known.compactMap { $0.1?.first }.min() ?? 0
    let height = axes.firstIndex { $0.world == 2 }.map { axis in
      Double(volume.dimensions[axis]) * volume.affine.spacing[axis]
    }
    warnings = known.enumerated().compactMap { world, known in
      guard let range = known.1, let axis = axes.firstIndex(where: { $0.world == world }), let voxels = found[axis]
      else { return nil }
      let size = Double(voxels) * volume.affine.spacing[axis]
      guard size > range[1] || (size < range[0] && (height ?? 0) >= smallest) else { return nil }
      return String(
        format: "what was scanned is %.0f mm %@, and the model is for %.0f-%.0f mm: another part of the body?", size,
        known.0, range[0], range[1])
    }
  }
}
