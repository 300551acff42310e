import DurableFiles
public import Foundation
import Yams

/// One mapping of a YAML file, read strictly: a key that is not known is refused with the one that was likely meant,
/// and every error says where it is.
///
/// All that throws throws `ConfigurationError`. Numbers are decimal: no octal, no sexagesimal, no infinity.
public struct StrictMapping {
  /// Where the mapping is, such as `data.training[1]`; empty for the whole file.
  public let path: String
  /// The file's name in errors.
  public let file: String?
  private let values: [String: Node]
  private let mark: Mark?

  /// Reads a text, a mapping that may hold only `keys`; a text without content is a mapping without keys.
  public init(yaml text: String, file: String? = nil, keys: [String]) throws(ConfigurationError) {
    try self.init(YAMLText.compose(text, file: file), path: "", file: file, keys: keys)
  }

  /// Reads bytes that must be UTF-8; otherwise as a text.
  public init(yaml bytes: Data, file: String? = nil, keys: [String]) throws(ConfigurationError) {
    try self.init(yaml: YAMLText.decode(bytes, file: file), file: file, keys: keys)
  }

  /// Reads a file of at most 1 MiB; throws `FileError` too.
  public init(contentsOf url: URL, keys: [String]) throws {
    try self.init(yaml: YAMLText.read(url), file: FileError.printable(url.lastPathComponent), keys: keys)
  }

  /// The text of a configuration file, for who keeps it; throws `FileError` and `ConfigurationError`.
  public static func text(of url: URL) throws -> String { try YAMLText.read(url) }

  /// The keys of a file whatever they are, for who has to find out what kind of file it is.
  public static func topLevelKeys(of url: URL) throws -> [String] {
    let name = FileError.printable(url.lastPathComponent)
    guard let root = try YAMLText.compose(YAMLText.read(url), file: name) else { return [] }
    guard let mapping = root.mapping else {
      throw ConfigurationError(
        .syntax, file: name, line: root.mark?.line, "the file must be a mapping of keys to values")
    }
    return mapping.compactMap { $0.key.string }
  }

  private init(_ node: Node?, path: String, file: String?, keys: [String]) throws(ConfigurationError) {
    self.path = path
    self.file = file
    mark = node?.mark
    guard node == nil || node?.mapping != nil else {
      let what = path.isEmpty ? "the file" : path
      throw ConfigurationError(
        .syntax, file: file, line: mark?.line, "\(what) must be a mapping of keys to values")
    }
    var values: [String: Node] = [:]
    for (key, value) in node?.mapping ?? [:] {
      let name = key.string ?? "?"
      guard keys.contains(name) else {
        let place = path.isEmpty ? "" : " in \(path)"
        throw ConfigurationError(
          .unknownKey, file: file, line: key.mark?.line,
          "unknown key \"\(Self.shown(name))\"\(place): did you mean \"\(NearestName.nearest(to: name, in: keys))\"?")
      }
      values[name] = value
    }
    self.values = values
  }

  // MARK: What is there

  /// Whether a key is there.
  public func has(_ key: String) -> Bool { values[key] != nil }

  /// The line of a key's value, from 1.
  public func line(of key: String) -> Int? { values[key]?.mark?.line }

  /// What `read` makes of a key that is there; nil where it is not.
  public func optional<T>(_ key: String, _ read: (String) throws -> T) rethrows -> T? {
    has(key) ? try read(key) : nil
  }

  // MARK: One value

  /// A text in quotes or without, on one line.
  public func string(_ key: String, default fallback: String? = nil) throws(ConfigurationError) -> String {
    try value(key, fallback, "text") { Self.text($0) }
  }

  /// What `convert` makes of a text; `what` ends "KEY must be …".
  public func parsed<T>(
    _ key: String, as what: String, default fallback: T? = nil, _ convert: (String) -> T?
  ) throws(ConfigurationError) -> T {
    try value(key, fallback, what) { Self.text($0).flatMap(convert) }
  }

  /// A whole number within a range.
  public func int<T: FixedWidthInteger>(
    _ key: String, in range: ClosedRange<T>, default fallback: T? = nil
  ) throws(ConfigurationError) -> T {
    try value(key, fallback, "a whole number in \(range.lowerBound)...\(range.upperBound)") { node in
      Self.whole(node).flatMap { range.contains($0) ? $0 : nil }
    }
  }

  /// A number within a range.
  public func double(
    _ key: String, in range: ClosedRange<Double>, default fallback: Double? = nil
  ) throws(ConfigurationError) -> Double {
    try value(key, fallback, "a number in \(range.lowerBound)...\(range.upperBound)") { node in
      Self.number(node).flatMap { range.contains($0) ? $0 : nil }
    }
  }

  /// True or false.
  public func bool(_ key: String, default fallback: Bool? = nil) throws(ConfigurationError) -> Bool {
    try value(key, fallback, "true or false") { $0.bool }
  }

