import Diffusion
import TensorCore
import Transforms

/// What a network says of images that it is shown tile by tile, put together at every step of a sampler.
///
/// As tiles agree before the next step begins, no step starts from a seam. Of one tile, this is the network itself.
struct TiledDenoiser: Denoiser {
  private let tiling: Tiling
  private let parts: [any Denoiser<Tensor>]
  private let evaluated: () throws -> Void

  /// For condition images `[n, rows, columns, channels]`; `evaluated` is called after each evaluation of the network.
  init(
    _ tiling: Tiling, conditions: Tensor, evaluated: @escaping () throws -> Void,
    make: DenoiserMaker
  ) throws {
    self.tiling = tiling
    self.evaluated = evaluated
    parts = try tiling.tiles.map { try make(tiling.cropped(conditions, to: $0)) }
  }

  func predict(_ x: Tensor, label: Int) throws -> Prediction<Tensor> {
    guard parts.count > 1 else {
      let said = try TensorSpill.suspended { try parts[0].predict(x, label: label) }
      try evaluated()
      return said
    }
    var whole = Tensor(repeating: 0, shape: x.shape)
    var said: Prediction<Tensor>?
    for (tile, part) in zip(tiling.tiles, parts) {
      let prediction = try TensorSpill.suspended { try part.predict(tiling.cropped(x, to: tile), label: label) }
      tiling.add(prediction.value, of: tile, to: &whole)
      said = prediction
      try evaluated()
    }
    guard let said else { preconditionFailure("a tiling has a tile") }
    return said.replacing(whole)
  }
}
