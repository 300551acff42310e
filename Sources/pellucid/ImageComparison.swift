import Diffusion
import Evaluation
import Foundation
import Provenance
import TensorCore
import Volumes

/// Figures of one image against a reference on the same grid, both clipped to a window.
struct ImageComparison: Encodable {
  /// The image's file name.
  let name: String
  /// Slices that equal the reference's, as the given ones of a super-resolved volume do; the means leave them out, unless
  /// all are equal.
  let equalSlices: Int
  /// Mean over slices, in dB.
  let psnr: Double
  /// Mean over slices; nil where a slice is smaller than the measure's window.
  let ssim: Double?
  /// Mean absolute error in the image's unit.
  let meanAbsoluteError: Double
  /// Mean gradient as a multiple of the reference's.
  let sharpness: Double
  /// Share of the reference's gradients that the image has.
  let edgeRetention: Double
  /// Difference between neighbouring slices as a multiple of the reference's; nil for a single slice.
  let sliceDifference: Double?
  /// Share of the error that does not carry over to the next slice; nil for a single slice.
  let errorFlicker: Double?
  /// Network evaluations per slice, those of all planes and samples together, if the image has a manifest.
  let evaluations: Int?
  /// Seconds of computing, if the image has a manifest.
  let seconds: Double?

  /// Both were found to be of one grid.
  init(_ volume: Volume, at url: URL, against reference: Volume, window: ClosedRange<Double>) {
    name = url.lastPathComponent
    let image = Self.slices(volume, window)
    let truth = Self.slices(reference, window)
    let range = window.upperBound - window.lowerBound
    let errors = SquaredError.perSlice(image, against: truth)
    let unlike = errors.indices.filter { errors[$0] > 0 }
    equalSlices = errors.count - unlike.count
    let (made, wanted) = unlike.isEmpty ? (image, truth) : (Self.part(image, unlike), Self.part(truth, unlike))
    psnr = PSNR.mean(made, against: wanted, dataRange: range)
    let isLargeEnough = min(volume.rows, volume.columns) >= SSIM.minimumExtent
    ssim = isLargeEnough ? SSIM.mean(made, against: wanted, window: window) : nil
    meanAbsoluteError = AbsoluteError.mean(made, against: wanted)
    sharpness = Sharpness.ratio(made, against: wanted)
    edgeRetention = Sharpness.edgeRetention(made, against: wanted)
    // Slices of different frames are no neighbours.
    let isStack = volume.frames == 1
    sliceDifference = isStack ? InterSliceConsistency.ratio(image, against: truth) : nil
    errorFlicker = isStack ? InterSliceConsistency.errorFlicker(image, against: truth) : nil
    let manifest = try? Manifest.read(Manifest.location(for: url))
    evaluations = manifest?.evaluationsPerSlice
    seconds = manifest?.durations.infer
  }

  private static func slices(_ volume: Volume, _ window: ClosedRange<Double>) -> Tensor {
    volume.voxels.reshaped([volume.frames * volume.slices, volume.rows, volume.columns]).clamped(to: window)
  }

  private static func part(_ stack: Tensor, _ slices: [Int]) -> Tensor {
    slices.count == stack.shape[0] ? stack : .concatenate(slices.map { stack.slice($0..<$0 + 1) })
  }
}

extension ImageComparison {
  /// One line per image, with a head.
  static func table(_ rows: [ImageComparison]) -> String {
    let notes = rows.filter { $0.equalSlices > 0 }.map {
      "\n\($0.name): \($0.equalSlices) slices equal the reference\($0.psnr.isFinite ? " and are left out of the means" : "")"
    }
    let head = ["image", "evaluations", "seconds", "PSNR", "SSIM", "MAE", "sharpness", "edges", "slice difference"]
    let cells = [head] + rows.map(\.cells)
    let widths = head.indices.map { column in cells.map { $0[column].count }.max() ?? 0 }
    return cells.map { row in
      row.indices.map { column in
        let space = String(repeating: " ", count: widths[column] - row[column].count)
        return column == 0 ? row[column] + space : space + row[column]
      }.joined(separator: "  ")
    }.joined(separator: "\n") + notes.joined()
  }

  private var cells: [String] {
    func text(_ value: Double?, _ digits: Int) -> String {
      value.map { $0.isFinite ? String(format: "%.\(digits)f", $0) : "\($0)" } ?? "-"
    }
    return [
      name, evaluations.map(String.init) ?? "-", text(seconds, 1), text(psnr, 2), text(ssim, 4),
      text(meanAbsoluteError, 2), text(sharpness, 3), text(edgeRetention, 3), text(sliceDifference, 3),
    ]
  }
}
