import Diffusion
import Testing

struct PFDiffTests {
  let schedule = NoiseSchedule.published
  static let variants = [(1, 1), (2, 1), (2, 2), (3, 1), (3, 2), (3, 3)]
  static let withoutZero = Array(stride(from: 99, to: 1000, by: 100))

  func plan(_ k: Int, _ l: Int, _ labels: [Int], allowZero: Bool = true) throws -> SamplerPlan {
    try SamplerPlan(
      sampler: .pfdiff(k: k, l: l), labels: LabelSet(name: "grid", labels: labels), schedule: schedule,
      allowSlopeAtLabelZero: allowZero)
  }

  /// ALGORITHMS 4.8: from x = 1 at label 999 of N(0.3, 0.5²), in the order of `variants`.
  @Test(arguments: [
    (
      [0] + withoutZero,
      [0.929187649368, 0.685120720002, 1.113305753278, 0.802366376359, 0.952937810786, 0.904600338647]
    ),
    (withoutZero, [0.734625689788, 0.677597304488, 1.108982438611, 0.646057498156, 0.750740488412, 0.716841503678]),
    (
      [0, 199, 399, 599, 699, 799, 849, 899, 949, 999],
      [0.903253888454, 0.925006956816, 2.432223942740, 0.383230678949, 0.928229749332, 3.856321311933]
    ),
  ])
  func `PFDiff has the reference values`(_ labels: [Int], _ values: [Double]) throws {
    for ((k, l), value) in zip(Self.variants, values) {
      let end = try plan(k, l, labels).end(of: GaussianDenoiser.reference)
      #expect(abs(end - value) < 1e-11, "\(k)_\(l): \(end)")
    }
  }

  @Test(arguments: [
    (1, 1, [999, 799, 599, 399, 199, 0]), (2, 1, [999, 799, 499, 199, 0]), (2, 2, [999, 699, 399, 99, 0]),
    (3, 1, [999, 799, 399, 0]), (3, 2, [999, 699, 299, 0]), (3, 3, [999, 599, 199, 0]),
  ])
  func `PFDiff evaluates the published labels`(_ k: Int, _ l: Int, _ labels: [Int]) throws {
    #expect(try plan(k, l, [0] + Self.withoutZero).labels == labels)
  }

  @Test func `label 0 is left out by default`() throws {
    let plan = try SamplerPlan(
      sampler: .pfdiff(k: 1, l: 1), labels: LabelSet(named: "uniform-10"), schedule: schedule)
    #expect(plan.labels == [999, 799, 599, 399, 199, 99])
    #expect(try plan == self.plan(1, 1, Self.withoutZero))
    let nonUniform = try SamplerPlan(
      sampler: .pfdiff(k: 3, l: 2), labels: LabelSet(named: "non-uniform-10"), schedule: schedule)
    #expect(nonUniform.nfe == 3 && !nonUniform.labels.contains(0))
  }

  @Test func `a grid with label 0 is refused where nothing drops it`() {
    let nodes = [999, 499, 0].map(schedule.node)
    #expect { try SamplerPlan(sampler: .pfdiff(k: 1, l: 1), nodes: nodes) } throws: {
      ($0 as? DiffusionError)?.kind == .slopeAtLabelZero
    }
  }

  @Test func `nothing but label 0 leaves nothing to visit`() throws {
    let only = try LabelSet(name: "zero", labels: [0])
    #expect { try SamplerPlan(sampler: .pfdiff(k: 1, l: 1), labels: only, schedule: schedule) } throws: {
      ($0 as? DiffusionError)?.kind == .parameterOutOfRange
    }
  }

  @Test func `the number of evaluations is 1 + ⌈(M − 1)/(k + 1)⌉`() throws {
    for count in 1..<60 {
      let labels = (0..<count).map { 10 + 16 * $0 }
      for k in 1..<5 {
        for l in 1...k {
          #expect(try plan(k, l, labels).nfe == 1 + (count - 1 + k) / (k + 1))
        }
      }
    }
  }

  @Test func `k = 0 is DDIM on the fine grid`() throws {
    let ddim = try SamplerPlan(sampler: .ddim, labels: LabelSet(named: "uniform-10"), schedule: schedule)
    #expect(try plan(0, 0, [0] + Self.withoutZero).operations == ddim.operations)
  }

  @Test(arguments: [1, 2, 3, 4])
  func `l = 0 is DDIM on the coarse grid`(_ k: Int) throws {
    let fine = Array(Self.withoutZero.reversed())
    let coarse = [fine[0]] + stride(from: 1, to: fine.count, by: k + 1).map { fine[$0] }
    let ddim = try SamplerPlan(
      sampler: .ddim, labels: LabelSet(name: "coarse", labels: coarse.reversed()), schedule: schedule)
    #expect(try plan(k, 0, Self.withoutZero).operations == ddim.operations)
  }

  @Test func `a constant slope is followed exactly`() throws {
    let slope = 0.37
    let constant = ClosureDenoiser { _, _ in .noise(slope) }
    let exact = (1 - schedule.noise(999) * slope) / schedule.signal(999)
    for k in 1..<5 {
      for l in 1...k {
        for labels in [[0] + Self.withoutZero, Self.withoutZero, [100, 500, 999], [300, 999], [999]] {
          #expect(abs(try plan(k, l, labels).end(of: constant) / exact - 1) < 1e-12)
        }
      }
    }
  }

  @Test(arguments: [(1, 1, 2.0), (3, 2, 2.0), (2, 1, 1.0), (2, 2, 1.0), (3, 1, 1.0), (3, 3, 1.0)])
  func `the order is two where the springboard sits in the middle of the block`(
    _ k: Int, _ l: Int, _ expected: Double
  ) throws {
    let order = try convergenceOrder(.pfdiff(k: k, l: l), blocks: k + 1)
    #expect(abs(order - expected) < 0.09, "\(order)")
  }

  @Test func `clamping also holds the last, borrowed step`() throws {
    let wild = ClosureDenoiser { _, label in .data(label < 500 ? 7 : -7) }
    for (k, l) in Self.variants {
      let plan = try SamplerPlan(
        sampler: .pfdiff(k: k, l: l), labels: LabelSet(named: "uniform-10"), schedule: schedule, clampData: true)
      #expect(abs(try plan.end(of: wild)) <= 1)
    }
  }
}
