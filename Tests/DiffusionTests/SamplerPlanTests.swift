import Diffusion
import TensorCore
import Testing

struct SamplerPlanTests {
  let schedule = NoiseSchedule.published

  @Test(arguments: [
    ("ddim", Sampler.ddim(eta: 0)), ("ddim:0.5", .ddim(eta: 0.5)), ("ddim:1", .ddim(eta: 1)), ("ddpm", .ddpm),
    ("pfdiff", .pfdiff(k: 1, l: 1)), ("pfdiff-3_2", .pfdiff(k: 3, l: 2)),
  ])
  func `a sampler is read from its name and printed as one`(_ text: String, _ sampler: Sampler) throws {
    #expect(try Sampler(parsing: text) == sampler)
    #expect(try Sampler(parsing: sampler.description) == sampler)
  }

  @Test(arguments: [
    "", "DDIM", "ddim:", "ddim:x", "ddim:-0.1", "ddim:1.5", "ddim:nan", "pfdiff-", "pfdiff-1", "pfdiff-1_2",
    "pfdiff-0_0", "pfdiff-1_0", "pfdiff-1_1_1", "pfdiff-a_b", "euler",
  ])
  func `other names are refused`(_ text: String) {
    #expect(throws: DiffusionError.self) { try Sampler(parsing: text) }
  }

  @Test func `a plan refuses a label that the model was not trained on`() throws {
    let labels = try LabelSet(named: "uniform-20")
    let trained = try LabelSet(named: "uniform-10").labels
    #expect {
      try SamplerPlan(sampler: .ddim, labels: labels, schedule: schedule, trainedLabels: trained)
    } throws: { error in
      guard let error = error as? DiffusionError else { return false }
      return error.kind == .untrainedLabel && error.description.contains("label 949")
    }
    let forced = try SamplerPlan(
      sampler: .ddim, labels: labels, schedule: schedule, trainedLabels: trained, allowUntrained: true)
    #expect(forced.nfe == 21)
  }

  @Test func `a state may live where the model is not evaluated`() throws {
    // 1_1 over 999, 899, 799, 699 evaluates 999, 799 and 699; label 899 is only passed through.
    let labels = try LabelSet(name: "four", labels: [699, 799, 899, 999])
    let plan = try SamplerPlan(
      sampler: .pfdiff(k: 1, l: 1), labels: labels, schedule: schedule, trainedLabels: [699, 799, 999])
    #expect(plan.labels == [999, 799, 699])
  }

  @Test func `labels beyond the schedule are refused`() throws {
    let short = try NoiseSchedule(named: "linear", timesteps: 100)
    #expect(throws: DiffusionError.self) {
      try SamplerPlan(sampler: .ddim, labels: LabelSet(named: "uniform-10"), schedule: short)
    }
  }

  @Test func `a label without any signal is refused`() throws {
    #expect(throws: DiffusionError.self) {
      try SamplerPlan(sampler: .ddim, labels: LabelSet(named: "uniform-10"), schedule: NoiseSchedule(named: "jsd"))
    }
  }

  @Test func `a plan prints its program`() throws {
    let labels = try LabelSet(name: "three", labels: [399, 699, 999])
    let plan = try SamplerPlan(sampler: .pfdiff(k: 1, l: 1), labels: labels, schedule: schedule, clampData: true)
    #expect(
      plan.description == """
        pfdiff-1_1: 2 evaluations at labels 999 399
          EVAL  D0, E0 = model(x0, label 999)
          CLAMP D0 to [-1, 1]
          LIN   E0 = 1.00002 x0 - 0.00635295 D0
          LIN   x0 = 0.0834632 D0 + 0.996511 E0
          LIN   x1 = 5.2928 x0 - 4.37719 E0
          EVAL  D0, E0 = model(x1, label 399)
          CLAMP D0 to [-1, 1]
          LIN   E0 = 1.11466 x1 - 0.492404 D0
          LIN   x0 = 11.9813 x0 - 11.9395 E0
          CLAMP x0 to [-1, 1]
        """)
    let ancestral = try SamplerPlan(sampler: .ddpm, labels: labels, schedule: schedule).description
    #expect(ancestral.contains("NOISE x0 += 0.997099 z0"), "\(ancestral)")
  }

  @Test func `tensors follow the numbers through every sampler`() throws {
    let count = 1000
    let start = PhiloxRandomSource(seed: 3).normal(shape: [count])
    let one = Tensor(repeating: 1, shape: [count])
    for sampler in [Sampler.ddim, .ddim(eta: 0.7), .ddpm, .pfdiff(k: 1, l: 1), .pfdiff(k: 2, l: 2)] {
      let plan = try SamplerPlan(
        sampler: sampler, labels: LabelSet(named: "uniform-10"), schedule: schedule, clampData: true)
      func draw(_ i: Int) -> Tensor { PhiloxRandomSource(seed: 3, stream: UInt64(i + 1)).normal(shape: [count]) }
      let image = try plan.run(GaussianDenoiser(mean: 0.3, deviation: 0.5, one: one), from: start, noise: draw).values
      for i in stride(from: 0, to: count, by: 97) {
        let number = try plan.run(
          GaussianDenoiser.reference, from: Double(start[flat: i]), noise: { Double(draw($0)[flat: i]) })
        // Float rounding reaches D multiplied by s/a = 157 at label 999.
        #expect(abs(Double(image[i]) - number) < 2e-4, "\(sampler) \(i)")
      }
    }
  }

  @Test func `linear combinations round once and keep a lone term's bits`() {
    let x = Tensor([1, -0.0, 3e-8, .infinity, 1e30], shape: [5])
    #expect(Tensor.linearCombination([(1, x)]) == x)
    let big = Tensor([1e8, 1e8], shape: [2])
    let small = Tensor([1, 3], shape: [2])
    #expect(Tensor.linearCombination([(1, big), (1, small), (-1, big)]).values == [1, 3])
    let thirds = Tensor.linearCombination([(1.0 / 3, small)]).values
    #expect(thirds == [Float(1.0 / 3), 1])
  }

  @Test func `clamping keeps what is inside and NaN`() {
    let clamped = Tensor([-2, -1, 0.25, 1, 9, -.infinity, .nan], shape: [7]).clamped(to: -1...1).values
    #expect(clamped.prefix(6) == [-1, -1, 0.25, 1, 1, -1])
    #expect(clamped[6].isNaN)
  }

  @Test func `the bits do not depend on the number of threads`() throws {
    let count = 300_001
    let start = PhiloxRandomSource(seed: 9).normal(shape: [count])
    let denoiser = GaussianDenoiser(mean: 0.1, deviation: 0.4, one: Tensor(repeating: 1, shape: [count]))
    let plan = try SamplerPlan(
      sampler: .pfdiff(k: 1, l: 1), labels: LabelSet(named: "uniform-5"), schedule: schedule, clampData: true)
    let ends = try [1, 2, 3].map { threads in
      try Parallel.using(threads: threads) { try plan.run(denoiser, from: start, noise: { _ in start }) }
    }
    #expect(ends[0] == ends[1] && ends[1] == ends[2])
    // Past the first piece every element is worked on.
    let alone = try plan.run(
      GaussianDenoiser(mean: 0.1, deviation: 0.4, one: Tensor(repeating: 1, shape: [1])),
      from: Tensor([start[flat: count - 1]], shape: [1]), noise: { _ in start })
    #expect(alone[flat: 0] == ends[0][flat: count - 1])
  }
}
