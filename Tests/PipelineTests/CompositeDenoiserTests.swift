import Diffusion
import Foundation
import Models
import Pipeline
import TensorCore
import Testing
import Transforms
import Volumes

/// Says that every pixel is the mean of its image: what it says of a voxel depends on how the volume is cut.
private struct MeanDenoiser: Denoiser {
  let conditions: Tensor
  func predict(_ x: Tensor, label: Int) throws -> Prediction<Tensor> {
    let size = conditions.count / conditions.shape[0]
    let means = (0..<conditions.shape[0]).flatMap { image -> [Float] in
      let values = conditions.slice(image..<image + 1).values
      return [Float](repeating: values.reduce(0, +) / Float(size), count: size)
    }
    return .data(Tensor(means, shape: conditions.shape))
  }
}

@Suite("Tiles and planes that are put together at every step") struct CompositeDenoiserTests {
  private func restored(
    _ volume: Volume, _ options: SamplingOptions, _ make: @escaping DenoiserMaker
  ) throws -> (values: [Float], result: Restoration) {
    let restorer = try VolumeRestorer(card: testCard(clampData: false), options: options, batch: 3, makeDenoiser: make)
    var calls: [Int] = []
    let result = try restorer.restore(volume) { calls.append($0) }
    #expect(calls == Array(1...(try restorer.evaluations(on: volume))) && result.evaluations == calls.count)
    return (result.voxels.values, result)
  }

  private func expectEqual(_ a: [Float], _ b: [Float], within tolerance: Float = 0.02) {
    #expect(a.count == b.count && zip(a, b).allSatisfy { abs($0 - $1) < tolerance })
  }

  @Test("a network that judges pixel by pixel says the same of tiles as of the whole, and of several samples")
  func tiles() throws {
    let volume = testVolume(scrambled(2 * 90 * 150), columns: 150, rows: 90, slices: 2)
    var options = SamplingOptions(sampler: .ddim(eta: 1), steps: 2, seed: 4, samples: 2)
    let whole = try restored(volume, options) { GaussianDenoiser(mean: $0, spread: 0.2) }
    options.tile = 64
    let tiled = try restored(volume, options) { GaussianDenoiser(mean: $0, spread: 0.2) }
    expectEqual(tiled.values, whole.values)
    expectEqual(tiled.result.deviation?.values ?? [], whole.result.deviation?.values ?? [])
    // 2 × 3 tiles of 64 × 64 over 92 × 152.
    #expect(tiled.result.evaluations == 6 * whole.result.evaluations)
  }

  @Test(
    "where tiles see different things there is no seam: brightness changes over what two share, not from one pixel to the next"
  )
  func seams() throws {
    // Brighter from left to right: the mean of each tile is another.
    let volume = testVolume((0..<64 * 256).map { Float($0 % 256) }, columns: 256, rows: 64, slices: 1)
    let row = try restored(volume, SamplingOptions(steps: 1, tile: 64)) { MeanDenoiser(conditions: $0) }.values[..<256]
    let steps = zip(row.dropFirst(), row).map { $0 - $1 }
    // Tiles that lie 48 pixels apart differ by 48; a cosine ramp of 16 pixels or more is at most 48 · π/2 / 16 steep.
    #expect(row.last! - row.first! > 180 && steps.allSatisfy { $0 > -0.01 && $0 < 4.8 })
  }

  @Test("three planes: the mean of what is said of a voxel's axial, coronal and sagittal slice")
  func planes() throws {
    let (columns, rows, slices) = (8, 8, 12)
    let volume = testVolume(
      (0..<2 * slices * rows * columns).map { Float(($0 * 37) % 501) }, columns: columns, rows: rows, slices: slices,
      frames: 2)
    let made = try restored(volume, SamplingOptions(steps: 1, plane: .all)) { MeanDenoiser(conditions: $0) }
    // One pass each of 12 axial, 8 coronal and 8 sagittal slices in batches of 3, for two frames.
    #expect(made.result.evaluations == 2 * (4 + 3 + 3) * 2)
    func at(_ f: Int, _ z: Int, _ y: Int, _ x: Int) -> Float {
      volume.voxels.values[((f * slices + z) * rows + y) * columns + x]
    }
    for (f, z, y, x) in [(0, 0, 0, 0), (0, 11, 3, 7), (1, 5, 2, 1)] {
      let axial = (0..<rows).flatMap { y in (0..<columns).map { at(f, z, y, $0) } }
      let coronal = (0..<slices).flatMap { z in (0..<columns).map { at(f, z, y, $0) } }
      let sagittal = (0..<slices).flatMap { z in (0..<rows).map { at(f, z, $0, x) } }
      let means: [Float] = [axial, coronal, sagittal].map { $0.reduce(0, +) / Float($0.count) }
      let expected = (means[0] + means[1] + means[2]) / 3
      #expect(abs(made.values[((f * slices + z) * rows + y) * columns + x] - expected) < 0.05)
    }
  }

