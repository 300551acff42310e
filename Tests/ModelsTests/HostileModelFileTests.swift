import Foundation
import Models
import NeuralNet
import TensorCore
import TestSupport
import Testing

/// Model files that are damaged or lie about themselves.
@Suite struct HostileModelFileTests {
  private static let whole: [UInt8] = {
    (try? withTemporaryFolder { folder -> [UInt8] in
      let url = folder.appendingPathComponent("m.safetensors")
      try ModelFile.write(
        card: Fixtures.card(), parameters: UNet(Fixtures.tiny).initialParameters(seed: 1), to: url, precision: .float16)
      return Array(try Data(contentsOf: url))
    }) ?? []
  }()

  private func error(_ bytes: [UInt8]) throws -> ModelError? {
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("m.safetensors")
      try Data(bytes).write(to: url)
      return modelError { _ = try ModelFile.read(url) }
    }
  }

  private func edited(_ old: String, _ new: String) throws -> ModelError? {
    let bytes = try SafetensorsText.edit(Self.whole) { header in
      #expect(header.contains(old), "the test edits nothing: \(old)")
      return header.replacingOccurrences(of: old, with: new)
    }
    return try error(bytes)
  }

  @Test("the file that the others are made from is good") func good() throws {
    #expect(try error(Self.whole) == nil)
  }

  @Test("headers that cannot be right are refused") func headers() throws {
    #expect(try error([])?.kind == .corrupt)
    #expect(try error([1, 2, 3])?.kind == .corrupt)
    #expect(try error([UInt8](repeating: 0xff, count: 64))?.kind == .corrupt)
    #expect(try error([2, 0, 0, 0, 0, 0, 0, 0] + Array("[]".utf8))?.kind == .corrupt)
    #expect(try error([2, 0, 0, 0, 0, 0, 0, 0] + Array("{}".utf8))?.kind == .card)
    #expect(try error([3, 0, 0, 0, 0, 0, 0, 0] + Array("{}".utf8))?.kind == .corrupt)
    #expect(try error(Array("PK\u{3}\u{4} a zip archive, not a model".utf8))?.kind == .corrupt)
    let deep = [UInt8](repeating: UInt8(ascii: "["), count: 100_000)
    #expect(try error((0..<8).map { UInt8(truncatingIfNeeded: deep.count >> (8 * $0)) } + deep)?.kind == .corrupt)
  }

  @Test("a file cut short or too long is refused") func length() throws {
    for length in [4, 8, 100, 3000, Self.whole.count / 2, Self.whole.count - 1] {
      #expect(try error(Array(Self.whole[..<length]))?.kind == .corrupt, "\(length)")
    }
    #expect(try error(Self.whole + [0])?.kind == .corrupt)
  }

  @Test("entries that overlap, leave gaps or do not add up are refused") func entries() throws {
    let first = "\"shape\":[128,32],\"data_offsets\":[0,8192]"
    let second = "\"shape\":[128],\"data_offsets\":[8192,8448]"
    #expect(try edited(second, "\"shape\":[128],\"data_offsets\":[0,256]")?.kind == .corrupt)
    #expect(try edited(first, "\"shape\":[128,32],\"data_offsets\":[8192,0]")?.kind == .corrupt)
    #expect(try edited(first, "\"shape\":[128,32],\"data_offsets\":[-1,8191]")?.kind == .corrupt)
    #expect(try edited(first, "\"shape\":[128,32],\"data_offsets\":[0,8194]")?.kind == .corrupt)
    #expect(try edited(first, "\"shape\":[128,31],\"data_offsets\":[0,8192]")?.kind == .corrupt)
    #expect(try edited(first, "\"shape\":[-128,-32],\"data_offsets\":[0,8192]")?.kind == .corrupt)
    #expect(try edited(first, "\"shape\":[128.5,32],\"data_offsets\":[0,8192]")?.kind == .corrupt)
    #expect(try edited(first, "\"shape\":[4611686018427387904,4],\"data_offsets\":[0,8192]")?.kind == .corrupt)
    #expect(try edited(first, "\"shape\":[128,32],\"data_offsets\":[0,1e300]")?.kind == .corrupt)
    #expect(try edited(first, "\"shape\":[32,128],\"data_offsets\":[0,8192]")?.kind == .mismatch)
    #expect(try edited(first, "\"shape\":[128,32],\"data_offsets\":[0,8192],\"more\":1")?.kind == .corrupt)
    #expect(try edited("\"conv_out.bias\"", "\"conv_in.bias\"")?.kind == .corrupt)
    #expect(
      try edited("\"temb.dense.0.bias\":{\"dtype\":\"F16\"", "\"temb.dense.0.bias\":{\"dtype\":\"F8\"")?.kind
        == .corrupt)
    #expect(
      try edited("\"temb.dense.0.bias\":{\"dtype\":\"F16\"", "\"temb.dense.0.bias\":{\"dtype\":\"I16\"")?.kind
        == .mismatch)
  }

  @Test("texts that could steer a terminal or turn a line round are refused") func texts() throws {
    for text in ["\u{1B}[31mred", "two\nlines", "\u{202E}turned", "\u{9B}31m"] {
      for change in [
        { $0.licence = text }, { $0.citation = [text] }, { $0.version = text },
        { $0.degradation = DegradationRecord(kind: text, levels: [], parameters: [:]) },
        { $0.degradation = DegradationRecord(kind: "rician", levels: [0.1], parameters: [text: 1]) },
      ]
        as [(inout ModelCard) -> Void]
      {
        var card = Fixtures.card(Fixtures.tiny)
        change(&card)
        #expect(throws: ModelError.self) { try card.validate() }
      }
    }
  }

  @Test("tensors of another network are named") func network() throws {
    let renamed = try edited("\"conv_out.bias\"", "\"conv_out.offset\"")
    #expect(renamed?.kind == .mismatch)
    #expect(renamed?.description.contains("missing: conv_out.bias") == true)
    #expect(renamed?.description.contains("not in the network: conv_out.offset") == true)
  }

  @Test("cards that are damaged, unknown or impossible are refused and say why") func cards() throws {
    let cases: [(String, String, String)] = [
      ("\\\"formatVersion\\\":1", "\\\"formatVersion\\\":2", "format 2"),
      ("\\\"formatVersion\\\":1,", "", "formatVersion"),
      ("\\\"task\\\":\\\"denoise\\\"", "\\\"task\\\":\\\"colourise\\\"", "task"),
      ("\\\"task\\\":\\\"denoise\\\"", "\\\"task\\\":\\\"super-resolve\\\"", "super-resolve"),
      ("\\\"version\\\":\\\"1\\\"", "\\\"version\\\":1", "version"),
      ("\\\"version\\\":\\\"1\\\"", "\\\"version\\\":\\\"1\\\",\\\"colour\\\":2", "colour"),
      ("\\\"skip\\\":\\\"none\\\"", "\\\"skip\\\":\\\"none\\\",\\\"skips\\\":2", "prediction.skips"),
      ("\\\"betaStart\\\":0.0001", "\\\"betaStart\\\":-1", "betas"),
      ("\\\"name\\\":\\\"linear\\\"", "\\\"name\\\":\\\"lineal\\\"", "lineal"),
      ("[0,99,", "[99,0,", "ascending"),
      ("\\\"name\\\":\\\"linear\\\"", "\\\"name\\\":\\\"li\\\\near\\\"", "li\\u{a}ear"),
      ("899,999]", "899,1000]", "labelSet"),
      ("\\\"baseChannels\\\":32", "\\\"baseChannels\\\":33", "baseChannels"),
      ("\\\"baseChannels\\\":32", "\\\"baseChannels\\\":9999999999999", "baseChannels"),
      ("\\\"high\\\":1000,\\\"low\\\":-1000", "\\\"high\\\":-1000,\\\"low\\\":1000", "window"),
      (
        "\\\"kind\\\":\\\"noise\\\",\\\"residualScale\\\":1", "\\\"kind\\\":\\\"noise\\\",\\\"residualScale\\\":2",
        "data prediction"
      ),
      ("\\\"name\\\":\\\"test\\\"", "\\\"name\\\":\\\"../test\\\"", "name"),
      ("\"pellucid\":", "\"other\":", "no Pellucid model card"),
    ]
    for (old, new, expected) in cases {
      let found = try edited(old, new)
      #expect(found?.kind == .card, "\(new)")
      #expect(found?.description.contains(expected) == true, "\(new): \(found?.description ?? "accepted")")
    }
  }

  @Test("no flipped bit in the header makes anything worse than an error") func flips() throws {
    let random = PhiloxRandomSource(seed: 9, stream: 0)
    for trial in 0..<150 {
      var bytes = Self.whole
      bytes[random.integer(below: 4000, at: UInt64(2 * trial))] ^=
        1 << random.integer(below: 8, at: UInt64(2 * trial + 1))
      try withTemporaryFolder { folder in
        let url = folder.appendingPathComponent("m.safetensors")
        try Data(bytes).write(to: url)
        do { _ = try ModelFile.read(url) } catch { #expect(error is ModelError) }
      }
    }
  }
}
