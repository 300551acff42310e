import Models
import TensorCore
import Testing

/// What a network will take, worked out from shapes, against what it takes.
@Suite struct EvaluationPlanTests {
  struct Case: Sendable, CustomStringConvertible {
    var multipliers: [Int]
    var blocks = 1
    var attention: [Int] = []
    var bottleneck = true
    var conditions = 1
    var batch = 1
    var rows: Int
    var columns: Int
    var threads = 2

    var architecture: UNetConfiguration {
      UNetConfiguration(
        inputChannels: conditions + 1, baseChannels: 32, channelMultipliers: multipliers, residualBlocks: blocks,
        attentionLevels: attention, bottleneckAttention: bottleneck)
    }
    var description: String {
      "\(multipliers), \(blocks) blocks, attention \(attention), \(batch) x \(rows) x \(columns), \(threads) threads"
    }
  }

  static let cases = [
    Case(multipliers: [1], bottleneck: false, rows: 8, columns: 8, threads: 1),
    Case(multipliers: [1, 2], attention: [1], rows: 16, columns: 24),
    Case(multipliers: [2, 1, 3], blocks: 2, bottleneck: false, batch: 3, rows: 20, columns: 12, threads: 3),
    Case(multipliers: [1, 2, 2], blocks: 2, conditions: 2, batch: 2, rows: 64, columns: 48),
    // Large enough for whole blocks on each thread, and for images beyond the pool's finest sizes.
    Case(multipliers: [1, 1], rows: 104, columns: 88),
  ]

  @Test("an evaluation takes the bytes that were planned, all of them", arguments: cases)
  func evaluation(_ c: Case) throws {
    let network = try UNet(c.architecture)
    let model = try PackedModel(card: Fixtures.card(c.architecture), parameters: network.initialParameters(seed: 1))
    let parts = [c.conditions, 1].map { Tensor(repeating: 0.5, shape: [c.batch, c.rows, c.columns, $0]) }
    Parallel.using(threads: c.threads) {
      let planned = network.evaluationBytes(batch: c.batch, rows: c.rows, columns: c.columns)
      // What depends on the label alone is computed once, before.
      _ = model.evaluate(parts, label: 7)
      let (_, once) = ComputeBackend.peakTensorBytes { model.evaluate(parts, label: 7) }
      #expect(planned == once)
      let (_, often) = ComputeBackend.peakTensorBytes {
        for _ in 0..<4 { _ = model.evaluate(parts, label: 7) }
      }
      #expect(often == once, "later evaluations must find what they need")
    }
  }

  @Test("packed parameters have the bytes that were planned, on every instruction set", arguments: cases)
  func parameters(_ c: Case) throws {
    let network = try UNet(c.architecture)
    let parameters = network.initialParameters(seed: 1)
    for set in ComputeBackend.InstructionSet.allCases {
      try ComputeBackend.using(set) {
        let model = try PackedModel(card: Fixtures.card(c.architecture), parameters: parameters)
        #expect(model.byteCount == network.packedByteCount)
      }
    }
  }

  @Test("the published network takes about what can be counted by hand")
  func published() throws {
    let network = try UNet(.published(conditions: 1))
    // Six images of 256 × 256 × 128 at a time, in the first block of the last level: what it reads, three that wait for
    // the way up, the first convolution's result and the shortcut. All that is smaller makes less than half of that.
    let planned = network.evaluationBytes(batch: 1, rows: 256, columns: 256)
    #expect(planned > 6 << 25 && planned < 9 << 25)
    // Half the extents, a quarter of the images.
    #expect(network.evaluationBytes(batch: 1, rows: 128, columns: 128) < planned / 3)
    // A group of tensors as they stand in the file comes on top, and copies of the largest.
    let (packed, read) = (network.packedByteCount, network.readingByteCount)
    #expect(read > packed + (64 << 20) && read < packed + (64 << 20) + Parallel.threadCount * (20 << 20))
  }
}