  /// One of the texts of an enumeration.
  public func choice<T: RawRepresentable & CaseIterable>(
    _ key: String, default fallback: T? = nil
  ) throws(ConfigurationError) -> T where T.RawValue == String {
    let all = T.allCases.map(\.rawValue).joined(separator: ", ")
    return try value(key, fallback, "one of \(all)") { Self.text($0).flatMap(T.init(rawValue:)) }
  }

  // MARK: Several values

  /// A mapping inside this one.
  public func mapping(_ key: String, keys: [String]) throws(ConfigurationError) -> StrictMapping {
    try StrictMapping(node(key), path: name(key), file: file, keys: keys)
  }

  /// A list of mappings.
  public func mappings(_ key: String, keys: [String]) throws(ConfigurationError) -> [StrictMapping] {
    var mappings: [StrictMapping] = []
    for (i, node) in try sequence(key).enumerated() {
      mappings.append(try StrictMapping(node, path: "\(name(key))[\(i)]", file: file, keys: keys))
    }
    return mappings
  }

  /// A list of numbers.
  public func doubles(_ key: String) throws(ConfigurationError) -> [Double] { try list(key, "numbers", Self.number) }

  /// A list of whole numbers.
  public func ints(_ key: String) throws(ConfigurationError) -> [Int] { try list(key, "whole numbers", Self.whole) }

  /// A list of texts.
  public func strings(_ key: String) throws(ConfigurationError) -> [String] { try list(key, "texts", Self.text) }

  /// A list of texts of an enumeration.
  public func choices<T: RawRepresentable & CaseIterable>(_ key: String) throws(ConfigurationError) -> [T]
  where T.RawValue == String {
    let all = T.allCases.map(\.rawValue).joined(separator: ", ")
    return try list(key, "any of \(all)") { Self.text($0).flatMap(T.init(rawValue:)) }
  }

  /// Numbers by name, for parameters whose names another part of the program checks.
  public func namedDoubles(_ key: String) throws(ConfigurationError) -> [String: Double] {
    guard has(key) else { return [:] }
    guard let mapping = try node(key).mapping else { throw error(key, "must be a mapping") }
    var result: [String: Double] = [:]
    for (name, value) in mapping {
      guard let text = name.string, let number = Self.number(value) else {
        let place = "\(self.name(key)).\(Self.shown(name.string ?? "?"))"
        throw ConfigurationError(.value, file: file, line: value.mark?.line, "\(place) must be a number")
      }
      result[text] = number
    }
    return result
  }

  // MARK: Errors

  /// An error about this mapping's key: "KEY MESSAGE".
  public func error(_ key: String, _ message: String) -> ConfigurationError {
    ConfigurationError(.value, file: file, line: (values[key]?.mark ?? mark)?.line, "\(name(key)) \(message)")
  }

  /// An error about this mapping as a whole.
  public func error(_ message: String) -> ConfigurationError {
    ConfigurationError(.value, file: file, line: mark?.line, message)
  }

  // MARK: Inside

  private func name(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

  private func node(_ key: String) throws(ConfigurationError) -> Node {
    guard let node = values[key] else { throw missing(key) }
    return node
  }

  private func sequence(_ key: String) throws(ConfigurationError) -> [Node] {
    guard let sequence = try node(key).sequence else { throw error(key, "must be a list") }
    return Array(sequence)
  }

  private func list<T>(_ key: String, _ what: String, _ convert: (Node) -> T?) throws(ConfigurationError) -> [T] {
    var list: [T] = []
    for node in try sequence(key) {
      guard let value = convert(node) else {
        throw ConfigurationError(.value, file: file, line: node.mark?.line, "\(name(key)) must be a list of \(what)")
      }
      list.append(value)
    }
    return list
  }

  private func value<T>(
    _ key: String, _ fallback: T?, _ what: String, _ convert: (Node) -> T?
  ) throws(ConfigurationError) -> T {
    guard let node = values[key] else {
      if let fallback { return fallback }
      throw missing(key, ": give \(what)")
    }
    guard let value = convert(node) else { throw error(key, "must be \(what)") }
    return value
  }

  private func missing(_ key: String, _ remedy: String = "") -> ConfigurationError {
    ConfigurationError(.missingKey, file: file, line: mark?.line, "\(name(key)) is missing\(remedy)")
  }

  private static func text(_ node: Node) -> String? { node.null == nil ? node.scalar?.string : nil }

  private static func whole<T: FixedWidthInteger>(_ node: Node) -> T? {
    guard let text = plain(node), text.wholeMatch(of: /[-+]?(0|[1-9][0-9]*)/) != nil else { return nil }
    return T(text)
  }

  private static func number(_ node: Node) -> Double? {
    guard let text = plain(node), text.wholeMatch(of: /[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?/) != nil
    else { return nil }
    return Double(text).flatMap { $0.isFinite ? $0 : nil }
  }

  /// The text of a scalar without quotes.
  private static func plain(_ node: Node) -> String? {
    guard let scalar = node.scalar, scalar.style == .plain || scalar.style == .any else { return nil }
    return scalar.string
  }

  private static func shown(_ name: String) -> String { FileError.printable(String(name.prefix(64))) }
}
