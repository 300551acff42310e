public import TensorCore

/// A network's parameters by name, in registration order.
///
/// A value: copies are cheap until written. Convolution weights are `[kernel, kernel, in, out]`, linear weights `[in, out]`, everything else `[c]`.
public struct ParameterSet: Sendable, Equatable {
  /// Names in registration order.
  public let names: [String]
  private let positions: [String: Int]
  private var tensors: [Tensor]

  /// A set from names and tensors; names must differ.
  public init(_ pairs: [(name: String, tensor: Tensor)]) {
    names = pairs.map(\.name)
    tensors = pairs.map(\.tensor)
    positions = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
  }

  /// The tensor of a name that is in the set; replacing it keeps the shape.
  public subscript(name: String) -> Tensor {
    get { tensors[position(name)] }
    set {
      let at = position(name)
      precondition(newValue.shape == tensors[at].shape, "\(name) is \(tensors[at].shape), not \(newValue.shape)")
      tensors[at] = newValue
    }
  }

  /// The tensor at a position of `names`.
  public subscript(position position: Int) -> Tensor {
    get { tensors[position] }
    _modify { yield &tensors[position] }
  }

  /// Whether the set has a parameter of that name.
  public func contains(_ name: String) -> Bool { positions[name] != nil }

  /// The number of scalars.
  public var scalarCount: Int { tensors.reduce(0) { $0 + $1.count } }

  /// The same names and shapes, all zero.
  public var zeros: ParameterSet {
    ParameterSet(zip(names, tensors).map { ($0, Tensor(repeating: 0, shape: $1.shape)) })
  }

  /// The Euclidean norm of all scalars together, summed in registration order.
  public var norm: Double { tensors.reduce(0) { $0 + $1.sumOfSquares }.squareRoot() }

  private func position(_ name: String) -> Int {
    guard let position = positions[name] else { preconditionFailure("no parameter \(name)") }
    return position
  }

  /// Same names, same shapes and the same bits.
  public static func == (a: ParameterSet, b: ParameterSet) -> Bool { a.names == b.names && a.tensors == b.tensors }
}
