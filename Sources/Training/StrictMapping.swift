import Yams

/// One mapping of a YAML file, read strictly: a key that is not known is refused with the one that was likely meant,
/// and every error says where it is.
struct StrictMapping {
  /// Where the mapping is, such as `data.training[1]`; empty for the whole file.
  let path: String
  private let values: [String: Node]
  private let mark: Mark?

  /// Reads a mapping that may hold only `keys`.
  init(_ node: Node, path: String, keys: [String]) throws {
    guard let mapping = node.mapping else {
      throw Self.error("\(path.isEmpty ? "the file" : path) must be a mapping of keys to values", node.mark)
    }
    self.path = path
    mark = node.mark
    var values: [String: Node] = [:]
    for (key, value) in mapping {
      let name = key.string ?? "?"
      guard keys.contains(name) else {
        let place = path.isEmpty ? "" : " in \(path)"
        throw Self.error(
          "unknown key \"\(name)\"\(place): did you mean \"\(Self.nearest(to: String(name.prefix(80)), in: keys))\"?",
          key.mark)
      }
      values[name] = value
    }
    self.values = values
  }

  /// Whether a key is there.
  func has(_ key: String) -> Bool { values[key] != nil }

  func node(_ key: String) throws -> Node {
    guard let node = values[key] else { throw Self.error("\(name(key)) is missing", mark) }
    return node
  }

  func mapping(_ key: String, keys: [String]) throws -> StrictMapping {
    try StrictMapping(try node(key), path: name(key), keys: keys)
  }

  func mappings(_ key: String, keys: [String]) throws -> [StrictMapping] {
    try sequence(key).enumerated().map { try StrictMapping($1, path: "\(name(key))[\($0)]", keys: keys) }
  }

  func string(_ key: String, default fallback: String? = nil) throws -> String {
    try value(key, fallback, "text") { $0.scalar?.string }
  }

  func int(_ key: String, in range: ClosedRange<Int>, default fallback: Int? = nil) throws -> Int {
    try value(key, fallback, "a whole number in \(range.lowerBound)...\(range.upperBound)") { node in
      Self.int(node).flatMap { range.contains($0) ? $0 : nil }
    }
  }

  func double(_ key: String, in range: ClosedRange<Double>, default fallback: Double? = nil) throws -> Double {
    try value(key, fallback, "a number in \(range.lowerBound)...\(range.upperBound)") { node in
      Self.double(node).flatMap { range.contains($0) ? $0 : nil }
    }
  }

  func bool(_ key: String, default fallback: Bool? = nil) throws -> Bool {
    try value(key, fallback, "true or false") { $0.bool }
  }

  func choice<T: RawRepresentable & CaseIterable>(_ key: String, default fallback: T? = nil) throws -> T
  where T.RawValue == String {
    let all = T.allCases.map(\.rawValue).joined(separator: ", ")
    return try value(key, fallback, "one of \(all)") { $0.string.flatMap(T.init(rawValue:)) }
  }

  func doubles(_ key: String) throws -> [Double] {
    try list(key, "numbers", Self.double)
  }

  func ints(_ key: String) throws -> [Int] {
    try list(key, "whole numbers", Self.int)
  }

  func strings(_ key: String) throws -> [String] {
    try list(key, "texts") { $0.scalar?.string }
  }

  /// Numbers by name, for parameters whose names another part of the program checks.
  func namedDoubles(_ key: String) throws -> [String: Double] {
    guard has(key) else { return [:] }
    guard let mapping = try node(key).mapping else { throw Self.error("\(name(key)) must be a mapping", mark) }
    var result: [String: Double] = [:]
    for (name, value) in mapping {
      guard let text = name.string, let number = Self.double(value) else {
        throw Self.error("\(self.name(key)).\(name.string ?? "?") must be a number", value.mark)
      }
      result[text] = number
    }
    return result
  }

  /// An error about this mapping's key.
  func error(_ key: String, _ message: String) -> TrainingError {
    Self.error("\(name(key)) \(message)", values[key]?.mark ?? mark)
  }

  private func name(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

  private func sequence(_ key: String) throws -> [Node] {
    guard let sequence = try node(key).sequence else { throw Self.error("\(name(key)) must be a list", mark) }
    return Array(sequence)
  }

  private func list<T>(_ key: String, _ what: String, _ convert: (Node) -> T?) throws -> [T] {
    try sequence(key).map { node in
      guard let value = convert(node) else { throw Self.error("\(name(key)) must be a list of \(what)", node.mark) }
      return value
    }
  }

  private func value<T>(_ key: String, _ fallback: T?, _ what: String, _ convert: (Node) -> T?) throws -> T {
    guard let node = values[key] else {
      if let fallback { return fallback }
      throw Self.error("\(name(key)) is missing: give \(what)", mark)
    }
    guard let value = convert(node) else { throw Self.error("\(name(key)) must be \(what)", node.mark) }
    return value
  }

  // YAML 1.1 has numbers to base 60 (1:30 is 90): nobody means them here, and Yams traps when one is too large.
  private static func isBase60(_ node: Node) -> Bool { node.scalar?.string.contains(":") == true }
  private static func int(_ node: Node) -> Int? { isBase60(node) ? nil : node.int }
  private static func double(_ node: Node) -> Double? { isBase60(node) ? nil : node.float }

  private static func error(_ message: String, _ mark: Mark?) -> TrainingError {
    TrainingError(.configuration, (mark.map { "line \($0.line): " } ?? "") + message)
  }

  /// The known key with the smallest edit distance.
  static func nearest(to name: String, in keys: [String]) -> String {
    keys.min { (distance(name, $0), $0) < (distance(name, $1), $1) } ?? ""
  }

  private static func distance(_ a: String, _ b: String) -> Int {
    let a = Array(a.lowercased()), b = Array(b.lowercased())
    var row = Array(0...b.count)
    for i in a.indices {
      var diagonal = row[0]
      row[0] = i + 1
      for j in b.indices {
        let substituted = diagonal + (a[i] == b[j] ? 0 : 1)
        diagonal = row[j + 1]
        row[j + 1] = min(substituted, row[j] + 1, row[j + 1] + 1)
      }
    }
    return row[b.count]
  }
}
