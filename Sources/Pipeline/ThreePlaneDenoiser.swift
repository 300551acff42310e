import Diffusion
import Models
import TensorCore
import Transforms

/// What a 2D network says of a volume on average over its axial, coronal and sagittal slices, at every step of a sampler.
///
/// What runs along a stack is hidden from a network that sees it slice by slice; in two other planes it lies open. The
/// state of the sampler is a whole frame, `[1, slices, rows, columns]` as stored.
struct ThreePlaneDenoiser: Denoiser {
  /// Makes the denoiser of some condition images.
  typealias Maker = (_ conditions: Tensor) throws -> any Denoiser<Tensor>

  private let cuts: [Cut]
  private let scale: ValueScale
  private let conditions: ConditionSlices
  private let batch: Int
  private let make: Maker

  /// One way of cutting.
  private struct Cut {
    let plane: SlicingPlane
    let voxels: Tensor
    let stack: SliceStack
  }

  /// For a frame `[1, slices, rows, columns]` of voxel values, cut in `planes` into images whose sides are multiples of
  /// `multiple`.
  init(
    _ frame: Tensor, _ planes: [SlicingPlane], multiple: Int, _ scale: ValueScale, _ conditions: ConditionSlices,
    batch: Int, make: @escaping Maker
  ) {
    precondition(frame.shape.count == 4 && frame.shape[0] == 1 && !planes.isEmpty)
    cuts = planes.map { plane in
      let voxels = plane.arranged(frame)
      let stack = SliceStack(
        slices: voxels.shape[1], rows: voxels.shape[2], columns: voxels.shape[3], multiple: multiple)
      return Cut(plane: plane, voxels: voxels, stack: stack)
    }
    self.scale = scale
    self.conditions = conditions
    self.batch = batch
    self.make = make
  }

  func predict(_ x: Tensor, label: Int) throws -> Prediction<Tensor> {
    var terms: [(Double, Tensor)] = []
    var kind: Prediction<Tensor>?
    for cut in cuts {
      // Blocks of one plane's images are of no use to another's.
      ComputeBackend.releaseIdleMemory()
      let (said, values) = try predict(x, cut, label)
      kind = said
      terms.append((1 / Double(cuts.count), values))
    }
    guard let kind else { preconditionFailure("a volume is cut at least one way") }
    return kind.replacing(.linearCombination(terms))
  }

  /// What is said of every slice of one plane, as stored, and one of the predictions for its kind.
  private func predict(_ x: Tensor, _ cut: Cut, _ label: Int) throws -> (Prediction<Tensor>, Tensor) {
    let state = cut.plane.arranged(x)
    var values = Tensor(uninitialized: state.shape)
    var said: Prediction<Tensor>?
    for first in stride(from: 0, to: cut.stack.slices, by: batch) {
      let range = first..<min(first + batch, cut.stack.slices)
      let seen = cut.stack.images(range, offsets: conditions.offsets, ofFrame: 0, from: cut.voxels)
      let prediction = try make(scale.conditions(seen))
        .predict(cut.stack.images(range, ofFrame: 0, from: state), label: label)
      cut.stack.place(prediction.value, at: range, ofFrame: 0, in: &values)
      said = prediction
    }
    guard let said else { preconditionFailure("a stack has a slice") }
    return (said, cut.plane.stored(values))
  }
}
