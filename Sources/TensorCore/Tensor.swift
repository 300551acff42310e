/// A dense array of 32-bit floats: a value with copy-on-write storage.
///
/// Images are NHWC: shape `[batch, height, width, channels]`, channels varying fastest. The last dimension always
/// varies fastest. Misuse inside the engine (a wrong shape) is a programming error and stops the program; bad data
/// from outside is refused before it becomes a tensor.
public struct Tensor: Sendable {
  /// Extents, slowest-varying first; empty for a scalar.
  public private(set) var shape: [Int]
  private var storage: TensorStorage

  /// The number of elements, the product of `shape`.
  public var count: Int { shape.reduce(1, *) }

  /// A tensor whose elements are unspecified until written.
  public init(uninitialized shape: [Int]) {
    precondition(shape.allSatisfy { $0 >= 0 }, "negative extent in \(shape)")
    self.shape = shape
    storage = TensorStorage(count: shape.reduce(1, *))
  }

  /// A tensor of equal elements.
  public init(repeating value: Float = 0, shape: [Int]) {
    self.init(uninitialized: shape)
    storage.pointer.update(repeating: value, count: count)
  }

  /// A tensor of the given elements, last dimension fastest.
  public init(_ values: [Float], shape: [Int]) {
    self.init(uninitialized: shape)
    precondition(values.count == count, "\(values.count) values for shape \(shape)")
    values.withUnsafeBufferPointer { source in
      if let base = source.baseAddress { storage.pointer.update(from: base, count: source.count) }
    }
  }

  /// The elements as an array, last dimension fastest.
  public var values: [Float] { Array(UnsafeBufferPointer(start: storage.pointer, count: count)) }

  /// The same elements under another shape with the same count.
  public func reshaped(_ shape: [Int]) -> Tensor {
    precondition(shape.reduce(1, *) == count, "cannot reshape \(self.shape) to \(shape)")
    var copy = self
    copy.shape = shape
    return copy
  }

  /// Reads the elements in place.
  ///
  /// The pointer is valid only inside the closure.
  public func withUnsafeBuffer<R, E: Error>(_ body: (UnsafeBufferPointer<Float>) throws(E) -> R) throws(E) -> R {
    try body(UnsafeBufferPointer(start: storage.pointer, count: count))
  }

  /// Writes the elements in place, copying first if the storage is shared.
  ///
  /// The pointer is valid only inside the closure.
  public mutating func withUnsafeMutableBuffer<R, E: Error>(
    _ body: (UnsafeMutableBufferPointer<Float>) throws(E) -> R
  ) throws(E) -> R {
    makeUnique()
    return try body(UnsafeMutableBufferPointer(start: storage.pointer, count: count))
  }

  /// One element by its position in storage order.
  public subscript(flat index: Int) -> Float {
    get {
      precondition(index >= 0 && index < count)
      return storage.pointer[index]
    }
    set {
      precondition(index >= 0 && index < count)
      makeUnique()
      storage.pointer[index] = newValue
    }
  }

  /// The address of the first element, for reading while this value lives.
  var base: UnsafePointer<Float> { UnsafePointer(storage.pointer) }

  private mutating func makeUnique() {
    guard !isKnownUniquelyReferenced(&storage) else { return }
    let copy = TensorStorage(count: count)
    copy.pointer.update(from: storage.pointer, count: count)
    storage = copy
  }
}

extension Tensor: Equatable {
  /// Same shape and same bits (so two NaNs of equal bits are equal, and 0 differs from -0).
  public static func == (a: Tensor, b: Tensor) -> Bool {
    guard a.shape == b.shape else { return false }
    return a.withUnsafeBuffer { x in
      b.withUnsafeBuffer { y in
        (0..<x.count).allSatisfy { x[$0].bitPattern == y[$0].bitPattern }
      }
    }
  }
}

extension Tensor {
  /// The images `range` of a batch: shape `[range.count, …]`.
  public func slice(_ range: Range<Int>) -> Tensor {
    precondition(!shape.isEmpty && range.lowerBound >= 0 && range.upperBound <= shape[0])
    let stride = shape.dropFirst().reduce(1, *)
    var out = Tensor(uninitialized: [range.count] + shape.dropFirst())
    withUnsafeBuffer { source in
      out.withUnsafeMutableBuffer { target in
        guard range.count * stride > 0 else { return }
        target.baseAddress!.update(from: source.baseAddress! + range.lowerBound * stride, count: range.count * stride)
      }
    }
    return out
  }

  /// Tensors that agree in all but the first extent, one after the other.
  public static func concatenate(_ parts: [Tensor]) -> Tensor {
    precondition(!parts.isEmpty)
    let tail = Array(parts[0].shape.dropFirst())
    precondition(parts.allSatisfy { Array($0.shape.dropFirst()) == tail }, "extents differ")
    var out = Tensor(uninitialized: [parts.reduce(0) { $0 + $1.shape[0] }] + tail)
    out.withUnsafeMutableBuffer { target in
      var offset = 0
      for part in parts {
        part.withUnsafeBuffer { source in
          guard source.count > 0 else { return }
          (target.baseAddress! + offset).update(from: source.baseAddress!, count: source.count)
        }
        offset += part.count
      }
    }
    return out
  }
}
