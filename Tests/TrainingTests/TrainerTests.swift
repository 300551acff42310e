import Diffusion
import DurableFiles
import Foundation
import Models
import NeuralNet
import TensorCore
import TestSupport
import Testing
import Volumes

@testable import Training

/// A tiny network on made-up scans.
enum TinyTraining {
  static func yaml(
    prediction: String = "{kind: data, skip: condition, residualScale: 0.1}", steps: Int = 6, loss: String = "{}",
    sizes: String = "[8]"
  ) -> String {
    """
    name: tiny
    task: denoise
    network: {baseChannels: 32, channelMultipliers: [1], residualBlocks: 1, bottleneckAttention: false}
    prediction: \(prediction)
    intensity: {window: [0, 100]}
    degradation: {kind: rician, levels: [0.05, 0.1]}
    data:
      training: [{path: a.nii, slices: 0-3, source: made up}, {path: b.nii, slices: 1-2, weight: 0.5, source: made up}]
      validation: [{path: b.nii, slices: 4-5, source: made up}]
    loss: \(loss)
    patches: {sizes: \(sizes), batch: 4}
    optimizer: {steps: \(steps), learningRate: 2.0e-3, warmupSteps: 2, clipNorm: 1, emaDecay: 0.9}
    report: {logEvery: 1, validateEvery: 3, validationSlices: 1, validationSize: 8, checkpointEvery: 100}
    seed: 7
    """
  }

  static func read(_ url: URL) -> Volume {
    let radius = url.lastPathComponent == "a.nii" ? 6.0 : 4.0
    return Phantoms.volume(Phantoms.disc(size: 16, radius: radius, inside: 80, outside: 10, slices: 6))
  }

  static func folder(_ folder: URL) throws -> URL {
    for name in ["a.nii", "b.nii"] { try Data(name.utf8).write(to: folder.appendingPathComponent(name)) }
    return folder
  }

  static func dataset(_ configuration: TrainingConfiguration, in folder: URL) throws -> PairedDataset {
    try PairedDataset(
      configuration.training, of: configuration, folder: folder, cache: folder.appendingPathComponent("cache"),
      realisations: 2, seed: 1, read: read, progress: { _ in })
  }

  static func trainer(in folder: URL, prediction: String? = nil) throws -> Trainer {
    let configuration = try TrainingConfiguration(yaml: prediction.map { yaml(prediction: $0) } ?? yaml())
    return try Trainer(configuration, dataset: try dataset(configuration, in: Self.folder(folder)))
  }

  static func run(
    _ folder: URL, output: String, resume: Bool = false, stopAfter: Int? = nil, steps: Int = 6
  ) throws -> TrainingRun.Outcome {
    var taken = 0
    let options = TrainingRun.Options(
      output: folder.appendingPathComponent(output), dataFolder: try Self.folder(folder), resume: resume,
      command: "test", software: "test")
    return try TrainingRun.run(
      TrainingConfiguration(yaml: yaml(steps: steps)), options: options, read: read,
      progress: { if case .step = $0 { taken += 1 } },
      shouldStop: { stopAfter.map { taken >= $0 && taken > 0 } ?? false })
  }
}

@Suite struct TrainerTests {
  @Test func `six steps equal three steps, a checkpoint on disk, and three more, to the last bit`() throws {
    try withTemporaryFolder { folder in
      let trainer = try TinyTraining.trainer(in: folder)
      var whole = trainer.initialState
      for _ in 0..<6 { _ = trainer.step(&whole) }
      var half = trainer.initialState
      for _ in 0..<3 { _ = trainer.step(&half) }
      let url = folder.appendingPathComponent("checkpoint")
      try TrainingCheckpoint(
        state: half, configuration: trainer.configuration.text, steps: 6, command: "", validation: []
      ).write(to: url)
      // Everything anew, as in another process: the data come from the cache.
      let again = try TinyTraining.trainer(in: folder)
      var resumed = try TrainingCheckpoint(contentsOf: url).state
      #expect(resumed == half)
      for _ in 0..<3 { _ = again.step(&resumed) }
      #expect(resumed == whole)
      #expect(resumed.parameters != half.parameters)
      #expect(resumed.average != resumed.parameters)
    }
  }

  @Test func `a card says what a model was trained on, and how that was cut`() throws {
    try withTemporaryFolder { folder in
      let yaml = TinyTraining.yaml().replacingOccurrences(of: "slices: 0-3", with: "slices: 0-3, plane: axial")
      let configuration = try TrainingConfiguration(yaml: yaml)
      let dataset = try TinyTraining.dataset(configuration, in: TinyTraining.folder(folder))
      let state = try Trainer(configuration, dataset: dataset).initialState
      let checkpoint = TrainingCheckpoint(state: state, configuration: yaml, steps: 6, command: "", validation: [])
      let record = try #require(try ModelExport(checkpoint, software: "").card().training)
      #expect(record.data == ["a.nii, slices 0-3, cut axial: made up", "b.nii, slices 1-2: made up"])
      #expect(record.heldOut == ["b.nii, slices 4-5: made up"])
    }
  }

