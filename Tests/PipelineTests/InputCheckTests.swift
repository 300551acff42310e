import Models
import TensorCore
import Testing
import Volumes

@testable import Pipeline

private func ct(_ values: [Float]? = nil, spacing: [Double] = [0.7, 0.7, 2.5]) -> Volume {
  testVolume(values ?? scrambled(8 * 8 * 2), columns: 8, rows: 8, slices: 2, spacing: spacing)
}
private let ctCard = testCard(
  envelope: InputEnvelope(modality: "CT", inPlaneSpacing: [0.5, 1], sliceSpacing: [1, 5], size: [8, 512]))

@Suite("Input check") struct InputCheckTests {
  @Test("an input inside the envelope passes without remark")
  func inside() throws { #expect(try InputCheck(ct(), for: ctCard).isInside) }

  @Test(
    "spacing outside is warned about, beyond twice or half of it refused",
    arguments: [
      ([0.4, 0.7, 2.5], 1, 0), ([0.7, 0.2, 2.5], 0, 1), ([2.1, 0.7, 2.5], 0, 1), ([0.7, 0.7, 9], 1, 0),
      ([0.7, 0.7, 11], 0, 1),
    ])
  func spacing(spacing: [Double], warnings: Int, refusals: Int) throws {
    let check = try InputCheck(ct(spacing: spacing), for: ctCard)
    #expect(check.warnings.count == warnings && check.refusals.count == refusals)
  }

  @Test("an unusual size is a remark")
  func size() throws {
    let check = try InputCheck(testVolume(scrambled(16), columns: 4, rows: 4, slices: 1), for: ctCard)
    #expect(check.refusals.isEmpty && check.warnings.count == 2)
  }

  @Test("values that are no HU are refused by a CT model, and HU by an MR model")
  func modality() throws {
    let positive = scrambled(128).map { abs($0) }
    #expect(try InputCheck(ct(positive), for: ctCard).refusals.count == 1)
    // HU in thousands, or a PET image that fell below zero here and there.
    let other = try InputCheck(ct(scrambled(128).map { $0 / 1000 }), for: ctCard)
    #expect(other.refusals.count == 1 && other.refusals[0].contains("another unit"))
    let mr = testCard(intensity: .percentiles(low: 0.5, high: 99.5), envelope: InputEnvelope(modality: "MR"))
    #expect(try InputCheck(ct(), for: mr).refusals.count == 1)
    #expect(try InputCheck(ct(positive), for: mr).isInside)
    // The full range of a container is no physical unit, so nothing can be told from it.
    let image = testCard(intensity: .fullRange, envelope: InputEnvelope(modality: "CT"))
    #expect(try InputCheck(ct(positive), for: image).isInside)
  }

  @Test("voxels that are no numbers are counted and refused, and so is a constant volume")
  func voxels() throws {
    var values = scrambled(128)
    values[3] = .nan
    values[77] = -.infinity
    #expect { try InputCheck(ct(values), for: ctCard) } throws: {
      ($0 as? PipelineError)?.kind == .unsuitableInput && "\($0)".hasPrefix("2 of 128 voxels")
    }
    #expect { try InputCheck(ct([Float](repeating: 5, count: 128)), for: ctCard) } throws: {
      "\($0)".contains("constant")
    }
  }
}

@Suite("Object check") struct ObjectCheckTests {
  /// A block of 24 × 40 × 16 voxels within 64 × 64 × 32; columns run from left to right, rows from back to front.
  private func block(spacing: Double, order: [Int] = [0, 1, 2]) -> Volume {
    let (extents, size) = ([64, 64, 32], [24, 40, 16])
    let stored = order.map { extents[$0] }
    let values = (0..<stored.reduce(1, *)).map { i -> Float in
      let place = [i % stored[0], i / stored[0] % stored[1], i / stored[0] / stored[1]]
      return (0..<3).allSatisfy { abs(2 * place[$0] + 1 - stored[$0]) < size[order[$0]] } ? 500 : 0
    }
    let volume = testVolume(values, columns: stored[0], rows: stored[1], slices: stored[2])
    let rows = (0..<3).map { world in order.map { $0 == world ? spacing : 0 } + [0] }
    return Volume(voxels: volume.voxels, affine: Affine(rows: rows), header: volume.header)
  }

