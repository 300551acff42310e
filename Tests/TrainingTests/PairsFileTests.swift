import DurableFiles
import Foundation
import Models
import TensorCore
import TestSupport
import Testing
import Volumes

@testable import Training

/// What leaves the house for training elsewhere is what a run would see here.
@Suite struct PairsFileTests {
  /// The file as another program reads it.
  private struct Read {
    var card: ModelCard
    var run: [String: Any]
    var stacks: [String: [Int16]]

    init(_ url: URL) throws {
      card = try PairsFile.card(of: url)
      let file = try SafetensorsFile(url)
      let text = try #require(file.metadata["pellucid-pairs"])
      let object = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
      run = try #require(object)
      stacks = [:]
      for entry in file.entries {
        #expect(entry.format == .int16 && entry.shape.reduce(2, *) == entry.byteCount)
        var values = [Int16](repeating: 0, count: entry.byteCount / 2)
        try values.withUnsafeMutableBytes { try file.read(into: $0, at: entry.offset) }
        stacks[entry.name] = values.map(Int16.init(littleEndian:))
      }
    }

    func entries(_ key: String) throws -> [[String: Any]] {
      let entries = run[key] as? [[String: Any]]
      return try #require(entries)
    }

    func variants(_ key: String, _ entry: Int) throws -> [[String: Any]] {
      let entry = try entries(key)[entry]
      let variants = entry["variants"] as? [[String: Any]]
      return try #require(variants)
    }
  }

  private static func written(_ yaml: String, in folder: URL) throws -> (TrainingConfiguration, Read) {
    let configuration = try TrainingConfiguration(yaml: yaml)
    let url = folder.appendingPathComponent("pairs.safetensors")
    try PairsFile.write(
      configuration, dataFolder: TinyTraining.folder(folder), cache: nil, command: "here", software: "test", to: url,
      ifExists: .fail, read: TinyTraining.read, progress: { _ in })
    return (configuration, try Read(url))
  }