  @Test(arguments: [
    (#""step":0"#, #""step":-5"#), (#""step":0"#, #""step":9223372036854775807"#),
    (#""steps":6"#, #""steps":-1"#), (#""momentStep":0"#, #""momentStep":7"#),
    (#""shape":[32]"#, #""shape":[4611686018427387904,4]"#),
    (#""name":"conv_in.bias""#, #""name":"conv_in.weight""#), (#""name":"conv_in.bias""#, #""name":"conv_in.other""#),
  ])
  func `a checkpoint whose digest fits but whose header lies is refused`(from: String, to: String) throws {
    try withTemporaryFolder { folder in
      let trainer = try TinyTraining.trainer(in: folder)
      let url = folder.appendingPathComponent("checkpoint")
      try TrainingCheckpoint(
        state: trainer.initialState, configuration: trainer.configuration.text, steps: 6, command: "", validation: []
      ).write(to: url)
      let whole = try Data(contentsOf: url)
      let newline = try #require(whole.firstIndex(of: 10))
      let start = newline + 9
      let length = whole[newline + 1..<start].enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
      let header = String(decoding: whole[start..<start + length], as: UTF8.self)
      let place = try #require(header.range(of: from), "\(header.prefix(300))")
      let forged = Data(header.replacingCharacters(in: place, with: to).utf8)
      var body = whole[...newline]
      withUnsafeBytes(of: UInt64(forged.count).littleEndian) { body.append(contentsOf: $0) }
      body += forged + whole[(start + length)..<(whole.count - 64)]
      try (body + Data(ContentDigest.sha256(of: Data(body)).utf8)).write(to: url)
      #expect { try TrainingCheckpoint(contentsOf: url) } throws: { ($0 as? TrainingError)?.kind == .checkpoint }
    }
  }

  @Test func `a network that predicts its start has that as its own guess, and another once it has learnt`() throws {
    try withTemporaryFolder { folder in
      func states(_ loss: String) throws -> [TrainingState] {
        let configuration = try TrainingConfiguration(yaml: TinyTraining.yaml(loss: loss))
        let trainer = try Trainer(
          configuration, dataset: try TinyTraining.dataset(configuration, in: TinyTraining.folder(folder)))
        var state = trainer.initialState
        return (0..<3).map { _ in
          _ = trainer.step(&state)
          return state
        }
      }
      let start = try states("{guessError: 1}"), own = try states("{guessError: 1, guess: own}")
      let none = try states("{}")
      #expect(own[0] == start[0] && own[2] != start[2])
      #expect(own[0] != none[0])
    }
  }

  @Test func `the first guess is what the sampler makes of the noise with the noisiest label alone`() throws {
    try withTemporaryFolder { folder in
      let trainer = try TinyTraining.trainer(in: folder)
      var state = trainer.initialState
      for _ in 0..<5 { _ = trainer.step(&state) }
      let batch = trainer.dataset.batch(trainer.configuration.patches, seed: 5, step: 1)
      let noise = PhiloxRandomSource(seed: 5).normal(shape: batch.targets.shape)
      // Brighter than any scan, so that something is clamped.
      let conditions = Tensor(batch.conditions.values.map { 2 * $0 }, shape: batch.conditions.shape)
      let guess = trainer.firstGuess(noise, conditions, state.parameters)
      let plan = try SamplerPlan(
        sampler: .ddim, labels: .last(of: trainer.objective.labels), schedule: trainer.objective.schedule,
        clampData: true)
      let denoiser = PatchDenoiser(
        network: trainer.network, parameters: state.parameters, objective: trainer.objective, conditions: conditions)
      let sampled = try plan.run(denoiser, from: noise) { _ in throw CancellationError() }
      #expect(guess.values.contains(1))
      #expect(zip(guess.values, sampled.values).allSatisfy { abs($0 - $1) < 1e-6 })
      let first = denoiser.predict(noise, label: trainer.objective.labels.labels[0])
      #expect(guess != first.value)
    }
  }

  @Test func `a step gives the same bits for one and for three threads`() throws {
    try withTemporaryFolder { folder in
      let trainer = try TinyTraining.trainer(in: folder)
      let states = [1, 3].map { threads in
        Parallel.using(threads: threads) {
          var state = trainer.initialState
          for _ in 0..<2 { _ = trainer.step(&state) }
          return state
        }
      }
      #expect(states[0] == states[1])
    }
  }

  @Test(
    arguments: [
      "{kind: data, skip: condition, residualScale: 0.1}", "{kind: data}", "{kind: noise}", "{kind: velocity}",
    ])
  func `training lowers the loss of a fixed problem`(prediction: String) throws {
    try withTemporaryFolder { folder in
      let trainer = try TinyTraining.trainer(in: folder, prediction: prediction)
      let batch = trainer.dataset.batch(trainer.configuration.patches, seed: 99, step: 1)
      func loss(_ parameters: ParameterSet) -> Double {
        let problem = trainer.objective.problem(batch, seed: 99, step: 1) { $0 }
        let graph = Graph(parameters: parameters, recording: false)
        let output = trainer.network(graph.input(problem.input), labels: problem.labels, in: graph)
        return trainer.objective.loss(output.value, problem).loss
      }
      var state = trainer.initialState
      let before = loss(state.parameters)
      for _ in 0..<25 { _ = trainer.step(&state) }
      #expect(loss(state.parameters) < 0.9 * before)
    }
  }

  @Test func `the learning rate rises, falls along half a cosine, and ends where it should`() throws {
    try withTemporaryFolder { folder in
      var configuration = try TrainingConfiguration(yaml: TinyTraining.yaml())
      configuration.optimizer = .init(
        steps: 101, learningRate: 1, finalLearningRate: 0.2, warmupSteps: 0, clipNorm: nil, emaDecay: 0.9,
        emaWarmUp: false)
      let trainer = try Trainer(
        configuration, dataset: try TinyTraining.dataset(configuration, in: TinyTraining.folder(folder)))
      #expect(trainer.learningRate(1) == 1)
      #expect(abs(trainer.learningRate(51) - 0.6) < 1e-12)
      #expect(abs(trainer.learningRate(101) - 0.2) < 1e-12)
      configuration.optimizer.warmupSteps = 10
      let warm = try Trainer(
        configuration, dataset: try TinyTraining.dataset(configuration, in: TinyTraining.folder(folder)))
      #expect(warm.learningRate(1) == 0.1)
      #expect(warm.learningRate(10) == trainer.learningRate(10))
    }
  }

  @Test func `a run that is stopped and goes on ends with the same model as one that is not`() throws {
    try withTemporaryFolder { folder in
      let whole = try TinyTraining.run(folder, output: "whole")
      #expect(whole == .finished(model: folder.appendingPathComponent("whole/model.safetensors")))
      #expect(try TinyTraining.run(folder, output: "parts", stopAfter: 2) == .stopped(step: 2))
      #expect(throws: TrainingError.self) { try TinyTraining.run(folder, output: "parts") }
      _ = try TinyTraining.run(folder, output: "parts", resume: true)
      func state(_ name: String) throws -> TrainingState {
        try TrainingCheckpoint(contentsOf: folder.appendingPathComponent("\(name)/checkpoint")).state
      }
      #expect(try state("whole") == state("parts"))
      #expect(try state("whole").step == 6)
      let models = try ["whole", "parts"].map {
        try Data(contentsOf: folder.appendingPathComponent("\($0)/model.safetensors"))
      }
      #expect(models[0] == models[1])
      let log = try String(contentsOf: folder.appendingPathComponent("parts/log.jsonl"), encoding: .utf8)
      let steps = log.split(separator: "\n").filter { $0.contains("\"loss\"") }.count
      #expect(steps == 6)
      let curve = try String(contentsOf: folder.appendingPathComponent("parts/loss.svg"), encoding: .utf8)
      #expect(curve.contains("<polyline") && curve.contains("validation PSNR"))
    }
  }

  @Test func `a damaged checkpoint and one of another configuration are refused`() throws {
    try withTemporaryFolder { folder in
      _ = try TinyTraining.run(folder, output: "run", stopAfter: 1)
      let url = folder.appendingPathComponent("run/checkpoint")
      #expect {
        try TinyTraining.run(folder, output: "run", resume: true, steps: 7)
      } throws: { ($0 as? TrainingError)?.kind == .checkpoint }
      let good = try Data(contentsOf: url)
      for position in [3, 40, good.count / 2, good.count - 10] {
        var bad = good
        bad[position] ^= 4
        try bad.write(to: url)
        #expect(throws: TrainingError.self) { try TrainingCheckpoint(contentsOf: url) }
      }
      try good.prefix(good.count - 5).write(to: url)
      #expect(throws: TrainingError.self) { try TrainingCheckpoint(contentsOf: url) }
    }
  }
}
