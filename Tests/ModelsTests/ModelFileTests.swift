import DurableFiles
import Foundation
import Models
import NeuralNet
import TensorCore
import TestSupport
import Testing

@Suite struct ModelFileTests {
  private func parameters(_ architecture: UNetConfiguration = Fixtures.tiny) throws -> ParameterSet {
    try UNet(architecture).initialParameters(seed: 5)
  }

  @Test("a model survives the way to the disk and back to the bit") func roundTrip() throws {
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("m.safetensors")
      var card = Fixtures.card(Fixtures.architecture, name: "round-trip")
      card.quality = [QualityRecord(data: "a \"quoted\" \\ name/µ", condition: "dose 1/4", figures: ["psnr": 41.25])]
      card.citation = ["someone, 2024"]
      let weights = try parameters(Fixtures.architecture)
      let digest = try ModelFile.write(card: card, parameters: weights, to: url)
      let back = try ModelFile.read(url)
      #expect(back.card == card)
      #expect(back.parameters == weights)
      #expect(back.sha256 == digest)
      #expect(try ContentDigest.sha256(of: url) == digest)
      #expect(back.storage == ["F32"] && back.warnings.isEmpty)
      #expect(try ModelFile.readCard(url) == card)
    }
  }

  @Test("the same content gives the same bytes") func deterministic() throws {
    try withTemporaryFolder { folder in
      let urls = ["a", "b"].map { folder.appendingPathComponent("\($0).safetensors") }
      for url in urls { try ModelFile.write(card: Fixtures.card(), parameters: parameters(), to: url) }
      #expect(try Data(contentsOf: urls[0]) == Data(contentsOf: urls[1]))
    }
  }

  @Test("float16 halves the file and rounds to eleven bits") func half() throws {
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("m.safetensors")
      var weights = try parameters()
      try ModelFile.write(card: Fixtures.card(), parameters: weights, to: url, precision: .float16)
      let back = try ModelFile.read(url)
      #expect(back.storage == ["F16"])
      #expect(back.byteCount < weights.scalarCount * 2 + 20_000)
      let name = "mid.block_1.conv1.weight"
      let pairs = zip(weights[name].values, back.parameters[name].values)
      #expect(pairs.allSatisfy { abs($0 - $1) <= abs($0) / 2048 + 1e-7 })
      #expect(pairs.contains { $0 != $1 })
      weights["conv_in.bias"][flat: 3] = 70_000
      let error = modelError {
        try ModelFile.write(card: Fixtures.card(), parameters: weights, to: url, precision: .float16)
      }
      #expect(error?.kind == .mismatch && error?.description.contains("conv_in.bias") == true)
      #expect(try ModelFile.read(url).sha256 == back.sha256)
    }
  }

  @Test("the file holds PyTorch's layout") func layout() throws {
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("m.safetensors")
      let weights = try parameters()
      try ModelFile.write(card: Fixtures.card(), parameters: weights, to: url)
      let file = try SafetensorsFile(url)
      #expect(file.entries.map(\.name) == weights.names)
      let tensors = try file.tensors()
      let weight = try #require(tensors["conv_in.weight"])
      let engine = weights["conv_in.weight"]
      #expect(weight.shape == [32, 2, 3, 3] && engine.shape == [3, 3, 2, 32])
      for (o, i, y, x) in [(0, 0, 0, 0), (5, 1, 2, 0), (31, 0, 1, 2)] {
        #expect(weight[flat: ((o * 2 + i) * 3 + y) * 3 + x] == engine[flat: ((y * 3 + x) * 2 + i) * 32 + o])
      }
      let dense = try #require(tensors["temb.dense.0.weight"])
      #expect(dense.shape == [128, 32])
      #expect(dense[flat: 32] == weights["temb.dense.0.weight"][flat: 1])
    }
  }

  @Test("bfloat16 and mixed files are read") func otherPrecisions() throws {
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("m.safetensors")
      let weights = try parameters()
      try ModelFile.write(card: Fixtures.card(), parameters: weights, to: url)
      // conv_out.bias comes last and has one number: 4 bytes become 2.
      var bytes = Array(try Data(contentsOf: url))
      bytes = try SafetensorsText.edit(bytes) { header in
        let last = header.components(separatedBy: "\"conv_out.bias\":")[1]
        let edited = last.replacingOccurrences(of: "F32", with: "BF16")
        let end = Int(last.components(separatedBy: ",").last?.prefix { $0.isNumber } ?? "") ?? 0
        let shorter = edited.replacingOccurrences(of: ",\(end)]", with: ",\(end - 2)]")
        return header.replacingOccurrences(of: last, with: shorter)
      }
      bytes = bytes.dropLast(4) + [0x20, 0xc0]  // 0xC020 is -2.5
      try Data(bytes).write(to: url)
      let back = try ModelFile.read(url)
      #expect(back.storage == ["BF16", "F32"])
      #expect(back.parameters["conv_out.bias"].values == [-2.5])
    }
  }

  @Test("values that are not finite are told") func notFinite() throws {
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("m.safetensors")
      var weights = try parameters()
      weights["norm_out.weight"][flat: 0] = .nan
      weights["conv_out.bias"][flat: 0] = -.infinity
      try ModelFile.write(card: Fixtures.card(), parameters: weights, to: url)
      let warnings = try ModelFile.read(url).warnings
      #expect(warnings.count == 1)
      #expect(warnings.first?.contains("norm_out.weight, conv_out.bias") == true)
    }
  }

  @Test("an existing file stays when it must") func exists() throws {
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("m.safetensors")
      try Data("mine".utf8).write(to: url)
      #expect(throws: FileError.self) {
        try ModelFile.write(card: Fixtures.card(), parameters: parameters(), to: url, ifExists: .fail)
      }
      #expect(try Data(contentsOf: url) == Data("mine".utf8))
    }
  }
}

/// Changes to the header of a `.safetensors` file that keep the rest.
enum SafetensorsText {
  static func edit(_ bytes: [UInt8], _ change: (String) -> String) throws -> [UInt8] {
    let length = (0..<8).reduce(0) { $0 | Int(bytes[$1]) << (8 * $1) }
    let header = Array(change(String(decoding: bytes[8..<8 + length], as: UTF8.self)).utf8)
    return (0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) } + header + bytes[(8 + length)...]
  }
}
