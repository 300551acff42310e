import Diffusion
import TensorCore
import Testing

struct DDPMTests {
  let schedule = NoiseSchedule.published

  /// Mean and standard deviation of the output for data N(0.3, 0.2²).
  func statistics(_ sampler: Sampler, labels: LabelSet, count: Int) throws -> (mean: Double, deviation: Double) {
    let plan = try SamplerPlan(sampler: sampler, labels: labels, schedule: schedule)
    let denoiser = GaussianDenoiser(mean: 0.3, deviation: 0.2, one: Tensor(repeating: 1, shape: [count]))
    func draw(_ stream: Int) -> Tensor { PhiloxRandomSource(seed: 11, stream: UInt64(stream)).normal(shape: [count]) }
    let end = try plan.run(denoiser, from: draw(0), noise: { draw($0 + 1) }).values.map(Double.init)
    let mean = end.reduce(0, +) / Double(count)
    return (mean, (end.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count - 1)).squareRoot())
  }

  /// Labels as the official strided sampler takes them for the 1000-label baseline: 0, k, 2k, ….
  func strided(_ step: Int) throws -> LabelSet {
    try LabelSet(name: "every \(step)", labels: Array(stride(from: 0, to: 1000, by: step)))
  }

  /// ALGORITHMS 3.2; standard errors are below 0.0011 (1000 labels, 20 000 samples), so 4 of them are allowed.
  @Test(arguments: [(1, 0.201, 20_000), (10, 0.211, 40_000)])
  func `ancestral sampling has the published statistics`(_ step: Int, _ deviation: Double, _ count: Int) throws {
    let result = try statistics(.ddpm, labels: strided(step), count: count)
    #expect(abs(result.mean - 0.3) < 4 * 0.2 / Double(count).squareRoot() + 0.001)
    #expect(abs(result.deviation - deviation) < 4 * 0.2 / Double(2 * count).squareRoot() + 0.0005, "\(result)")
  }

  @Test func `ten labels are over-dispersed with the large variance and under-dispersed with the small`() throws {
    let large = try statistics(.ddpm, labels: strided(100), count: 100_000)
    #expect(abs(large.deviation - 0.35) < 0.01, "\(large)")
    let small = try statistics(.ddim(eta: 1), labels: strided(100), count: 100_000)
    #expect(abs(small.deviation - 0.094) < 0.002, "\(small)")
  }

  @Test func `the small variance with a hundred labels`() throws {
    #expect(abs(try statistics(.ddim(eta: 1), labels: strided(10), count: 40_000).deviation - 0.175) < 0.003)
  }

  @Test func `there is one evaluation per label and one draw fewer`() throws {
    let plan = try SamplerPlan(sampler: .ddpm, labels: LabelSet(named: "uniform-10"), schedule: schedule)
    #expect(plan.nfe == 11 && plan.noiseDraws == 10)
    let nonZero = try SamplerPlan(
      sampler: .ddpm, labels: LabelSet(name: "no zero", labels: [99, 999]), schedule: schedule)
    #expect(nonZero.noiseDraws == 1)
  }

  @Test func `DDPM clamps D unless told otherwise`() throws {
    let wild = ClosureDenoiser { _, _ in .data(3) }
    let labels = try LabelSet(named: "uniform-10")
    let clamped = try SamplerPlan(sampler: .ddpm, labels: labels, schedule: schedule)
    #expect(try clamped.run(wild, from: 0.5, noise: { _ in 0.1 }) == 1)
    let free = try SamplerPlan(sampler: .ddpm, labels: labels, schedule: schedule, clampData: false)
    #expect(try free.run(wild, from: 0.5, noise: { _ in 0.1 }) == 3)
  }
}