  @Test("three planes of a network that judges pixel by pixel are as good as one, from the same noise")
  func pixelwise() throws {
    let volume = testVolume(scrambled(8 * 12 * 16), columns: 16, rows: 12, slices: 8)
    var options = SamplingOptions(steps: 5)
    options.givenNoise = Tensor(scrambled(8 * 12 * 16).map { $0 / 700 }, shape: [1, 8, 12, 16])
    let one = try restored(volume, options) { GaussianDenoiser(mean: $0, spread: 0.3) }
    options.plane = .all
    expectEqual(try restored(volume, options) { GaussianDenoiser(mean: $0, spread: 0.3) }.values, one.values)
  }

  @Test("three planes where voxels are cubic: the bits of three planes, and of the stack's own plane elsewhere")
  func ifCubic() throws {
    for (slice, slices, same) in [(1.1, 8, SlicingPlane.Choice.all), (3, 8, .auto), (0.5, 8, .auto), (1, 7, .auto)] {
      let volume = testVolume(
        scrambled(slices * 12 * 16), columns: 16, rows: 12, slices: slices, spacing: [1, 1, slice])
      func made(_ plane: SlicingPlane.Choice) throws -> (values: [Float], evaluations: Int) {
        let made = try restored(volume, SamplingOptions(steps: 2, plane: plane)) { MeanDenoiser(conditions: $0) }
        return (made.values, made.result.evaluations)
      }
      let (found, expected) = (try made(.allIfCubic), try made(same))
      #expect(found.values == expected.values && found.evaluations == expected.evaluations)
      #expect(try same == .all || made(.axial).values == found.values)
    }
  }

  @Test("slice detail is matched across the plane that the volume is cut in, however it is stored")
  func sliceDetail() throws {
    // Columns are the long side of a voxel: they are the slices.
    let (columns, rows, slices) = (12, 16, 16)
    // A sum of what depends on one coordinate each has no third-order detail: no noise is found in it.
    let values = (0..<slices * rows * columns).map { i -> Float in
      let (x, y, z) = (i % columns, i / columns % rows, i / columns / rows)
      return Float(100 * (7 * x % 5) + 90 * (3 * y % 7) + 110 * (5 * z % 6)) - 740
    }
    let volume = testVolume(values, columns: columns, rows: rows, slices: slices, spacing: [3, 1, 1])
    for plane in [SlicingPlane.Choice.auto, .axial] {
      // Everything halved: its differences are a quarter.
      func made(_ detail: SliceDetail.Choice) throws -> Restoration {
        try restored(volume, SamplingOptions(steps: 1, plane: plane, sliceDetail: detail)) {
          ClosedFormDenoiser(clean: .linearCombination([(0.5, $0)]))
        }.result
      }
      let (predicted, matched) = (try made(.predicted), try made(.matched))
      let gain = try #require(matched.sliceDetailGain)
      #expect(predicted.sliceDetailGain == nil && gain > 0)
      let cut = SlicingPlane(plane, for: volume)
      #expect(cut.axis == (plane == .auto ? 0 : 2))
      var expected = cut.arranged(predicted.voxels)
      expected.amplifySliceDetail(by: gain)
      expectEqual(matched.voxels.values, cut.stored(expected).values)
    }
  }

