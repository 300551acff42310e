import TensorCore

extension Tensor {
  /// `[frames, slices, …]`: the means of neighbouring slices, `[frames, slices - 1, …]`.
  func betweenSlices() -> Tensor {
    let pixels = shape[2...].reduce(1, *)
    let (frames, slices) = (shape[0], shape[1])
    var out = Tensor(uninitialized: [frames, slices - 1] + shape[2...])
    out.withUnsafeMutableBuffer { out in
      withUnsafeBuffer { own in
        for frame in 0..<frames {
          for i in 0..<(slices - 1) * pixels {
            let first = frame * slices * pixels + i
            out[frame * (slices - 1) * pixels + i] = (own[first] + own[first + pixels]) / 2
          }
        }
      }
    }
    return out
  }

  /// `[frames, slices, …]` with the slices of `[frames, slices - 1, …]` between its own.
  func interleavingSlices(_ between: Tensor) -> Tensor {
    precondition(between.shape == [shape[0], shape[1] - 1] + shape[2...])
    let pixels = shape[2...].reduce(1, *)
    var out = Tensor(uninitialized: [shape[0], 2 * shape[1] - 1] + shape[2...])
    let slices = shape[1]
    out.withUnsafeMutableBuffer { out in
      withUnsafeBuffer { own in
        between.withUnsafeBuffer { between in
          guard var to = out.baseAddress, let own = own.baseAddress, let made = between.baseAddress else { return }
          for frame in 0..<shape[0] {
            for slice in 0..<2 * slices - 1 {
              let (source, count) = slice % 2 == 0 ? (own, slices) : (made, slices - 1)
              to.update(from: source + (frame * count + slice / 2) * pixels, count: pixels)
              to += pixels
            }
          }
        }
      }
    }
    return out
  }
}
