import TensorCore

/// The two ways in which a network's parameters are laid out.
///
/// Files keep PyTorch's: convolutions `[out, in, height, width]`, linear maps `[out, in]`. The engine wants the output
/// channel fastest: `[height, width, in, out]` and `[in, out]`. Vectors are the same in both.
enum TensorLayout {
  /// The shape in a file of a parameter with this shape in the engine.
  static func fileShape(_ shape: [Int]) -> [Int] {
    switch shape.count {
    case 4: [shape[3], shape[2], shape[0], shape[1]]
    case 2: [shape[1], shape[0]]
    default: shape
    }
  }

  /// A tensor in a file's layout as the engine wants it.
  static func engine(fromFile tensor: Tensor) -> Tensor {
    tensor.withUnsafeBuffer { Tensor(outputsFirst: $0, shape: tensor.shape) }
  }

  /// A tensor in the engine's layout as a file keeps it.
  static func file(fromEngine tensor: Tensor) -> Tensor {
    let shape = fileShape(tensor.shape)
    guard shape.count == 4 || shape.count == 2 else { return tensor }
    let (outputs, inputs, taps) = (shape[0], shape[1], shape.dropFirst(2).reduce(1, *))
    var out = Tensor(uninitialized: shape)
    tensor.withUnsafeBuffer { source in
      out.withUnsafeMutableBuffer { target in
        // Sixteen outputs (a cache line of the engine's layout) at a time, because one element after the other in either
        // order would miss the cache on the other side.
        for first in stride(from: 0, to: outputs, by: 16) {
          for input in 0..<inputs {
            for tap in 0..<taps {
              for output in first..<min(first + 16, outputs) {
                target[(output * inputs + input) * taps + tap] = source[(tap * inputs + input) * outputs + output]
              }
            }
          }
        }
      }
    }
    return out
  }
}
