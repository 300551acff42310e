import TensorCore

/// A tensor of shape [slices, rows, columns] seen slice by slice, which is what every measure of this room takes.
struct SliceStack {
  let tensor: Tensor
  let slices: Int
  let rows: Int
  let columns: Int
  var pixels: Int { rows * columns }

  init(_ tensor: Tensor) {
    precondition(tensor.shape.count == 3, "measures take [slices, rows, columns], not \(tensor.shape)")
    self.tensor = tensor
    (slices, rows, columns) = (tensor.shape[0], tensor.shape[1], tensor.shape[2])
  }

  /// One number per slice, several slices at a time.
  func perSlice(_ body: @Sendable (UnsafePointer<Float>) -> Double) -> [Double] {
    tensor.withUnsafeBuffer { buffer in
      Self.collect(slices, pixels, SharedPointer(reading: buffer.baseAddress!)) { body($0) }
    }
  }

  /// One number per slice of two tensors of one shape.
  func perSlice(
    with other: Tensor, _ body: @Sendable (UnsafePointer<Float>, UnsafePointer<Float>) -> Double
  ) -> [Double] {
    precondition(tensor.shape == other.shape, "cannot compare \(tensor.shape) with \(other.shape)")
    let pixels = pixels
    return other.withUnsafeBuffer { second in
      tensor.withUnsafeBuffer { first in
        let start = SharedPointer(reading: first.baseAddress!)
        let partner = SharedPointer(reading: second.baseAddress!)
        return Self.collect(slices, pixels, start) { slice in
          body(slice, UnsafePointer(partner + (slice - UnsafePointer(start.pointer))))
        }
      }
    }
  }

  private static func collect(
    _ count: Int, _ stride: Int, _ start: SharedPointer<Float>, _ body: @Sendable (UnsafePointer<Float>) -> Double
  ) -> [Double] {
    Array(unsafeUninitializedCapacity: count) { target, initialized in
      if let base = target.baseAddress {
        let results = SharedPointer(base)
        Parallel.forEach(count) { (results + $0).initialize(to: body(UnsafePointer(start + $0 * stride))) }
      }
      initialized = count
    }
  }
}

extension [Double] {
  /// The arithmetic mean; NaN when empty.
  var mean: Double { reduce(0, +) / Double(count) }
}
