import DurableFiles
import Foundation

extension ModelCard {
  /// Reads a card strictly: another format version, an unknown key or an impossible value is refused.
  ///
  /// Throws a `ModelError` that says which. `source` names the file in messages.
  public init(json text: String, from source: String) throws {
    func bad(_ what: String) -> ModelError {
      // Names and values of the card stand in messages, whatever is in them.
      let reason = FileError.printable(what, limit: 500)
      return ModelError(.card, "the model card of \(source) cannot be used: \(reason)")
    }
    let tree: JSONValue
    do { tree = try JSONReader.read(text) } catch { throw bad("it is not JSON (\(error.description))") }
    guard let version = tree["formatVersion"]?.integer else { throw bad("it states no formatVersion") }
    guard version == Self.currentFormatVersion else {
      throw bad(
        "it has format \(version), this Pellucid reads \(Self.currentFormatVersion); use the Pellucid that wrote it or a newer one"
      )
    }
    do {
      self = try JSONDecoder().decode(ModelCard.self, from: Data(text.utf8))
    } catch let error as DecodingError {
      throw bad(Self.explain(error))
    }
    let known = try JSONReader.read(json())
    if let unknown = Self.unknownKey(in: tree, known: known, at: "") { throw bad("unknown key \(unknown)") }
    do { try validate() } catch { throw bad(error.description) }
  }

  /// The card as JSON with sorted keys: the same card gives the same text.
  public func json(pretty: Bool = false) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting =
      pretty ? [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted] : [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(self), as: UTF8.self)
  }

  /// The first key in `tree` that writing the decoded card again does not give.
  private static func unknownKey(in tree: JSONValue, known: JSONValue, at path: String) -> String? {
    switch (tree, known) {
    case (.object(let members), .object):
      for member in members where member.value != .null {
        guard let other = known[member.key] else { return ModelError.printable(path + member.key) }
        if let unknown = unknownKey(in: member.value, known: other, at: path + member.key + ".") { return unknown }
      }
      return nil
    case (.array(let elements), .array(let others)):
      for (index, (element, other)) in zip(elements, others).enumerated() {
        if let unknown = unknownKey(in: element, known: other, at: "\(path)\(index).") { return unknown }
      }
      return nil
    default: return nil
    }
  }

  private static func explain(_ error: DecodingError) -> String {
    func path(_ context: DecodingError.Context) -> String {
      context.codingPath.isEmpty ? "the card" : context.codingPath.map(\.stringValue).joined(separator: ".")
    }
    switch error {
    case .keyNotFound(let key, let context):
      return
        "\(ModelError.printable((context.codingPath.map(\.stringValue) + [key.stringValue]).joined(separator: "."))) is missing"
    case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
      return "\(ModelError.printable(path(context))) has a value that does not fit"
    @unknown default: return "it cannot be decoded"
    }
  }
}
