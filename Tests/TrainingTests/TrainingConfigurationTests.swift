import Configuration
import Foundation
import Models
import TestSupport
import Testing

@testable import Training

@Suite struct TrainingConfigurationTests {
  private static let workflows = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("Workflows")

  @Test(arguments: ["ct-denoise", "mr-denoise", "mr-superres", "mr-t1-to-t2", "mr-t2-to-t1"])
  func `a shipped model was made by the configuration of its name`(name: String) throws {
    let models = Self.workflows.appendingPathComponent("models")
    let card = try ModelFile.readCard(models.appendingPathComponent("\(name).safetensors"))
    let training = try #require(card.training)
    var (inside, beside) = (
      try TrainingConfiguration(yaml: training.configuration),
      try TrainingConfiguration(contentsOf: Self.workflows.appendingPathComponent("training/\(name).yaml"))
    )
    // Remarks may change, and what inputs it is meant for, which an export may say anew.
    #expect(card.envelope == beside.envelope)
    (inside.text, beside.text) = ("", "")
    inside.envelope = beside.envelope
    #expect(inside == beside && card.name == name && training.steps >= beside.optimizer.steps)
  }

  @Test func `the page on training explains every key that is there, and those that the shipped configurations use`()
    throws
  {
    let folder = Self.workflows.appendingPathComponent("training")
    let page = try String(contentsOf: folder.appendingPathComponent("README.md"), encoding: .utf8)
    var keys = Set(TrainingConfiguration.keys)
    for name in ["ct-denoise", "mr-denoise", "mr-superres", "mr-t1-to-t2", "mr-t2-to-t1"] {
      let text = try String(contentsOf: folder.appendingPathComponent("\(name).yaml"), encoding: .utf8)
      for line in text.split(separator: "\n") {
        let unquoted = line.prefix { $0 != "#" }.split(separator: "\"", omittingEmptySubsequences: false).first ?? ""
        keys.formUnion(unquoted.matches(of: /(?:^|[ {])([a-z][A-Za-z]+):(?: |$)/).map { String($0.1) })
      }
    }
    #expect(keys.count > 60 && keys.isSuperset(of: ["sliceDetail", "margin", "warmupSteps"]))
    // A key, or several in one row, stands in the first cell.
    let explained = page.split(separator: "\n").filter { $0.hasPrefix("|") }.compactMap {
      $0.split(separator: "|").first
    }
    .joined()
    for key in keys.sorted() where !["photons", "views", "electronicNoise", "apodisation"].contains(key) {
      #expect(explained.contains("`\(key)`"), "\(key)")
    }
  }

  @Test func `the configuration of the shipped model is read as it stands`() throws {
    let configuration = try TrainingConfiguration(
      contentsOf: Self.workflows.appendingPathComponent("training/ct-denoise.yaml"))
    #expect(configuration.name == "ct-denoise")
    #expect(configuration.architecture.inputChannels == 5)  // three slices, the noise level, the noisy image
    #expect(configuration.intensity == .window(low: -1000, high: 1000))
    #expect(configuration.prediction.residualScale == 0.1)
    #expect(configuration.degradation?.record.levels == [0.25, 0.1])
    #expect(configuration.loss == .init(relativeToInput: true, guessError: 0.4))
    #expect(configuration.training.map(\.slices) == [0...35, 0...107])
    // The validation blocks lie beyond the training blocks, with a gap.
    for (train, held) in zip(configuration.training, configuration.validation) {
      #expect(train.path == held.path && train.slices.upperBound + 1 < held.slices.lowerBound)
    }
  }

  static let mistakes: [(from: String, to: String, says: String)] = [
    ("seed: 7", "sed: 7", "\"seed\""),
    ("warmupSteps", "warmUpSteps", "\"warmupSteps\""),
    ("path: a.nii", "pth: a.nii", "\"path\""),
    ("slices: 0-3", "slices: 3", "range"),
    ("slices: 0-3", "slices: 3-1", "range"),
    ("task: denoise", "task: denoising", "super-resolve"),
    ("kind: rician", "kind: thick-slices", "is for super-resolve"),
    ("levels: [0.05, 0.1]", "levels: []", "at least one"),
    ("levels: [0.05, 0.1]", "levels: [-1]", "noise level"),
    ("window: [0, 100]", "window: [100, 0]", "low below high"),
    ("sizes: [8]", "sizes: [7.5]", "whole number"),
    ("sizes: [8]", "sizes: []", "at least one"),
    ("sizes: [8]", "sizes: [8, 4]", "8...1024"),
    ("loss: {}", "loss: {guessError: 2}", "0.0...1.0"),
    ("loss: {}", "loss: {guess: own}", "guessError above 0"),
    ("loss: {}", "loss: {guessError: 1, guess: mine}", "start, own"),
    ("loss: {}", "loss: {linearBeyond: 0}", "1e-06...2.0"),
    ("loss: {}", "loss: {sliceDetail: -1}", "0.0...1000.0"),
    ("loss: {}", "loss: {sliceDetailAfter: 100}", "sliceDetail above 0"),
    ("kind: data, skip: condition, residualScale: 0.1}\n", "kind: velocity}\n", "data prediction"),
    ("name: tiny", "nom: tiny", "\"name\""),
    ("baseChannels: 32", "baseChannels: 33", "multiple"),
    ("baseChannels: 32", "baseChannels: 32, normGroups: 5", "normGroups"),
    ("slices: 0-3", "slices: 0-3, margin: -1", "0...1024"),
    ("slices: 0-3", "slices: 0-3, plane: all", "stored, axial, coronal, sagittal"),
    (
      "{kind: rician, levels: [0.05, 0.1]}\ndata:\n  training: [{path: a.nii, slices: 0-3,",
      "{kind: low-dose-ct, levels: [0.1]}\ndata:\n  training: [{path: a.nii, slices: 0-3, plane: axial,", "scanner"
    ),
    ("task: denoise", "task: translate", "pairs"),
    ("task: denoise", "task: super-resolve", "takes no other"),
    ("kind: data, skip", "kind: noise, skip", "neither"),
    ("seed: 7", "labels: uniform-0", "uniform"),
    ("seed: 7", "labelWeights: [1, 2]", "11"),
    ("seed: 7", "schedule: {name: jsd}", "leaves nothing"),
    ("task: denoise", "task: translate", "leave it out"),
    ("seed: 7", "noiseLevel: {scale: 0}", "1e-06"),
    ("seed: 7", "conditionSlices: [-1, 1]", "hold 0"),
    ("residualScale: 0.1", "residualFollowsNoise: true", "noiseLevel"),
    ("kind: data, skip: condition", "kind: data, skip: intensity-map", "translation only"),
    ("seed: 7", "seed: 1:30", "whole number"),
    ("seed: 7", "seed: 9:9:9:9:9:9:9:9:9:9:9:9:9:9:9:9", "whole number"),
    ("levels: [0.05, 0.1]", "levels: [0:30]", "numbers"),
    ("seed: 7", "\"se\\ned\": 7", "\"seed\""),
    ("seed: 7", "labels: \"uni\\nform\"", "uniform-K"),
  ]

  @Test(arguments: mistakes.indices) func `a mistake is refused with the line or the key that was meant`(index: Int) {
    let mistake = Self.mistakes[index]
    let good = TinyTraining.yaml(
      loss: mistake.from.hasPrefix("kind: data, skip: condition") ? "{guessError: 0.5}" : "{}")
    let bad = good.replacingOccurrences(of: mistake.from, with: mistake.to)
    #expect(bad != good)
    #expect {
      try TrainingConfiguration(yaml: bad)
    } throws: { error in
      guard let error = error as? ConfigurationError else { return false }
      if !error.description.contains(mistake.says) { Issue.record("\(error.description)") }
      return !error.description.contains("\n")
    }
  }

  @Test func `a key as long as the file is refused at once, with a short message`() {
    // A letter with a thousand accents is one character, and a character that cannot be shown becomes several.
    for key in [String(repeating: "k", count: 9000), "e" + String(repeating: "\u{301}", count: 9000)] {
      #expect {
        try TrainingConfiguration(yaml: key + ": 1\n")
      } throws: { ($0 as? ConfigurationError).map { $0.description.unicodeScalars.count <= 520 } == true }
    }
    let escaped = "\"" + String(repeating: "\\x01", count: 900) + "\": 1\n"
    #expect {
      try TrainingConfiguration(yaml: escaped)
    } throws: { ($0 as? ConfigurationError).map { $0.description.unicodeScalars.count <= 520 } == true }
  }

  @Test func `what is not YAML is refused`() {
    for text in ["", "[1, 2]", "a: [1", "name: x\nname: y"] {
      #expect(throws: ConfigurationError.self) { try TrainingConfiguration(yaml: text) }
    }
  }
}
