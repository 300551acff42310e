import Diffusion
import DurableFiles
import Foundation
import Models
import Pipeline
import Provenance
import TensorCore
import TestSupport
import Testing
import Transforms
import Volumes

/// A folder with an image `in.nii.gz`, and requests for a tiny random network on it.
private struct Scene {
  let folder: URL
  let model: RestorationModel

  init(_ folder: URL, card: ModelCard = tinyCard()) throws {
    self.folder = folder
    model = try tinyModel(card)
    try write(
      testVolume(scrambled(20 * 18 * 3), columns: 20, rows: 18, slices: 3, spacing: [0.7, 0.7, 2.5]), "in.nii.gz")
  }

  func write(_ volume: Volume, _ name: String) throws {
    try VolumeFile.write(volume, to: folder.appendingPathComponent(name))
  }
  func url(_ name: String) -> URL { folder.appendingPathComponent(name) }
  func request(_ input: String = "in.nii.gz", to output: String = "out.nii.gz", seed: UInt64 = 1) -> RunRequest {
    RunRequest(input: url(input), output: url(output), model: model, options: SamplingOptions(steps: 1, seed: seed))
  }
  var names: [String] { get throws { try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() } }
}

/// The smallest card that a U-Net can be built from.
func tinyCard(intensity: IntensityContract = .window(low: -1000, high: 1000)) -> ModelCard {
  var card = testCard(intensity: intensity, multipliers: [1, 1])
  card.architecture.residualBlocks = 1
  card.prediction = PredictionRecord(kind: .data, skip: .condition, residualScale: 0.1, clampData: true)
  return card
}

/// A network of random weights behind a card.
func tinyModel(_ card: ModelCard) throws -> RestorationModel {
  let model = try PackedModel(card: card, parameters: UNet(card.architecture).initialParameters(seed: 4))
  return RestorationModel(card: card, sha256: String(repeating: "ab", count: 32)) { conditions in
    ConditionedDenoiser(model, conditions: conditions)
  }
}

private func kind(_ error: any Error) -> PipelineError.Kind? { (error as? PipelineError)?.kind }
private func skipped(_ outcome: RunOutcome) -> Manifest?? {
  if case .skipped(let m) = outcome { .some(m) } else { nil }
}
private func manifest(_ outcome: RunOutcome) -> Manifest? { if case .committed(let m) = outcome { m } else { nil } }

@Suite("Image to image") struct ImageToImagePipelineTests {
  @Test("a run leaves the image on the input's grid and a manifest that verifies")
  func commits() throws {
    try withTemporaryFolder { folder in
      let scene = try Scene(folder)
      let made = try #require(manifest(try ImageToImagePipeline(scene.request()).run()))
      #expect(try scene.names == ["in.nii.gz", "out.manifest.json", "out.nii.gz"])
      let read = try Manifest.read(scene.url("out.manifest.json"))
      #expect(try read.verify(in: folder).isIntact && read == made)
      let (before, after) = (try VolumeFile.read(scene.url("in.nii.gz")), try VolumeFile.read(scene.url("out.nii.gz")))
      #expect(after.affine == before.affine && after.header.dataType == .int16)
      #expect(after.voxels != before.voxels)
      #expect(read.inputs[0].sha256 == (try ContentDigest.sha256(of: scene.url("in.nii.gz"))))
      #expect(read.outputs[0].geometry?.dimensions == [20, 18, 3, 1])
      #expect(read.environment.threads > 0 && read.durations.infer > 0)
    }
  }

  @Test("what is smaller than the card says is warned about, and recorded")
  func objectSize() throws {
    try withTemporaryFolder { folder in
      var card = tinyCard()
      (card.envelope.objectLeftRight, card.envelope.objectFrontBack) = ([12, 40], [16, 40])
      let scene = try Scene(folder, card: card)
      let values = (0..<24 * 24 * 20).map { i -> Float in
        let (column, row) = (i % 24, i / 24 % 24)
        return (5...19).contains(column) && (7...17).contains(row) ? 500 : 0
      }
      try scene.write(testVolume(values, columns: 24, rows: 24, slices: 20), "small.nii")
      let made = try #require(manifest(try ImageToImagePipeline(scene.request("small.nii")).run()))
      let warnings = made.qc.flags.filter { $0.contains("another part of the body") }
      #expect(warnings.count == 1 && warnings[0].hasPrefix("W-ENVELOPE") && warnings[0].contains("11 mm front-back"))
      #expect(!made.qc.envelope.inside)
    }
  }

