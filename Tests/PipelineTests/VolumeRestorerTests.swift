import Diffusion
import Models
import Pipeline
import TensorCore
import Testing
import Transforms
import Volumes

private func values(_ restoration: Restoration) -> [Float] { restoration.voxels.values }

@Suite("Volume restorer") struct VolumeRestorerTests {
  @Test("every slice of every frame is restored in its place, at any size, with any batch", arguments: [1, 2, 7])
  func places(batch: Int) throws {
    let volume = testVolume(scrambled(2 * 3 * 5 * 7), columns: 7, rows: 5, slices: 3, frames: 2)
    // The clean image is half of the condition: half of every voxel.
    let restorer = try VolumeRestorer(card: testCard(), options: SamplingOptions(), batch: batch) { conditions in
      ClosedFormDenoiser(clean: .linearCombination([(0.5, conditions)]))
    }
    var calls: [Int] = []
    let result = try restorer.restore(volume) { calls.append($0) }
    for (out, input) in zip(values(result), volume.voxels.values) { #expect(abs(out - input / 2) < 1e-3) }
    #expect(calls == Array(1...restorer.evaluations(frames: 2, slices: 3)))
    #expect(calls.count == 2 * ((3 + batch - 1) / batch) * 11 && result.evaluations == calls.count)
    #expect(result.deviation == nil)
  }

  @Test("the result is the same bits for every batch", arguments: NoiseField.Sharing.allCases)
  func batches(sharing: NoiseField.Sharing) throws {
    let volume = testVolume(scrambled(5 * 6 * 9), columns: 9, rows: 6, slices: 5)
    let options = SamplingOptions(sampler: .ddim(eta: 1), seed: 5, samples: 2, noiseField: sharing)
    let results = try [1, 2, 5].map { batch in
      try VolumeRestorer(card: testCard(clampData: false), options: options, batch: batch) {
        GaussianDenoiser(mean: $0, spread: 0.2)
      }.restore(volume)
    }
    #expect(results[1].voxels == results[0].voxels && results[2].voxels == results[0].voxels)
    #expect(results[1].deviation == results[0].deviation && results[0].deviation != nil)
  }

  @Test("a last batch that is smaller takes no memory on top")
  func memory() throws {
    let card = testCard(multipliers: [1, 1])
    let model = try PackedModel(card: card, parameters: UNet(card.architecture).initialParameters(seed: 2))
    func peak(slices: Int) throws -> Int {
      let volume = testVolume(scrambled(32 * 32 * slices), columns: 32, rows: 32, slices: slices)
      let restorer = try VolumeRestorer(card: card, options: SamplingOptions(steps: 2), batch: 4) {
        ConditionedDenoiser(model, conditions: $0)
      }
      return try ComputeBackend.peakTensorBytes { try restorer.restore(volume) }.bytes
    }
    let (even, odd) = (try peak(slices: 4), try peak(slices: 7))
    #expect(odd >= even && odd < even + even / 20)
  }

  @Test("a sample depends on the seed; slices that agree stay in agreement with shared noise")
  func seeds() throws {
    let slice = scrambled(6 * 8)
    let volume = testVolume(slice + slice, columns: 8, rows: 6, slices: 2)
    func restored(_ seed: UInt64, _ sharing: NoiseField.Sharing) throws -> [Float] {
      let options = SamplingOptions(seed: seed, noiseField: sharing)
      return values(
        try VolumeRestorer(card: testCard(clampData: false), options: options, batch: 1) {
          GaussianDenoiser(mean: $0, spread: 0.1)
        }.restore(volume))
    }
    let shared = try restored(1, .shared)
    #expect(shared == (try restored(1, .shared)))
    #expect(shared != (try restored(2, .shared)))
    #expect(Array(shared[..<48]) == Array(shared[48...]))
    let independent = try restored(1, .independent)
    #expect(Array(independent[..<48]) != Array(independent[48...]))
  }

  @Test("several samples give their mean and the spread that the sampler has on a Gaussian (ALGORITHMS 2.9)")
  func spread() throws {
    // Posterior spread 0.1, DDIM on 11 uniform labels: the output's spread is 0.370 of it; in HU times 1000.
    let volume = testVolume(
      [Float](repeating: 0, count: 40 * 40).enumerated().map { Float($0.offset % 2) }, columns: 40, rows: 40, slices: 1)
    let options = SamplingOptions(samples: 8)
    let restorer = try VolumeRestorer(card: testCard(clampData: false), options: options, batch: 1) {
      GaussianDenoiser(mean: $0, spread: 0.1)
    }
    let result = try restorer.restore(volume)
    let deviation = try #require(result.deviation).values.map(Double.init)
    let rms = (deviation.reduce(0) { $0 + $1 * $1 } / Double(deviation.count)).squareRoot()
    #expect(abs(rms - 37.0) < 1.2)
    let mean = values(result).reduce(0.0) { $0 + Double($1) } / 1600
    #expect(abs(mean - 0.5) < 2)
  }

  @Test("given noise replaces the random start, voxel by voxel")
  func givenNoise() throws {
    let volume = testVolume(scrambled(2 * 4 * 4), columns: 4, rows: 4, slices: 2)
    let noise = NoiseField(
      seed: 9, sharing: .independent, stack: SliceStack(slices: 2, rows: 4, columns: 4, multiple: 4)
    ).images(0..<2, ofFrame: 0, draw: 0).reshaped([1, 2, 4, 4])
    func restored(_ options: SamplingOptions) throws -> Tensor {
      try VolumeRestorer(card: testCard(clampData: false), options: options, batch: 2) {
        GaussianDenoiser(mean: $0, spread: 0.2)
      }.restore(volume).voxels
    }
    #expect(
      try restored(SamplingOptions(seed: 1, givenNoise: noise))
        == restored(SamplingOptions(seed: 9, noiseField: .independent)))
    let wrong = SamplingOptions(givenNoise: Tensor(repeating: 0, shape: [1, 1, 4, 4]))
    #expect { try restored(wrong) } throws: { ($0 as? PipelineError)?.kind == .unsuitableInput }
    let twice = SamplingOptions(samples: 2, givenNoise: noise)
    #expect { try restored(twice) } throws: { ($0 as? PipelineError)?.kind == .usage }
  }