  @Test("what is smaller or larger than the model's heads is told in mm, however it is stored")
  func sizes() {
    let card = testCard(
      envelope: InputEnvelope(modality: "MR", objectLeftRight: [100, 200], objectFrontBack: [150, 250]))
    for order in [[0, 1, 2], [1, 2, 0], [2, 0, 1]] {
      #expect(ObjectCheck(block(spacing: 5, order: order), for: card, noise: { 0 }).warnings.isEmpty)
      let small = ObjectCheck(block(spacing: 3.6, order: order), for: card, noise: { 0 }).warnings
      #expect(small.count == 2 && small[0].contains("86 mm left-right") && small[1].contains("144 mm front-back"))
      let deep = ObjectCheck(block(spacing: 7, order: order), for: card, noise: { 0 }).warnings
      #expect(deep.count == 1 && deep[0].contains("280 mm front-back"))
    }
    // The top of a head is smaller than a head.
    let slab = block(spacing: 3.6)
    let top = testVolume(
      Array(slab.voxels.values[..<(64 * 64 * 26)]), columns: 64, rows: 64, slices: 26, spacing: [3.6, 3.6, 3.6])
    #expect(ObjectCheck(top, for: card, noise: { 0 }).warnings.isEmpty)
    #expect(ObjectCheck(slab, for: testCard(), noise: { 0 }).warnings.isEmpty)
  }
}

@Suite("Memory plan") struct MemoryPlanTests {
  @Test("a bound shrinks the batch, never below one slice")
  func bound() throws {
    let volume = testVolume(scrambled(64 * 64 * 20), columns: 64, rows: 64, slices: 20)
    let free = try MemoryPlan(for: volume, card: testCard(), samples: 1, limit: nil)
    #expect(free.batch == 20)
    let tight = try MemoryPlan(
      for: volume, card: testCard(), samples: 1, limit: free.predictedBytes - (free.predictedBytes >> 6))
    #expect(tight.batch < 20 && tight.batch >= 1 && tight.predictedBytes < free.predictedBytes)
    #expect { try MemoryPlan(for: volume, card: testCard(), samples: 1, limit: 1 << 20) } throws: {
      ($0 as? PipelineError)?.kind == .notEnoughMemory
    }
  }

  @Test("the prediction is the parameters, the volumes, a batch in the network, and little else")
  func parts() throws {
    let card = testCard(multipliers: [1, 2])
    let network = try UNet(card.architecture)
    func plan(slices: Int, samples: Int = 1) throws -> MemoryPlan {
      try MemoryPlan(
        for: testVolume(scrambled(256 * 256 * slices), columns: 256, rows: 256, slices: slices), card: card,
        samples: samples, limit: nil)
    }
    let four = try plan(slices: 4)
    let batch = network.evaluationBytes(batch: 4, rows: 256, columns: 256)
    let rest = four.predictedBytes - network.packedByteCount - batch
    #expect(four.batch == 4 && rest > 0 && rest < 60 << 20)
    // More slices are more batches: input and result grow, and several samples need the deviation too.
    let volume = 256 * 256 * 4
    #expect(try plan(slices: 6).predictedBytes - four.predictedBytes == 2 * 2 * volume)
    #expect(try plan(slices: 4, samples: 3).predictedBytes - four.predictedBytes == 4 * volume)
  }

  @Test("where images are small, reading the parameters is what takes most")
  func reading() throws {
    let volume = testVolume(scrambled(16 * 16), columns: 16, rows: 16, slices: 1)
    var card = testCard()
    card.architecture = .published(conditions: 1)
    let plan = try MemoryPlan(for: volume, card: card, samples: 1, limit: nil)
    let network = try UNet(card.architecture)
    #expect(plan.predictedBytes > network.readingByteCount)
    #expect(plan.predictedBytes < network.readingByteCount + (50 << 20))
    #expect { try MemoryPlan(for: volume, card: card, samples: 1, limit: network.readingByteCount) } throws: {
      ($0 as? PipelineError)?.kind == .notEnoughMemory
    }
  }
}