  @Test("what a network is told of the noise is recorded, and noise that it does not know is warned about")
  func noiseLevel() throws {
    try withTemporaryFolder { folder in
      var card = tinyCard()
      card.architecture.inputChannels = 3
      // A model may know one level alone.
      card.noiseLevel = NoiseLevelRecord(scale: 5, range: [0.1, 0.1])
      try card.validate()
      for range in [[0.1, 0.02], [-0.1, 0.1], [0.1]] {
        card.noiseLevel?.range = range
        #expect(throws: ModelError.self) { try card.validate() }
      }
      card.noiseLevel?.range = [0.02, 0.1]
      let scene = try Scene(folder, card: card)
      // A deviation of 60 in a window of 2000 is 0.06 in the network's unit, of 200 beyond what it knows, of 2 below.
      for (deviation, word) in [(60, nil), (200, "more of it"), (2, "denoised before")] as [(Double, String?)] {
        let noise = PhiloxRandomSource(seed: 1).normal(shape: [1, 4, 24, 24])
        var volume = testVolume(scrambled(24 * 24 * 4), columns: 24, rows: 24, slices: 4, spacing: [0.7, 0.7, 2.5])
        volume.voxels = .linearCombination([(deviation, noise)])
        volume.voxels.withUnsafeMutableBuffer { for i in $0.indices { $0[i] += i % 24 < 12 ? -500 : 300 } }
        let name = "noisy-\(Int(deviation)).nii"
        try scene.write(volume, name)
        var request = scene.request(name)
        request.ifExists = .replace
        let warnings = try ImageToImagePipeline(request).plan().warnings.filter { $0.hasPrefix("W-ENVELOPE") }
        #expect(
          warnings.count == (word == nil ? 0 : 1) && warnings.allSatisfy { $0.contains(word ?? "?") }, "\(warnings)")
        let made = try #require(manifest(try ImageToImagePipeline(request).run()))
        #expect(made.qc.envelope.inside == (word == nil))
        #expect(made.parameters["noiseLevel"] == .text("estimated"))
        #expect(abs((made.qc.metrics["noiseLevel"] ?? 0) / deviation - 1) < 0.25)
        request.options.noiseLevel = 50
        let given = try #require(manifest(try ImageToImagePipeline(request).run()))
        #expect(given.parameters["noiseLevel"] == .number(50) && given.qc.metrics["noiseLevel"] == 50)
        #expect(given.jobKey != made.jobKey)
      }
    }
  }

  @Test("the same job again is left alone; another job on its place is refused, or replaces it when told to")
  func existing() throws {
    try withTemporaryFolder { folder in
      let scene = try Scene(folder)
      let first = try #require(manifest(try ImageToImagePipeline(scene.request()).run()))
      let again = try ImageToImagePipeline(scene.request()).run()
      #expect(skipped(again) == .some(first))
      #expect { try ImageToImagePipeline(scene.request(seed: 2)).run() } throws: { kind($0) == .outputExists }
      var other = scene.request(seed: 2)
      other.ifExists = .replace
      let second = try #require(manifest(try ImageToImagePipeline(other).run()))
      #expect(second.jobKey != first.jobKey && second.outputs[0].sha256Voxels != first.outputs[0].sha256Voxels)
      #expect(try Manifest.read(scene.url("out.manifest.json")) == second)
      // A result that was tampered with is not "the same result".
      try Data("x".utf8).write(to: scene.url("out.nii.gz"))
      var same = scene.request(seed: 2)
      #expect { try ImageToImagePipeline(same).run() } throws: { kind($0) == .outputExists }
      same.ifExists = .skip
      #expect(skipped(try ImageToImagePipeline(same).run()) != nil)
    }
  }

  @Test(
    "versions: the same job is left alone wherever it stands, another gets the next number, with its manifest beside it"
  )
  func versions() throws {
    try withTemporaryFolder { folder in
      let scene = try Scene(folder)
      func run(_ seed: UInt64) throws -> RunOutcome {
        var request = scene.request(seed: seed)
        request.ifExists = .version
        return try ImageToImagePipeline(request).run()
      }
      let first = try #require(manifest(try run(1)))
      #expect(first.outputs[0].name == "out.nii.gz")
      let before = try Data(contentsOf: scene.url("out.nii.gz"))
      let second = try #require(manifest(try run(2)))
      #expect(second.outputs[0].name == "out.2.nii.gz")
      #expect(try Manifest.read(scene.url("out.2.manifest.json")) == second)
      #expect(skipped(try run(1)) == .some(first))
      #expect(skipped(try run(2)) == .some(second))
      // A file that nobody knows takes a number as a result does.
      try Data("mine".utf8).write(to: scene.url("out.3.nii.gz"))
      var planned = scene.request(seed: 3)
      planned.ifExists = .version
      #expect(try ImageToImagePipeline(planned).plan().outputs.contains("out.4.nii.gz"))
      #expect(try #require(manifest(try run(3))).outputs[0].name == "out.4.nii.gz")
      #expect(try Data(contentsOf: scene.url("out.nii.gz")) == before)
      #expect(try Data(contentsOf: scene.url("out.3.nii.gz")) == Data("mine".utf8))
      #expect(try scene.names.filter { $0.hasPrefix(".") } == [])
    }
  }

  @Test("a name that is taken while a run computes stays with who took it; the run takes the next")
  func versionTakenMeanwhile() throws {
    try withTemporaryFolder { folder in
      let scene = try Scene(folder)
      var request = scene.request()
      request.ifExists = .version
      var isFirst = true
      let outcome = try ImageToImagePipeline(request).run { event in
        guard case .writing = event, isFirst else { return }
        isFirst = false
        try Data("mine".utf8).write(to: scene.url("out.nii.gz"))
      }
      #expect(try #require(manifest(outcome)).outputs[0].name == "out.2.nii.gz")
      #expect(try Data(contentsOf: scene.url("out.nii.gz")) == Data("mine".utf8))
      #expect(try scene.names == ["in.nii.gz", "out.2.manifest.json", "out.2.nii.gz", "out.nii.gz"])
    }
  }

  @Test(
    "whatever ends a run before its manifest leaves nothing behind",
    arguments: ["evaluated", "writing 1", "writing 2", "writing 3"])
  func interrupted(point: String) throws {
    struct Stop: Error {}
    try withTemporaryFolder { folder in
      let scene = try Scene(folder)
      var request = scene.request()
      request.report = true
      var writings = 0
      #expect(throws: Stop.self) {
        _ = try ImageToImagePipeline(request).run { event in
          switch event {
          case .evaluated: if point == "evaluated" { throw Stop() }
          case .writing:
            writings += 1
            if point == "writing \(writings)" { throw Stop() }
          default: break
          }
        }
      }
      #expect(try scene.names == ["in.nii.gz"])
    }
  }

  @Test("bits do not depend on the batch, the threads or the memory bound")
  func sameBits() throws {
    let volume = testVolume(scrambled(20 * 18 * 5), columns: 20, rows: 18, slices: 5)
    let model = try tinyModel(tinyCard())
    func restored(batch: Int, threads: Int) throws -> Tensor {
      try Parallel.using(threads: threads) {
        try VolumeRestorer(
          card: model.card, options: SamplingOptions(sampler: .ddim(eta: 0.5), steps: 2, seed: 3), batch: batch,
          makeDenoiser: model.makeDenoiser
        ).restore(volume).voxels
      }
    }
    let reference = try restored(batch: 1, threads: 1)
    #expect(try restored(batch: 2, threads: 1) == reference)
    #expect(try restored(batch: 5, threads: 1) == reference)
    #expect(try restored(batch: 3, threads: 3) == reference)
  }

  @Test("several samples leave a standard deviation beside the mean")
  func samples() throws {
    try withTemporaryFolder { folder in
      let scene = try Scene(folder)
      var request = scene.request()
      request.options.samples = 3
      let made = try #require(manifest(try ImageToImagePipeline(request).run()))
      #expect(made.outputs.map(\.role) == ["image", "standard-deviation"])
      let deviation = try VolumeFile.read(scene.url("out.sd.nii.gz"))
      #expect(deviation.header.dataType == .float32 && deviation.voxels.values.allSatisfy { $0 >= 0 })
      #expect(deviation.voxels.values.contains { $0 > 0 })
    }
  }

  @Test("starting noise from a file is part of the job")
  func noiseFile() throws {
    try withTemporaryFolder { folder in
      let scene = try Scene(folder)
      let stack = SliceStack(slices: 3, rows: 18, columns: 20, multiple: 2)
      let noise = NoiseField(seed: 8, sharing: .independent, stack: stack).images(0..<3, ofFrame: 0, draw: 0)
      try scene.write(testVolume(noise.values, columns: 20, rows: 18, slices: 3, type: .float32), "noise.nii")
      var request = scene.request()
      request.noise = scene.url("noise.nii")
      let given = try #require(manifest(try ImageToImagePipeline(request).run()))
      #expect(given.inputs.map(\.role) == ["image", "noise"])
      var seeded = scene.request(to: "seeded.nii.gz", seed: 8)
      seeded.options.noiseField = .independent
      let other = try #require(manifest(try ImageToImagePipeline(seeded).run()))
      #expect(other.outputs[0].sha256Voxels == given.outputs[0].sha256Voxels && other.jobKey != given.jobKey)
      // Noise that does not fit is refused before a run as well.
      try scene.write(testVolume(scrambled(20 * 18), columns: 20, rows: 18, slices: 1, type: .float32), "small.nii")
      request.noise = scene.url("small.nii")
      request.output = scene.url("planned.nii.gz")
      #expect { try ImageToImagePipeline(request).plan() } throws: { kind($0) == .unsuitableInput }
    }
  }

  @Test("a PNG comes back as a PNG of the same depth, four dimensions as four")
  func formats() throws {
    try withTemporaryFolder { folder in
      let scene = try Scene(folder, card: tinyCard(intensity: .fullRange))
      let picture = testVolume(
        (0..<30 * 21).map { Float($0 % 256) }, columns: 30, rows: 21, slices: 1, type: .uint8, format: .png)
      try scene.write(picture, "in.png")
      _ = try ImageToImagePipeline(scene.request("in.png", to: "out.png")).run()
      let after = try VolumeFile.read(scene.url("out.png"))
      #expect(after.header.dataType == .uint8 && after.voxels.shape == [1, 1, 21, 30])
      #expect { try ImageToImagePipeline(scene.request(to: "volume.png")).run() } throws: { kind($0) == .usage }
    }
    try withTemporaryFolder { folder in
      let scene = try Scene(folder)
      try scene.write(testVolume(scrambled(8 * 8 * 2 * 2), columns: 8, rows: 8, slices: 2, frames: 2), "four.nii")
      _ = try ImageToImagePipeline(scene.request("four.nii", to: "out.nii")).run()
      #expect(try VolumeFile.read(scene.url("out.nii")).voxels.shape == [2, 2, 8, 8])
    }
  }

  @Test("what cannot be done is refused before the work, and nothing is written")
  func refusals() throws {
    try withTemporaryFolder { folder in
      let scene = try Scene(folder)
      func refused(_ request: RunRequest, _ expected: PipelineError.Kind) {
        #expect {
          try ImageToImagePipeline(request).run { if case .evaluated = $0 { Issue.record("it was computed") } }
        } throws: {
          kind($0) == expected
        }
      }
      refused(scene.request(to: "in.nii.gz"), .usage)
      refused(scene.request(to: "out.jpg"), .usage)
      refused(scene.request(to: "missing/out.nii"), .cannotCreate)
      refused(scene.request(to: String(repeating: "x", count: 250) + ".nii"), .cannotCreate)
      try FileManager.default.createSymbolicLink(
        at: scene.url("link.nii.gz"), withDestinationURL: scene.url("in.nii.gz"))
      refused(scene.request(to: "link.nii.gz"), .usage)
      var tight = scene.request()
      tight.memoryLimit = 1 << 20
      refused(tight, .notEnoughMemory)
      try scene.write(testVolume([Float](repeating: 3, count: 64), columns: 8, rows: 8, slices: 1), "constant.nii")
      refused(scene.request("constant.nii"), .unsuitableInput)
      #expect(throws: FileError.self) { try ImageToImagePipeline(scene.request("missing.nii")).run() }
      #expect(try scene.names == ["constant.nii", "in.nii.gz", "link.nii.gz"])
    }
  }

  @Test("an input far outside the envelope is refused, and restored with a remark when forced")
  func envelope() throws {
    try withTemporaryFolder { folder in
      var card = tinyCard()
      card.envelope = InputEnvelope(modality: "CT", inPlaneSpacing: [2, 3])
      let scene = try Scene(folder, card: card)
      #expect { try ImageToImagePipeline(scene.request()).run() } throws: { kind($0) == .unsuitableInput }
      var forced = scene.request()
      forced.force = true
      let made = try #require(manifest(try ImageToImagePipeline(forced).run()))
      #expect(!made.qc.envelope.inside && made.qc.flags.contains { $0.hasPrefix("W-FORCED") })
    }
  }

  @Test("a plan writes nothing and says what a run then does")
  func plan() throws {
    try withTemporaryFolder { folder in
      let scene = try Scene(folder)
      let plan = try ImageToImagePipeline(scene.request()).plan()
      #expect(try scene.names == ["in.nii.gz"])
      var evaluations = 0
      let made = try #require(
        manifest(
          try ImageToImagePipeline(scene.request()).run { if case .evaluated(let done, _) = $0 { evaluations = done } })
      )
      #expect(plan.evaluations == evaluations && plan.jobKey == made.jobKey)
      #expect(plan.labels == [999, 0] && plan.outputs == ["out.nii.gz", "out.manifest.json"])
    }
  }
}