  @Test("a denoised bone keeps what the window cut off; a translated one does not")
  func outside() throws {
    let volume = testVolume([1800, 0, -500, 10], columns: 2, rows: 2, slices: 1)
    func restored(_ task: ModelTask) throws -> [Float] {
      values(
        try VolumeRestorer(card: testCard(task: task), options: SamplingOptions(), batch: 1) {
          ClosedFormDenoiser(clean: $0)
        }.restore(volume))
    }
    #expect(abs(try restored(.denoise)[0] - 1800) < 0.01)
    #expect(abs(try restored(.translate)[0] - 1000) < 0.01)
  }

  @Test("a model that needs two neighbours is refused, and what progress throws ends the work")
  func refusals() throws {
    #expect {
      try VolumeRestorer(card: testCard(task: .superResolve, conditions: 2), options: SamplingOptions(), batch: 1) {
        ClosedFormDenoiser(clean: $0)
      }
    } throws: {
      ($0 as? PipelineError)?.kind == .unsuitableInput
    }
    struct Stop: Error {}
    var calls = 0
    #expect(throws: Stop.self) {
      try VolumeRestorer(card: testCard(), options: SamplingOptions(), batch: 1) { ClosedFormDenoiser(clean: $0) }
        .restore(testVolume(scrambled(16), columns: 4, rows: 4, slices: 1)) { done in
          calls = done
          if done == 3 { throw Stop() }
        }
    }
    #expect(calls == 3)
  }
}
