import Foundation
import Models
import NeuralNet
import TensorCore
import Testing

@Suite("Groups of a network's normalisations") struct NormGroupsTests {
  private func architecture(_ groups: Int?) -> UNetConfiguration {
    UNetConfiguration(
      inputChannels: 2, baseChannels: 32, channelMultipliers: [1], residualBlocks: 1, bottleneckAttention: false,
      normGroups: groups)
  }

  @Test("divisors of 32 only")
  func refused() throws {
    for groups in [1, 2, 4, 8, 16, 32] { _ = try UNet(architecture(groups)) }
    for groups in [0, 3, 64, -1] {
      #expect { try UNet(architecture(groups)) } throws: {
        ($0 as? ModelError)?.kind == .card && "\($0)".contains("normGroups")
      }
    }
  }

  @Test("a card keeps them, and says nothing where they are the published network's")
  func card() throws {
    let eight = try JSONEncoder().encode(Fixtures.card(architecture(8)))
    #expect(try JSONDecoder().decode(ModelCard.self, from: eight).architecture.normGroups == 8)
    let published = String(decoding: try JSONEncoder().encode(Fixtures.card(architecture(nil))), as: UTF8.self)
    #expect(!published.contains("normGroups"))
  }

  @Test("a group of one channel takes an image's mean out of all that follows, a group of four does not")
  func means() throws {
    /// The greatest difference that a constant in all of the condition makes to what the network says.
    func difference(_ groups: Int?) throws -> Float {
      let network = try UNet(architecture(groups))
      let model = try PackedModel(
        card: Fixtures.card(architecture(groups)), parameters: network.initialParameters(seed: 4))
      let x = Tensor((0..<16 * 16).map { Float(($0 * 37) % 101) / 50 - 1 }, shape: [1, 16, 16, 1])
      func said(_ constant: Float) throws -> [Float] {
        let condition = Tensor(repeating: constant, shape: [1, 16, 16, 1])
        // Away from the edges, where zeros beyond the image tell a constant from nothing.
        return model.evaluate([condition, x], label: 99).values.enumerated()
          .filter { (7...8).contains($0.offset / 16) && (7...8).contains($0.offset % 16) }.map(\.element)
      }
      return zip(try said(0.1), try said(0.9)).map { abs($0 - $1) }.max() ?? 0
    }
    let (one, four) = (try difference(32), try difference(8))
    #expect(try difference(nil) == one)
    #expect(four > 2 * one && four > 1e-4, "\(one) and \(four)")
  }
}
