import Configuration
import DurableFiles
import Foundation
import TestSupport
import Testing

@Suite("A mapping is read strictly")
struct StrictMappingTests {
  private static let keys = ["name", "count", "ratio", "on", "list", "inner"]

  @Test func `values of every type are read`() throws {
    let map = try StrictMapping(
      yaml: "name: 'a b'\ncount: -3\nratio: 1.5e2\non: false\nlist: [1, 2]\ninner: {count: 18446744073709551615}\n",
      keys: Self.keys)
    #expect(try map.string("name") == "a b")
    #expect(try map.int("count", in: -5...5) == -3)
    #expect(try map.double("ratio", in: 0...1000) == 150)
    #expect(try map.bool("on") == false)
    #expect(try map.ints("list") == [1, 2] && map.doubles("list") == [1, 2] && map.strings("list") == ["1", "2"])
    #expect(try map.mapping("inner", keys: ["count"]).int("count", in: 0...UInt64.max) == .max)
    #expect(map.line(of: "on") == 4 && map.line(of: "nothing") == nil && !map.has("nothing"))
  }

  @Test(
    "what is no number, or not written as one is written, is refused",
    arguments: [
      "010", "0x10", "1:30", "1_0", "'1'", "1.0", ".inf", "9223372036854775808", "9223372036854775807:59", "",
    ])
  func noWholeNumber(text: String) {
    let error = refusal {
      _ = try StrictMapping(yaml: "on: true\ncount: \(text)\n", keys: Self.keys).int("count", in: 0...Int.max)
    }
    #expect(
      error?.kind == .value && error?.line == 2 && error?.reason.hasPrefix("count must be a whole number") == true)
  }

  @Test(
    "infinities and sexagesimals are no numbers", arguments: [".inf", ".nan", "1:30.5", "1e999", "0x1p4", "~", "'1'"])
  func noNumber(text: String) {
    #expect(
      refusal { _ = try StrictMapping(yaml: "ratio: \(text)", keys: Self.keys).double("ratio", in: -1e308...1e308) }?
        .kind
        == .value)
    #expect(
      refusal { _ = try StrictMapping(yaml: "list: [0, \(text)]", keys: Self.keys).doubles("list") }?.kind == .value)
  }

  @Test func `a key that is not known is refused with the nearest one, its line and its place`() {
    let top = refusal { _ = try StrictMapping(yaml: "# a\nnmae: x\n", file: "f.yaml", keys: Self.keys) }
    #expect(top?.kind == .unknownKey)
    #expect(top?.description == "f.yaml: line 2: unknown key \"nmae\": did you mean \"name\"?")
    let inner = refusal {
      _ = try StrictMapping(yaml: "inner:\n  a: 1\n  Cuont: 2\n", keys: Self.keys).mapping(
        "inner", keys: ["a", "count"])
    }
    #expect(inner?.description == "line 3: unknown key \"Cuont\" in inner: did you mean \"count\"?")
  }

  @Test func `a missing key is told with the line where its mapping begins`() {
    let error = refusal {
      _ = try StrictMapping(yaml: "name: x\ninner:\n  a: 1\n", keys: Self.keys).mapping("inner", keys: ["a", "b"])
        .string("b")
    }
    #expect(error?.description == "line 3: inner.b is missing: give text" && error?.kind == .missingKey)
  }

  @Test func `an empty text or comments alone have no keys`() throws {
    for text in ["", "\n# nothing\n", "---\n"] {
      let map = try StrictMapping(yaml: text, keys: Self.keys)
      #expect(!map.has("name"))
      #expect(refusal { _ = try map.string("name") }?.kind == .missingKey)
    }
  }

  static let broken: [(text: String, line: Int, says: String)] = [
    ("name: x\nname: y\n", 1, "twice"), ("a: [1\n", 2, "not YAML"), ("name: x\n\tcount: 1\n", 2, "not YAML"),
    ("- 1\n- 2\n", 1, "mapping"), ("name: x\n---\nname: y\n", 2, "not YAML"),
    ("name: x\ncount: &a 1\n", 2, "&a"), ("name: x\nlist: [*a]\n", 2, "*a"), ("? &- name\n: x\n", 1, "&-"),
    ("\u{FEFF}&a {}", 1, "&a"), ("name: \u{0}", 1, "not YAML"),
  ]

  @Test("what is no mapping in plain YAML is refused with its line", arguments: broken.indices)
  func syntax(index: Int) {
    let (text, line, says) = Self.broken[index]
    let error = refusal { _ = try StrictMapping(yaml: text, keys: Self.keys) }
    #expect(error?.kind == .syntax && error?.reason.contains(says) == true, "\(error?.description ?? "")")
    #expect(error?.line == line, "\(error?.description ?? "")")
  }

  @Test func `stars in quotes are no aliases`() throws {
    let map = try StrictMapping(yaml: "list: [\"*.nii\", '*_ct.png', \"a-*b\", x*y]\n", keys: Self.keys)
    #expect(try map.strings("list") == ["*.nii", "*_ct.png", "a-*b", "x*y"])
  }

  @Test func `a text of other bytes, or too long, is refused before it is parsed`() throws {
    #expect(refusal { _ = try StrictMapping(yaml: Data([0x61, 0xFF]), keys: []) }?.kind == .syntax)
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("long.yaml")
      try Data(repeating: UInt8(ascii: "#"), count: 1 << 20 + 1).write(to: url)
      #expect(refusal { _ = try StrictMapping(contentsOf: url, keys: []) }?.file == "long.yaml")
      #expect(throws: FileError.self) { try StrictMapping(contentsOf: folder.appendingPathComponent("no"), keys: []) }
    }
  }

  @Test func `deep nesting ends in an error and not in a crash`() {
    for text in [String(repeating: "[", count: 100_000), String(repeating: "- ", count: 100_000)] {
      #expect(refusal { _ = try StrictMapping(yaml: text, keys: []) }?.kind == .syntax)
    }
  }

  @Test func `the keys of any file can be asked for`() throws {
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("f.yaml")
      try Data("b: 1\na: {c: 2}\n".utf8).write(to: url)
      #expect(try StrictMapping.topLevelKeys(of: url) == ["b", "a"])
    }
  }
}
