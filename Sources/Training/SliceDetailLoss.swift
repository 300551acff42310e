import Foundation
import Models
import TensorCore

/// The term of the loss that asks slices to differ from their neighbours as much as the truth's do.
///
/// The mean of all that is possible lacks the detail that cannot be known, so slices that are made of it are too much
/// alike. Of all results that differ enough, the nearest to that mean is the mean with its own differences enlarged
/// (Freirich, Michaeli and Meir, "A theory of the distortion-perception tradeoff in Wasserstein space", 2021); by
/// how much, the network learns from place to place: in blocks of 16 × 16 pixels with mean squared differences p predicted and
/// q true, the term is δ(log((p + δ)/(q + δ)) + (q + δ)/(p + δ) − 1), the divergence of Itakura and Saito, δ being the
/// mean of q over the scan. It is least where p is the mean of all q that are possible, and finite where a block is flat.
struct SliceDetailLoss: Sendable {
  /// The side of a block.
  static let block = 16

  /// A difference of slices that the loss looks at.
  struct Difference: Sendable, Equatable {
    /// The patch whose slice is the later of two, or the only one that is made.
    var later: Int
    /// The patch of the slice before it; nil where that is a condition.
    var earlier: Int?
    /// The true difference, `[1, h, w, 1]`, in network units.
    var truth: Tensor
    /// Mean square of such differences in the whole scan.
    var typical: Double
    /// What an error of the output is multiplied with to become one of the image.
    var scale: Float
  }

  /// How much the term counts beside the squared error.
  var weight: Double

  /// Adds the gradient with respect to the output and returns the loss.
  ///
  /// `errors` are the output's, and `weights` what a squared error of one pixel of each patch counts.
  func add(
    _ differences: [Difference], errors: Tensor, weights: [Double], to gradient: inout Tensor
  ) -> Double {
    let (rows, columns) = (errors.shape[1], errors.shape[2])
    let pixels = rows * columns
    var loss = 0.0
    for difference in differences where difference.typical > 0 {
      var predicted = difference.truth
      errors.withUnsafeBuffer { e in
        predicted.withUnsafeMutableBuffer { d in
          for i in 0..<pixels {
            let before = difference.earlier.map { e[$0 * pixels + i] } ?? 0
            d[i] += difference.scale * (e[difference.later * pixels + i] - before)
          }
        }
      }
      let scale = Double(difference.scale)
      let factor = weight * weights[difference.later] * difference.typical / (scale * scale)
      for row in stride(from: 0, to: rows, by: Self.block) {
        for column in stride(from: 0, to: columns, by: Self.block) {
          let block = (row..<min(row + Self.block, rows)).map {
            $0 * columns + column..<$0 * columns + min(column + Self.block, columns)
          }
          loss += factor * add(block, of: predicted, difference, factor, to: &gradient)
        }
      }
    }
    return loss
  }

  /// One block, as rows of pixels; returns its part of the loss before the factor.
  private func add(
    _ block: [Range<Int>], of predicted: Tensor, _ difference: Difference, _ factor: Double, to gradient: inout Tensor
  ) -> Double {
    let count = Double(block.reduce(0) { $0 + $1.count })
    func energy(_ image: Tensor) -> Double {
      image.withUnsafeBuffer { values in
        block.reduce(0) { sum, row in row.reduce(sum) { $0 + Double(values[$1]) * Double(values[$1]) } } / count
      }
    }
    let own = energy(predicted) + difference.typical, goal = energy(difference.truth) + difference.typical
    let slope = Float(2 * factor * Double(difference.scale) * (own - goal) / (own * own))
    let pixels = predicted.count
    predicted.withUnsafeBuffer { d in
      gradient.withUnsafeMutableBuffer { g in
        for i in block.joined() {
          g[difference.later * pixels + i] += slope * d[i]
          if let earlier = difference.earlier { g[earlier * pixels + i] -= slope * d[i] }
        }
      }
    }
    return count * (log(own / goal) + goal / own - 1)
  }
}

extension DiffusionObjective {
  /// What a slice has beyond the mean of those beside it, or the differences of pairs.
  func differences(in batch: PatchBatch, _ comparison: Comparison) -> [SliceDetailLoss.Difference] {
    guard comparison != .none else { return [] }
    let inPairs = comparison == .pairs
    let scales = prediction.residualScales(of: batch.conditions)
    let before = inPairs ? batch.targets : conditions.centre(of: batch.conditions)
    return stride(from: 0, to: scales.count, by: inPairs ? 2 : 1).map { sample in
      let later = inPairs ? sample + 1 : sample
      return SliceDetailLoss.Difference(
        later: later, earlier: inPairs ? sample : nil,
        truth: .linearCombination([
          (1, batch.targets.slice(later..<later + 1)), (-1, before.slice(sample..<sample + 1)),
        ]), typical: batch.sliceDifferences[sample], scale: scales[later])
    }
  }
}
