/// Reads the pickles that `torch.save` writes for dictionaries of tensors, and refuses everything else by name.
///
/// A pickle is a program for a stack machine that may call any function. This machine knows about thirty of the
/// instructions and calls nothing: the few constructors of `PickleConstructor` are recognised, and what they would make
/// is described. Every instruction adds at most one value, so time and memory are bounded by the length of the text.
struct RestrictedUnpickler {
  private let bytes: [UInt8]
  private var position = 0
  private var stack: [PickleDocument.Value] = []
  private var marks: [Int] = []
  private var memo: [Int: PickleDocument.Value] = [:]
  private var document = PickleDocument()

  /// 450 tensors with optimiser state and averages take about 0.4 MB.
  static let maximumBytes = 8 << 20

  /// Reads a whole pickle; throws a `ModelError` that says what was refused.
  static func read(_ bytes: [UInt8]) throws(ModelError) -> PickleDocument {
    guard bytes.count <= maximumBytes else {
      throw ModelError(
        .refused, "the checkpoint's pickle has \(bytes.count) bytes; save only the state dict with torch.save")
    }
    var machine = RestrictedUnpickler(bytes: bytes)
    guard try machine.byte() == 0x80, (2...5).contains(try machine.byte()) else {
      throw ModelError(
        .refused, "the checkpoint's pickle is not of protocol 2 to 5; save it again with a recent PyTorch")
    }
    while try machine.step() {}
    return machine.document
  }

  private init(bytes: [UInt8]) { self.bytes = bytes }

  // MARK: Errors

  private func corrupt(_ what: String) -> ModelError {
    ModelError(.corrupt, "the checkpoint's pickle is broken at byte \(position) (\(what)); get the file again")
  }

  private func refuse(_ what: String) -> ModelError {
    ModelError(
      .refused,
      "the checkpoint asks for \(what); only tensors, dictionaries, lists and plain values are read, and nothing was run: save only the state dict with torch.save"
    )
  }

  // MARK: Text

  private mutating func byte() throws(ModelError) -> UInt8 {
    guard position < bytes.count else { throw corrupt("it ends early") }
    position += 1
    return bytes[position - 1]
  }

  private mutating func take(_ count: Int) throws(ModelError) -> ArraySlice<UInt8> {
    guard count >= 0, count <= bytes.count - position else { throw corrupt("it ends early") }
    position += count
    return bytes[position - count..<position]
  }

