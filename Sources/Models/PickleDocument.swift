/// What a restricted pickle holds: plain values, and tensors that say where their numbers lie.
///
/// Tuples, lists and dictionaries live side by side in three arrays and refer to each other by position. So nothing is
/// recursive: a document that contains itself, or is nested a million deep, is just numbers in an array.
struct PickleDocument {
  enum Value: Equatable {
    case none
    case bool(Bool)
    case int(Int)
    case float(Double)
    case string(String)
    case tuple(Int)
    case list(Int)
    case dictionary(Int)
    case constructor(PickleConstructor)
    case storage(TorchStorage)
    case tensor(Int)
  }

  var root = Value.none
  var tuples: [[Value]] = []
  var lists: [[Value]] = []
  var dictionaries: [[(key: Value, value: Value)]] = []
  var tensors: [TorchTensor] = []

  /// The elements of a list; nil if it is none.
  func list(_ value: Value) -> [Value]? {
    guard case .list(let index) = value else { return nil }
    return lists[index]
  }

  /// The entries of a dictionary; nil if it is none.
  func dictionary(_ value: Value) -> [(key: Value, value: Value)]? {
    guard case .dictionary(let index) = value else { return nil }
    return dictionaries[index]
  }
}

/// The things that a checkpoint may construct.
///
/// A name outside this list is refused before anything is made.
enum PickleConstructor: Equatable {
  case orderedDictionary
  case rebuildTensor
  case rebuildParameter
  case storage(NumberFormat)

  init?(module: String, name: String) {
    switch (module, name) {
    case ("collections", "OrderedDict"): self = .orderedDictionary
    case ("torch._utils", "_rebuild_tensor_v2"): self = .rebuildTensor
    case ("torch._utils", "_rebuild_parameter"): self = .rebuildParameter
    case ("torch", "FloatStorage"): self = .storage(.float32)
    case ("torch", "DoubleStorage"): self = .storage(.float64)
    case ("torch", "HalfStorage"): self = .storage(.float16)
    case ("torch", "BFloat16Storage"): self = .storage(.bfloat16)
    case ("torch", "LongStorage"): self = .storage(.int64)
    case ("torch", "IntStorage"): self = .storage(.int32)
    case ("torch", "ShortStorage"): self = .storage(.int16)
    case ("torch", "CharStorage"): self = .storage(.int8)
    case ("torch", "ByteStorage"): self = .storage(.uint8)
    case ("torch", "BoolStorage"): self = .storage(.bool)
    default: return nil
    }
  }
}

/// A block of numbers in a checkpoint: entry `data/<key>` of the archive.
struct TorchStorage: Equatable {
  var key: String
  var format: NumberFormat
  var count: Int
}

/// A view of a storage: element `(i, j, …)` is number `offset + i·strides[0] + j·strides[1] + …`.
struct TorchTensor: Equatable {
  var storage: TorchStorage
  var offset: Int
  var shape: [Int]
  var strides: [Int]

  /// A view that lies inside its storage; nil for any other.
  init?(storage: TorchStorage, offset: Int, shape: [Int], strides: [Int]) {
    guard shape.count == strides.count, shape.count <= 8, offset >= 0, offset <= storage.count else { return nil }
    guard shape.allSatisfy({ $0 >= 0 }), strides.allSatisfy({ $0 >= 0 }) else { return nil }
    var count = 1
    var last = offset
    for (extent, stride) in zip(shape, strides) {
      let (product, tooMany) = count.multipliedReportingOverflow(by: extent)
      let (reach, tooFar) = stride.multipliedReportingOverflow(by: max(extent - 1, 0))
      let (sum, beyond) = last.addingReportingOverflow(reach)
      guard !tooMany, !tooFar, !beyond else { return nil }
      (count, last) = (product, sum)
    }
    guard count == 0 || last < storage.count else { return nil }
    self.storage = storage
    self.offset = offset
    self.shape = shape
    self.strides = strides
  }

  /// Whether its elements follow one another in its storage, last dimension fastest.
  var isContiguous: Bool {
    var step = 1
    for (extent, stride) in zip(shape, strides).reversed() {
      if extent != 1 && stride != step { return false }
      step *= extent
    }
    return true
  }
}
