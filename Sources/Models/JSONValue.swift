/// A JSON document (RFC 8259) as a tree that keeps the order of keys.
///
/// Foundation's readers silently take the last of two equal keys, and a model file with two entries for one tensor
/// must be refused; so this one is strict: no duplicate keys, no trailing text, at most 32 levels.
enum JSONValue: Equatable {
  case null
  case bool(Bool)
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object([Member])

  /// A key and what stands under it.
  struct Member: Equatable {
    let key: String
    let value: JSONValue
  }

  /// What stands under a key of an object.
  subscript(key: String) -> JSONValue? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.key == key }?.value
  }

  /// The number, if it is a whole one that a double holds exactly.
  var integer: Int? {
    guard case .number(let value) = self, value.rounded() == value, abs(value) <= 0x1p53 else { return nil }
    return Int(value)
  }

  /// The elements, if all are whole numbers.
  var integers: [Int]? {
    guard case .array(let elements) = self else { return nil }
    let found = elements.compactMap(\.integer)
    return found.count == elements.count ? found : nil
  }
}

/// What is wrong with a JSON text, and where.
struct JSONError: Error {
  let description: String
}

/// Reads a JSON text from bytes.
struct JSONReader {
  private let bytes: [UInt8]
  private var position = 0

  static func read(_ bytes: [UInt8]) throws(JSONError) -> JSONValue {
    var reader = JSONReader(bytes: bytes)
    let value = try reader.value(depth: 0)
    reader.skipSpace()
    guard reader.position == bytes.count else { throw reader.error("text after the end") }
    return value
  }

  static func read(_ text: String) throws(JSONError) -> JSONValue { try read(Array(text.utf8)) }

  private init(bytes: [UInt8]) { self.bytes = bytes }

  private func error(_ what: String) -> JSONError { JSONError(description: "\(what) at byte \(position)") }

  private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func skipSpace() {
    while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
  }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard next == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
    guard depth <= 32 else { throw error("nested too deeply") }
    skipSpace()
    guard let first = next else { throw error("text ends early") }
    switch first {
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["): return try array(depth: depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    default: return try number()
    }
  }

  private mutating func word(_ text: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
    for offset in 0..<text.utf8CodeUnitCount {
      guard next == text.utf8Start[offset] else { throw error("unknown word") }
      position += 1
    }
    return value
  }

  private mutating func object(depth: Int) throws(JSONError) -> JSONValue {
    position += 1
    var members: [JSONValue.Member] = []
    var seen: Set<String> = []
    skipSpace()
    if take("}") { return .object([]) }
    repeat {
      skipSpace()
      guard next == UInt8(ascii: "\"") else { throw error("key expected") }
      let key = try string()
      guard seen.insert(key).inserted else { throw error("the key \(ModelError.printable(key)) twice, the second") }
      skipSpace()
      guard take(":") else { throw error("colon expected") }
      members.append(JSONValue.Member(key: key, value: try value(depth: depth + 1)))
      skipSpace()
    } while take(",")
    guard take("}") else { throw error("comma or brace expected") }
    return .object(members)
  }

  private mutating func array(depth: Int) throws(JSONError) -> JSONValue {
    position += 1
    var elements: [JSONValue] = []
    skipSpace()
    if take("]") { return .array([]) }
    repeat {
      elements.append(try value(depth: depth + 1))
      skipSpace()
    } while take(",")
    guard take("]") else { throw error("comma or bracket expected") }
    return .array(elements)
  }

  private mutating func number() throws(JSONError) -> JSONValue {
    let start = position
    while let byte = next, "+-.0123456789eE".utf8.contains(byte) { position += 1 }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
    let wellFormed =
      digits.first?.isNumber == true && !(digits.hasPrefix("0") && digits.dropFirst().first?.isNumber == true)
    guard wellFormed, !digits.hasSuffix("."), let value = Double(text), value.isFinite else {
      position = start
      throw error("number or value expected")
    }
    return .number(value)
  }

  private mutating func string() throws(JSONError) -> String {
    position += 1
    var text: [UInt8] = []
    while let byte = next {
      position += 1
      switch byte {
      case UInt8(ascii: "\""):
        guard let decoded = String(validating: text, as: UTF8.self) else { throw error("broken UTF-8") }
        return decoded
      case UInt8(ascii: "\\"): text += try escape()
      case 0..<0x20: throw error("control character")
      default: text.append(byte)
      }
    }
    throw error("text ends inside a string")
  }

  private mutating func escape() throws(JSONError) -> [UInt8] {
    guard let byte = next else { throw error("text ends inside a string") }
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
    case UInt8(ascii: "b"): return [0x08]
    case UInt8(ascii: "f"): return [0x0C]
    case UInt8(ascii: "n"): return [0x0A]
    case UInt8(ascii: "r"): return [0x0D]
    case UInt8(ascii: "t"): return [0x09]
    case UInt8(ascii: "u"):
      var units = [try hexUnit()]
      if UTF16.isLeadSurrogate(units[0]) {
        guard take("\\"), take("u") else { throw error("half a surrogate pair") }
        units.append(try hexUnit())
      }
      guard let text = String(validating: units, as: UTF16.self) else { throw error("half a surrogate pair") }
      return Array(text.utf8)
    default: throw error("unknown escape")
    }
  }

  private mutating func hexUnit() throws(JSONError) -> UInt16 {
    guard position + 4 <= bytes.count else { throw error("text ends inside a string") }
    let text = String(decoding: bytes[position..<position + 4], as: UTF8.self)
    guard text.allSatisfy(\.isHexDigit), let unit = UInt16(text, radix: 16) else { throw error("bad \\u escape") }
    position += 4
    return unit
  }
}