  @Test("slice detail is not matched where the input is something else than the truth with white noise")
  func sliceDetailRefused() throws {
    let card = testCard(envelope: InputEnvelope(modality: "CT"))
    for card in [card, testCard(task: .translate), testCard(task: .superResolve, conditions: 2)] {
      #expect {
        try VolumeRestorer(card: card, options: SamplingOptions(sliceDetail: .matched), batch: 1) {
          ClosedFormDenoiser(clean: $0)
        }
      } throws: { ($0 as? PipelineError)?.kind == .usage }
    }
  }

  @Test("three planes of thick slices, or of models that make slices, are refused")
  func refusals() throws {
    let thick = testVolume(scrambled(8 * 8 * 4), columns: 8, rows: 8, slices: 4, spacing: [1, 1, 3])
    #expect {
      try restored(thick, SamplingOptions(plane: .all)) { ClosedFormDenoiser(clean: $0) }
    } throws: {
      ($0 as? PipelineError)?.kind == .unsuitableInput && "\($0)".contains("1.0 × 1.0 × 3.0 mm")
    }
    for plane in [SlicingPlane.Choice.all, .allIfCubic] {
      #expect {
        try VolumeRestorer(
          card: testCard(task: .superResolve, conditions: 2), options: SamplingOptions(plane: plane), batch: 1
        ) { ClosedFormDenoiser(clean: $0) }
      } throws: { ($0 as? PipelineError)?.kind == .usage }
    }
    // A record that was tampered with may say anything.
    for tile in [0, -64, 63, .max] {
      #expect {
        try VolumeRestorer(card: testCard(), options: SamplingOptions(tile: tile), batch: 1) {
          ClosedFormDenoiser(clean: $0)
        }
      } throws: { ($0 as? PipelineError)?.kind == .usage }
    }
  }

  @Test(
    "a real network in tiles: no more energy in the gradients at their edges than elsewhere, and nearly the same picture"
  )
  func seamEnergy() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let model = RestorationModel(
      try PackedModel.read(root.appendingPathComponent("Workflows/models/mr-denoise.safetensors")))
    let scan = try VolumeFile.read(root.appendingPathComponent("SampleData/mr-noisy.nii.gz"))
    let few = Volume(
      voxels: scan.voxels.reshaped([scan.slices, scan.rows, scan.columns]).slice(4..<7)
        .reshaped([1, 3, scan.rows, scan.columns]), affine: scan.affine, header: scan.header)
    func restored(_ tile: Int?) throws -> [Float] {
      try VolumeRestorer(
        card: model.card, options: SamplingOptions(steps: 1, tile: tile), batch: 1, makeDenoiser: model.makeDenoiser
      ).restore(few).voxels.values
    }
    let (whole, tiled) = (try restored(nil), try restored(96))
    let columns = scan.columns
    /// Mean squared step to the next column, at each column.
    func gradients(_ values: [Float]) -> [Double] {
      var sums = [Double](repeating: 0, count: columns - 1)
      for first in stride(from: 0, to: values.count, by: columns) {
        for x in 0..<columns - 1 { sums[x] += Double(pow(values[first + x + 1] - values[first + x], 2)) }
      }
      return sums
    }
    // Two tiles of 96 over 160 columns: edges before columns 64 and 96.
    let (a, b) = (gradients(whole), gradients(tiled))
    let edges = [63, 95]
    let atEdges = edges.reduce(0) { $0 + b[$1] } / edges.reduce(0) { $0 + a[$1] }
    let all = b.reduce(0, +) / a.reduce(0, +)
    #expect(abs(atEdges - all) < 0.05, "\(atEdges) at edges, \(all) on the whole")
    let range = Double(whole.max() ?? 1)
    let error = zip(whole, tiled).reduce(0.0) { $0 + Double(pow($1.0 - $1.1, 2)) } / Double(whole.count)
    #expect(error > 0 && 20 * log10(range) - 10 * log10(error) > 40)
  }

  @Test("tiles take less memory, three planes more, and the plan knows")
  func memory() throws {
    let volume = testVolume(scrambled(256 * 256 * 2), columns: 256, rows: 256, slices: 2)
    let card = testCard()
    let whole = try MemoryPlan(for: volume, card: card, samples: 1, limit: nil).predictedBytes
    let tiled = try MemoryPlan(for: volume, card: card, samples: 1, tile: 64, limit: nil).predictedBytes
    #expect(tiled < whole * 3 / 4)
    let cube = [64, 64, 64, 1]
    let planes = try #require(SlicingPlane.all(dimensions: cube, affine: .scaling([1, 1, 1]), format: .nifti1))
    let one = try MemoryPlan(dimensions: cube, cut: [planes[0]], card: card, samples: 1, limit: nil).predictedBytes
    let three = try MemoryPlan(dimensions: cube, cut: planes, card: card, samples: 1, limit: nil).predictedBytes
    #expect(three >= one + 8 * 4 * 64 * 64 * 64)
  }
}