  private mutating func number(_ width: Int) throws(ModelError) -> UInt64 {
    try take(width).reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  private mutating func text(lengthBytes: Int) throws(ModelError) -> String {
    let length = try number(lengthBytes)
    guard length <= UInt64(bytes.count) else { throw corrupt("a text of \(length) bytes") }
    guard let text = String(validating: try take(Int(length)), as: UTF8.self) else { throw corrupt("broken UTF-8") }
    return text
  }

  private mutating func line() throws(ModelError) -> String {
    guard let end = bytes[position...].prefix(257).firstIndex(of: UInt8(ascii: "\n")) else {
      throw corrupt("an endless line")
    }
    defer { position = end + 1 }
    return String(decoding: bytes[position..<end], as: UTF8.self)
  }

  // MARK: Stack

  private mutating func pop() throws(ModelError) -> PickleDocument.Value {
    guard stack.count > (marks.last ?? 0), let value = stack.popLast() else { throw corrupt("the stack is empty") }
    return value
  }

  private func top() throws(ModelError) -> PickleDocument.Value {
    guard stack.count > (marks.last ?? 0), let value = stack.last else { throw corrupt("the stack is empty") }
    return value
  }

  private mutating func popToMark() throws(ModelError) -> [PickleDocument.Value] {
    guard let mark = marks.popLast() else { throw corrupt("there is no mark") }
    defer { stack.removeSubrange(mark...) }
    return Array(stack[mark...])
  }

  private mutating func pushTuple(_ elements: [PickleDocument.Value]) {
    document.tuples.append(elements)
    stack.append(.tuple(document.tuples.count - 1))
  }

  private mutating func pushTuple(count: Int) throws(ModelError) {
    var elements: [PickleDocument.Value] = []
    for _ in 0..<count { elements.append(try pop()) }
    pushTuple(elements.reversed())
  }

  private mutating func pushDictionary() {
    document.dictionaries.append([])
    stack.append(.dictionary(document.dictionaries.count - 1))
  }

  private mutating func append(_ elements: [PickleDocument.Value]) throws(ModelError) {
    guard case .list(let index) = try top() else { throw corrupt("something is appended to no list") }
    document.lists[index] += elements
  }

  private mutating func set(_ pairs: [PickleDocument.Value]) throws(ModelError) {
    guard case .dictionary(let index) = try top(), pairs.count % 2 == 0 else {
      throw corrupt("an item is set in no dictionary")
    }
    for i in stride(from: 0, to: pairs.count, by: 2) { document.dictionaries[index].append((pairs[i], pairs[i + 1])) }
  }

  private mutating func remember(_ index: Int) throws(ModelError) { memo[index] = try top() }

  private mutating func recall(_ index: Int) throws(ModelError) {
    guard let value = memo[index] else { throw corrupt("value \(index) was never remembered") }
    stack.append(value)
  }

  // MARK: Instructions

  /// Does one instruction; false after the last one.
  private mutating func step() throws(ModelError) -> Bool {
    let code = try byte()
    switch code {
    case UInt8(ascii: "."):
      document.root = try pop()
      guard stack.isEmpty, marks.isEmpty, position == bytes.count else { throw corrupt("something is left over") }
      return false
    case 0x95: _ = try take(8)  // a frame is only a hint for buffering
    case UInt8(ascii: "("): marks.append(stack.count)
    case UInt8(ascii: "N"): stack.append(.none)
    case 0x88: stack.append(.bool(true))
    case 0x89: stack.append(.bool(false))
    case UInt8(ascii: "K"): stack.append(.int(Int(try byte())))
    case UInt8(ascii: "M"): stack.append(.int(Int(try number(2))))
    case UInt8(ascii: "J"): stack.append(.int(Int(Int32(truncatingIfNeeded: try number(4)))))
    case 0x8a: stack.append(.int(try longInteger()))
    case UInt8(ascii: "G"): stack.append(.float(Double(bitPattern: try number(8).byteSwapped)))
    case UInt8(ascii: "X"): stack.append(.string(try text(lengthBytes: 4)))
    case 0x8c: stack.append(.string(try text(lengthBytes: 1)))
    case 0x8d: stack.append(.string(try text(lengthBytes: 8)))
    case UInt8(ascii: ")"): pushTuple([])
    case 0x85: try pushTuple(count: 1)
    case 0x86: try pushTuple(count: 2)
    case 0x87: try pushTuple(count: 3)
    case UInt8(ascii: "t"): pushTuple(try popToMark())
    case UInt8(ascii: "]"):
      document.lists.append([])
      stack.append(.list(document.lists.count - 1))
    case UInt8(ascii: "a"): try append([try pop()])
    case UInt8(ascii: "e"): try append(try popToMark())
    case UInt8(ascii: "}"): pushDictionary()
    case UInt8(ascii: "s"):
      let value = try pop()
      try set([try pop(), value])
    case UInt8(ascii: "u"): try set(try popToMark())
    case UInt8(ascii: "q"): try remember(Int(try byte()))
    case UInt8(ascii: "r"): try remember(Int(try number(4)))
    case 0x94: try remember(memo.count)
    case UInt8(ascii: "h"): try recall(Int(try byte()))
    case UInt8(ascii: "j"): try recall(Int(try number(4)))
    case UInt8(ascii: "c"):
      let module = try line()
      stack.append(.constructor(try constructor(module, try line())))
    case 0x93:
      guard case .string(let name) = try pop(), case .string(let module) = try pop() else {
        throw corrupt("a name that is no text")
      }
      stack.append(.constructor(try constructor(module, name)))
    case UInt8(ascii: "Q"): stack.append(.storage(try storage(try pop())))
    case UInt8(ascii: "R"): try construct()
    case UInt8(ascii: "b"):
      // A state dict carries `_metadata` as an attribute; it says nothing about the numbers.
      _ = try pop()
      guard case .dictionary = try top() else { throw refuse("an object with attributes") }
    default:
      throw refuse(Self.names[code].map { "an object of another kind (instruction \($0))" } ?? "instruction \(code)")
    }
    return true
  }

  /// Instructions that pickles use for things which are not read here.
  private static let names: [UInt8: String] = [
    UInt8(ascii: "i"): "INST", UInt8(ascii: "o"): "OBJ", UInt8(ascii: "P"): "PERSID", 0x81: "NEWOBJ", 0x82: "EXT1",
    0x83: "EXT2", 0x84: "EXT4", 0x92: "NEWOBJ_EX", 0x8b: "LONG4", 0x8f: "EMPTY_SET", 0x91: "FROZENSET",
    UInt8(ascii: "B"): "BINBYTES", UInt8(ascii: "C"): "SHORT_BINBYTES", 0x8e: "BINBYTES8", 0x96: "BYTEARRAY8",
    UInt8(ascii: "T"): "BINSTRING", UInt8(ascii: "U"): "SHORT_BINSTRING", 0x97: "NEXT_BUFFER",
  ]

  private mutating func longInteger() throws(ModelError) -> Int {
    let width = Int(try byte())
    guard width <= 8 else { throw refuse("an integer of \(width) bytes") }
    guard width > 0 else { return 0 }
    let value = try number(width)
    let unused = 64 - 8 * width
    return Int(Int64(bitPattern: value << UInt64(unused)) >> Int64(unused))
  }

  private func constructor(_ module: String, _ name: String) throws(ModelError) -> PickleConstructor {
    guard let known = PickleConstructor(module: module, name: name) else {
      throw refuse("\(ModelError.printable(module)).\(ModelError.printable(name))")
    }
    return known
  }

  // MARK: Constructors

  private mutating func construct() throws(ModelError) {
    guard case .tuple(let index) = try pop(), case .constructor(let constructor) = try pop() else {
      throw corrupt("something that is no constructor is called")
    }
    let arguments = document.tuples[index]
    switch constructor {
    case .orderedDictionary:
      guard arguments.isEmpty else { throw refuse("an ordered dictionary made from other things") }
      pushDictionary()
    case .rebuildTensor:
      guard (6...7).contains(arguments.count), case .storage(let storage) = arguments[0],
        case .int(let offset) = arguments[1],
        let shape = integers(arguments[2]), let strides = integers(arguments[3]),
        let tensor = TorchTensor(storage: storage, offset: offset, shape: shape, strides: strides)
      else { throw corrupt("an impossible tensor") }
      document.tensors.append(tensor)
      stack.append(.tensor(document.tensors.count - 1))
    case .rebuildParameter:
      guard arguments.count == 3, case .tensor = arguments[0] else { throw corrupt("a parameter that is no tensor") }
      stack.append(arguments[0])
    case .storage: throw refuse("a storage made from other things")
    }
  }

  /// The identity of a storage: ("storage", its type, its key in the archive, its device, its length).
  private func storage(_ identity: PickleDocument.Value) throws(ModelError) -> TorchStorage {
    guard case .tuple(let index) = identity, document.tuples[index].count == 5,
      document.tuples[index][0] == .string("storage"),
      case .constructor(.storage(let format)) = document.tuples[index][1],
      case .string(let key) = document.tuples[index][2], case .int(let count) = document.tuples[index][4],
      (0...(1 << 40)).contains(count)
    else { throw corrupt("an impossible storage") }
    return TorchStorage(key: key, format: format, count: count)
  }

  private func integers(_ value: PickleDocument.Value) -> [Int]? {
    guard case .tuple(let index) = value, document.tuples[index].count <= 8 else { return nil }
    let found = document.tuples[index].compactMap { element -> Int? in
      if case .int(let number) = element { number } else { nil }
    }
    return found.count == document.tuples[index].count ? found : nil
  }
}
