import Diffusion
import Models
import Pipeline
import Synchronization
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
    #expect(calls == Array(1...(try restorer.evaluations(on: volume))))
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

  @Test("neighbours are condition channels in the order of the card, and the skip starts from the slice itself")
  func neighbours() throws {
    let volume = testVolume((0..<4 * 4 * 3).map { Float($0 / 16 * 100) }, columns: 4, rows: 4, slices: 3)
    var card = testCard(conditions: 3)
    card.conditionSlices = [-1, 0, 1]
    let seen = Mutex<[[Float]]>([])
    let restorer = try VolumeRestorer(card: card, options: SamplingOptions(steps: 1), batch: 3) { conditions in
      seen.withLock { $0 = (0..<3).map { Array(conditions.values[(48 * $0)..<(48 * $0 + 3)]) } }
      return ClosedFormDenoiser(clean: conditions.channels(1..<2))
    }
    let result = try restorer.restore(volume)
    // -1000 to 1000 become -1 to 1.
    let expected: [[Float]] = [[0.1, 0, 0.1], [0, 0.1, 0.2], [0.1, 0.2, 0.1]]
    for (a, b) in zip(seen.withLock(\.self).joined(), expected.joined()) { #expect(abs(a - b) < 1e-6) }
    for (out, input) in zip(values(result), volume.voxels.values) { #expect(abs(out - input) < 1e-3) }
  }

  @Test("a network that is told the noise gets the given level or the estimate, within what it knows")
  func noiseLevel() throws {
    let volume = testVolume(scrambled(8 * 8 * 4).map { 400 + $0 / 10 }, columns: 8, rows: 8, slices: 4)
    var card = testCard(conditions: 2)
    card.noiseLevel = NoiseLevelRecord(scale: 5, range: [0.01, 0.3])
    func told(_ level: Double?) throws -> (channel: Float, used: Double?) {
      let seen = Mutex<Set<Float>>([])
      let restorer = try VolumeRestorer(card: card, options: SamplingOptions(steps: 1, noiseLevel: level), batch: 4) {
        let channel = $0.channels(1..<2).values
        seen.withLock { $0.formUnion(channel) }
        return ClosedFormDenoiser(clean: $0.channels(0..<1))
      }
      let result = try restorer.restore(volume)
      for (out, input) in zip(values(result), volume.voxels.values) { #expect(abs(out - input) < 1e-3) }
      let all = seen.withLock(\.self)
      #expect(all.count == 1)
      return (try #require(all.first), result.noiseLevel)
    }
    // The window of 2000 makes 100 a tenth.
    #expect(try abs(told(100).channel - 0.5) < 1e-6 && told(100).used == 100)
    #expect(try abs(told(1e6).channel - 1.5) < 1e-6)
    #expect(try abs(told(0).channel - 0.05) < 1e-6)
    let estimate = NoiseLevel.estimate(volume.voxels)
    #expect(estimate > 20 && estimate < 300)
    #expect(try told(nil).used == estimate)
    #expect(try abs(told(nil).channel - Float(estimate / 1000 * 5)) < 1e-5)
    #expect {
      try VolumeRestorer(card: testCard(), options: SamplingOptions(noiseLevel: 3), batch: 1) {
        ClosedFormDenoiser(clean: $0)
      }
    } throws: { ($0 as? PipelineError)?.kind == .usage }
  }

  @Test("a volume of cubes is restored in axial slices however it is stored, to the same voxels")
  func storedOtherwise() throws {
    let axial = testVolume(scrambled(4 * 5 * 6), columns: 4, rows: 5, slices: 6)
    let restorer = try VolumeRestorer(
      card: testCard(), options: SamplingOptions(seed: 3, samples: 2, noiseField: .independent), batch: 2
    ) { GaussianDenoiser(mean: $0, spread: 0.1) }
    let expected = try restorer.restore(axial)
    // Stored with slices from right to left, or from front to back.
    for choice in [SlicingPlane.Choice.sagittal, .coronal] {
      let other = SlicingPlane(choice, for: axial).arranged(axial)
      let plane = restorer.plane(for: other)
      #expect(plane.axis != 2 && plane.name == "axial")
      let result = try restorer.restore(other)
      #expect(result.voxels.shape == other.voxels.shape)
      #expect(plane.arranged(result.voxels) == expected.voxels)
      #expect(try plane.arranged(#require(result.deviation)) == expected.deviation)
    }
  }

  @Test("super-resolution fills the gaps between thick slices on whichever axis they are stored")
  func thickAxis() throws {
    let volume = testVolume(
      (0..<4 * 3 * 5).map { Float($0 / 4 % 3 * 100) }, columns: 4, rows: 3, slices: 5, spacing: [1, 3, 1])
    let restorer = try VolumeRestorer(
      card: testCard(task: .superResolve, conditions: 2), options: SamplingOptions(steps: 1), batch: 4
    ) { conditions in
      ClosedFormDenoiser(
        clean: .linearCombination([(0.5, conditions.channels(0..<1)), (0.5, conditions.channels(1..<2))]))
    }
    let output = restorer.output(try restorer.restore(volume).voxels, for: volume)
    #expect(output.voxels.shape == [1, 5, 5, 4] && output.spacing == [1, 1.5, 1])
    for (i, value) in output.voxels.values.enumerated() { #expect(abs(value - Float(i / 4 % 5 * 50)) < 1e-3) }
    #expect(restorer.inputOnOutputGrid(volume).affine == output.affine)
  }

  @Test("a translation comes out in the values of the contrast that it makes")
  func outputRange() throws {
    let volume = testVolume([0, 500, -1000, 1000], columns: 2, rows: 2, slices: 1)
    var card = testCard(task: .translate, multipliers: [1])
    card.outputRange = [10, 250]
    let restorer = try VolumeRestorer(card: card, options: SamplingOptions(steps: 1, samples: 2), batch: 1) {
      ClosedFormDenoiser(clean: $0)
    }
    let result = try restorer.restore(volume)
    for (out, expected) in zip(values(result), [130, 190, 10, 250] as [Float]) { #expect(abs(out - expected) < 1e-3) }
  }

  @Test("super-resolution fills every gap, keeps the slices that were there, and says where the new ones lie")
  func superResolution() throws {
    let volume = testVolume((0..<4 * 4 * 3 * 2).map { Float($0 / 16 * 100) }, columns: 4, rows: 4, slices: 3, frames: 2)
    let card = testCard(task: .superResolve, conditions: 2)
    for (factor, slices) in [(2, 5), (4, 9)] {
      let options = SamplingOptions(steps: 1, sliceFactor: factor)
      let restorer = try VolumeRestorer(card: card, options: options, batch: 2) { conditions in
        ClosedFormDenoiser(
          clean: .linearCombination([(0.5, conditions.channels(0..<1)), (0.5, conditions.channels(1..<2))]))
      }
      var calls: [Int] = []
      let result = try restorer.restore(volume) { calls.append($0) }
      #expect(calls == Array(1...(try restorer.evaluations(on: volume))))
      let output = restorer.output(result.voxels, for: volume)
      #expect(output.slices == slices && restorer.outputSlices(of: 3) == slices && output.frames == 2)
      #expect(abs(output.spacing[2] * Double(factor) - volume.spacing[2]) < 1e-9)
      #expect(output.affine.position(of: [1, 2, Double(2 * factor)]) == volume.affine.position(of: [1, 2, 2]))
      // The mean of two neighbours is linear interpolation.
      let linear = restorer.inputOnOutputGrid(volume)
      #expect(linear.voxels.shape == output.voxels.shape && linear.affine == output.affine)
      for (a, b) in zip(output.voxels.values, linear.voxels.values) { #expect(abs(a - b) < 1e-3) }
      let kept = (0..<3).map {
        output.voxels.slice(0..<1).reshaped([slices, 4, 4]).slice($0 * factor..<$0 * factor + 1)
      }
      for (k, slice) in kept.enumerated() {
        #expect(slice.values == Array(volume.voxels.values[(16 * k)..<(16 * k + 16)]))
      }
    }
    let single = testVolume(scrambled(16), columns: 4, rows: 4, slices: 1)
    let restorer = try VolumeRestorer(card: card, options: SamplingOptions(), batch: 1) {
      ClosedFormDenoiser(clean: $0)
    }
    #expect { try restorer.restore(single) } throws: { ($0 as? PipelineError)?.kind == .unsuitableInput }
    #expect {
      try VolumeRestorer(card: testCard(), options: SamplingOptions(sliceFactor: 4), batch: 1) {
        ClosedFormDenoiser(clean: $0)
      }
    } throws: { ($0 as? PipelineError)?.kind == .usage }
  }

  @Test("what progress throws ends the work")
  func refusals() throws {
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
