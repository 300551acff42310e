import DurableFiles
import Foundation
import Yams

/// A YAML text as it comes from outside: how large it may be, what is refused before a parser sees it.
enum YAMLText {
  /// Configurations are written by hand; nothing longer is read.
  static let byteLimit = 1 << 20

  /// The text of a file; throws `FileError`, or `ConfigurationError` for what is no text.
  static func read(_ url: URL) throws -> String {
    let name = FileError.printable(url.lastPathComponent)
    let file = try RegularFile(url)
    guard file.byteCount <= byteLimit else {
      throw ConfigurationError(.syntax, file: name, "it is larger than 1 MiB: give a YAML file")
    }
    return try decode(Data(try file.read(at: 0, count: file.byteCount)), file: name)
  }

  /// The text that bytes mean.
  static func decode(_ bytes: Data, file: String?) throws(ConfigurationError) -> String {
    guard bytes.count <= byteLimit, let text = String(bytes: bytes, encoding: .utf8) else {
      throw ConfigurationError(.syntax, file: file, "it is no UTF-8 text of at most 1 MiB: give a YAML file")
    }
    return text
  }

  /// The root of the one document in a text; nil when there is nothing but comments.
  static func compose(_ text: String, file: String?) throws(ConfigurationError) -> Node? {
    if let (line, word) = anchor(in: text) {
      throw ConfigurationError(
        .syntax, file: file, line: line,
        "anchors and aliases such as \(word) are not read, and no word may begin so, not even inside a longer text or a "
          + "comment: write the value out; a text that begins so goes in quotes")
    }
    do {
      return try Yams.compose(yaml: text).flatMap { $0.null == nil ? $0 : nil }
    } catch {
      let (line, problem) = meaning(of: error)
      throw ConfigurationError(.syntax, file: file, line: line, "not YAML: \(problem)")
    }
  }

  /// The first word that a parser could take for an anchor or an alias, wherever it stands.
  ///
  /// Aliases of aliases cost a YAML reader hours, and no configuration needs them. Whether such a word is inside a
  /// comment or a quoted text is not asked: to know that for certain is to be a parser.
  private static func anchor(in text: String) -> (line: Int, word: String)? {
    let scalars = Array(text.unicodeScalars)
    var line = 1
    for i in scalars.indices {
      if scalars[i] == "\n" { line += 1 }
      guard scalars[i] == "&" || scalars[i] == "*", i + 1 < scalars.count, isWord(scalars[i + 1]) else { continue }
      guard i == 0 || opens(scalars[i - 1]) else { continue }
      let word = scalars[i...].prefix(24).enumerated().prefix { $0 == 0 || isWord($1) }.map { Character($1) }
      return (line, String(word))
    }
    return nil
  }

  private static func isWord(_ scalar: Unicode.Scalar) -> Bool {
    scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar)) || scalar == "_" || scalar == "-"
  }

  /// Whether a new value may begin after a character.
  private static func opens(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.isWhitespace || ",[{:?\u{FEFF}\u{85}".unicodeScalars.contains(scalar)
  }

  private static func meaning(of error: any Error) -> (line: Int?, problem: String) {
    switch error as? YamlError {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      return (mark.line, problem)
    case .duplicatedKeysInMapping(let names, let context):
      let shown = names.prefix(3).map { "\"\(FileError.printable($0))\"" }.joined(separator: ", ")
      return (context.mark.line, "\(shown) stands there twice")
    case .reader(let problem, let offset, _, let yaml):
      return (offset.map { 1 + yaml.prefix($0).count(where: \.isNewline) }, problem)
    default:
      return (nil, "\(error)".split(whereSeparator: \.isNewline).first.map(String.init) ?? "it cannot be read")
    }
  }
}