  @Test func `stacks, planes and settings are those of a run`() throws {
    let yaml = TinyTraining.yaml(loss: "{relativeToInput: true, guessError: 0.5, linearBeyond: 0.25}")
      .replacing(
        "task: denoise", with: "task: denoise\nnoiseLevel: {scale: 4, jitter: 0.25}\nconditionSlices: [-1, 0, 1]")
    try withTemporaryFolder { folder in
      let (configuration, read) = try Self.written(yaml, in: folder)
      // A run simulates with the configuration's seed and number of realisations.
      let data = try TrainingData(
        configuration, folder: folder, cache: nil, read: TinyTraining.read, progress: { _ in })
      for (key, dataset) in [("training", data.training), ("validation", try #require(data.validation))] {
        let entries = try read.entries(key)
        #expect(entries.count == dataset.entries.count)
        for (found, entry) in zip(entries, dataset.entries) {
          #expect(found["name"] as? String == entry.name && found["weight"] as? Double == entry.weight)
          let variants = try #require(found["variants"] as? [[String: Any]])
          #expect(variants.count == entry.variants.count)
          for (found, variant) in zip(variants, entry.variants) {
            let (target, condition) = (found["target"] as? String ?? "", found["condition"] as? String ?? "")
            #expect(read.stacks[target] == variant.target.values)
            #expect(read.stacks[condition] == variant.condition?.values)
            #expect(found["level"] as? Double == variant.level && found["gap"] as? Int == 0)
            for (key, value) in [
              ("inputError", variant.inputError), ("sliceDifference", variant.sliceDifference),
              ("told", 4 * variant.noiseLevel),
            ] {
              #expect(abs((found[key] as? Double ?? -1) - value) <= 1e-12 * value, "\(key)")
            }
            #expect(variant.inputError > 0 && variant.noiseLevel > 0)
          }
        }
      }
      // Both strengths have one target, which is there once; the two parts of b are alike.
      #expect(read.stacks.count == 2 * 3 + 2)
      let first = try read.variants("training", 0)[0]
      #expect(first["planes"] as? [[Int]] == [[0, 1, 0, 1], [1, 0, 1, 2], [2, 1, 2, 3], [3, 2, 3, 2]])
      let loss = try #require(read.run["loss"] as? [String: Any])
      #expect(loss["relativeToInput"] as? Bool == true && loss["guessError"] as? Double == 0.5)
      #expect(loss["linearBeyond"] as? Double == 0.25 && loss["guess"] as? String == "start")
      #expect(read.run["noiseLevelJitter"] as? Double == 0.25 && read.run["centres"] as? [Int] == [1])
      let optimizer = try #require(read.run["optimizer"] as? [String: Any])
      #expect(optimizer["steps"] as? Int == 6 && optimizer["clipNorm"] as? Double == 1)
      #expect(optimizer["learningRate"] as? Double == 2e-3 && optimizer["emaDecay"] as? Double == 0.9)
      let signal = try #require(read.run["signal"] as? [Double]), noise = try #require(read.run["noise"] as? [Double])
      #expect(signal.count == 11 && abs(signal[0] - (1 - 1e-4).squareRoot()) < 1e-12)
      #expect(zip(signal, noise).allSatisfy { abs($0 * $0 + $1 * $1 - 1) < 1e-12 })
      // The card is that of the model to be.
      let range = try #require(read.card.noiseLevel?.range), told = data.training.entries.flatMap(\.variants)
      #expect(range == [told.map(\.noiseLevel).min(), told.map(\.noiseLevel).max()])
      #expect(read.card.training?.steps == 0 && read.card.training?.configuration == yaml)
      #expect(read.card.training?.command == "here" && read.card.architecture == configuration.architecture)
    }
  }

  @Test func `what is held out has noise that training has not seen, even of the same scan`() throws {
    let yaml = TinyTraining.yaml().replacing("[{path: b.nii, slices: 4-5,", with: "[{path: a.nii, slices: 0-3,")
    try withTemporaryFolder { folder in
      let data = try TrainingData(
        TrainingConfiguration(yaml: yaml), folder: TinyTraining.folder(folder), cache: nil, read: TinyTraining.read,
        progress: { _ in })
      let held = try #require(data.validation).entries[0].variants[0], trained = data.training.entries[0].variants[0]
      #expect(held.level == trained.level && held.target == trained.target && held.condition != trained.condition)
    }
  }

  @Test func `planes of super-resolution are seen a gap apart`() throws {
    let yaml = TinyTraining.yaml()
      .replacing("task: denoise", with: "task: super-resolve\nconditionSlices: [-1, 0, 1]")
      .replacing("{kind: rician, levels: [0.05, 0.1]}", with: "{kind: thick-slices, levels: [2]}")
      .replacing("slices: 1-2", with: "slices: 0-5").replacing("slices: 4-5", with: "slices: 0-5")
    try withTemporaryFolder { folder in
      let (_, read) = try Self.written(yaml, in: folder)
      let variant = try read.variants("training", 1)[0]
      #expect(variant["gap"] as? Int == 2 && variant["condition"] == nil)
      // Six slices give five of two; the slice before the first one is the first one's mirror image.
      #expect(variant["planes"] as? [[Int]] == [[1, 2, 0, 2], [2, 3, 1, 3], [3, 0, 2, 4]])
    }
  }

  @Test func `a file that stands is left alone, and a model is no pairs`() throws {
    try withTemporaryFolder { folder in
      _ = try Self.written(TinyTraining.yaml(), in: folder)
      let before = try Data(contentsOf: folder.appendingPathComponent("pairs.safetensors"))
      #expect(throws: (any Error).self) { _ = try Self.written(TinyTraining.yaml(steps: 7), in: folder) }
      #expect(try Data(contentsOf: folder.appendingPathComponent("pairs.safetensors")) == before)
      _ = try TinyTraining.run(folder, output: "run")
      #expect {
        _ = try PairsFile.card(of: folder.appendingPathComponent("run/model.safetensors"))
      } throws: { "\($0)".contains("holds no pairs") }
    }
  }
}
