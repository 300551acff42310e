import Foundation
import Models
import NeuralNet
import TestSupport
import Testing
import Volumes

@Suite("From a clean scan to a model in use: degrade, train, models, evaluate and run, as processes")
struct TrainingCommandTests {
  /// A training of three steps on two made-up scans.
  private static let configuration = """
    name: little
    task: denoise
    network: {baseChannels: 32, channelMultipliers: [1], residualBlocks: 1, bottleneckAttention: false}
    labels: uniform-10-without-0
    prediction: {kind: data, skip: condition, residualScale: 0.1}
    intensity: {window: [-1000, 1000]}
    degradation: {kind: low-dose-ct, levels: [0.5, 0.2], parameters: {photons: 20000, views: 30}}
    data:
      training: [{path: scan.nii, slices: 0-2, source: made up}]
      validation: [{path: scan.nii, slices: 4-5, source: made up}]
    loss: {relativeToInput: true, guessError: 0.3}
    patches: {sizes: [16, 32], batch: 4}
    optimizer: {steps: 3, learningRate: 1.0e-3}
    report: {logEvery: 1, validateEvery: 3, validationSlices: 1, validationSize: 32, checkpointEvery: 2}
    """

  /// A scene with the scan and the configuration, and the training run if asked for.
  private func with(trained: Bool, _ body: (Scene) throws -> Void) throws {
    try Scene.with { scene in
      _ = try scene.input("scan.nii", NIfTIBytes.phantom([40, 40, 6]).data)
      try Data(Self.configuration.utf8).write(to: scene.folder.appendingPathComponent("little.yaml"))
      if trained {
        let outcome = try scene.execute(train)
        #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      }
      try body(scene)
    }
  }

  private let train = ["train", "little.yaml", "--data-folder", "in", "--output", "run"]
  private let model = "run/model.safetensors"

  private func bytes(_ name: String, _ scene: Scene) throws -> Data {
    try Data(contentsOf: scene.folder.appendingPathComponent(name))
  }

  private func object(_ outcome: Executable.Outcome) throws -> [String: Any] {
    #expect(outcome.exitCode == 0, "\(outcome.standardError)")
    return try #require(try JSONSerialization.jsonObject(with: Data(outcome.standardOutput.utf8)) as? [String: Any])
  }

  @Test("degrading is recorded, depends on the seed alone, and leaves what stands")
  func degrade() throws {
    try with(trained: false) { scene in
      func degrade(_ name: String, seed: Int, _ more: String...) throws -> Executable.Outcome {
        try scene.execute(
          [
            "degrade", "in/scan.nii", "-o", "out/\(name)", "--kind", "low-dose-ct", "--dose", "0.1", "--seed",
            "\(seed)",
          ]
            + more)
      }
      let record = try object(try degrade("a.nii", seed: 1, "--json"))
      #expect(record["kind"] as? String == "low-dose-ct" && record["level"] as? Double == 0.1)
      #expect(record["seed"] as? Int == 1)
      #expect(try contents(of: scene.outputs) == ["a.nii", "a.nii.json"])
      #expect(try degrade("b.nii", seed: 1).exitCode == 0)
      #expect(try degrade("c.nii", seed: 2).exitCode == 0)
      #expect(try bytes("out/a.nii", scene) == bytes("out/b.nii", scene))
      #expect(try bytes("out/a.nii", scene) != bytes("out/c.nii", scene))
      let again = try degrade("a.nii", seed: 2)
      #expect(again.exitCode == 73 && again.errorLines.count == 1, "\(again.standardError)")
      #expect(try bytes("out/a.nii", scene) == bytes("out/b.nii", scene))
    }
  }

  @Test("the defaults that the help of degrade names are those that are used")
  func degradeDefaults() throws {
    try with(trained: false) { scene in
      let help = try scene.execute(["help", "degrade"], environment: ["COLUMNS": "400"]).standardOutput
      var explicit: [String] = []
      for option in ["--photons", "--views", "--electronic-noise", "--apodisation"] {
        let lines = help.split(separator: "\n")
        let first = try #require(lines.firstIndex { $0.hasPrefix("  \(option) ") })
        let text = lines[first...(first + 1)].joined(separator: " ")
        explicit += [option, String(try #require(text.firstMatch(of: /\(default: ([0-9.e]+)\)/), "\(text)").1)]
      }
      let arguments = ["degrade", "in/scan.nii", "--kind", "low-dose-ct", "--dose", "0.1", "--seed", "1"]
      #expect(try scene.execute(arguments + ["-o", "out/a.nii"]).exitCode == 0)
      #expect(try scene.execute(arguments + explicit + ["-o", "out/b.nii"]).exitCode == 0, "\(explicit)")
      #expect(try bytes("out/a.nii", scene) == bytes("out/b.nii", scene), "\(explicit)")
    }
  }

  @Test("degrading for a model takes kind and parameters from its card, at a level that the card names")
  func degradeForModel() throws {
    try with(trained: true) { scene in
      let arguments = ["degrade", "in/scan.nii", "--model", model, "--seed", "5", "--json"]
      let record = try object(try scene.execute(arguments + ["-o", "out/low.nii"]))
      #expect(record["model"] as? String == "little" && record["level"] as? Double == 0.2)
      let parameters = try #require(record["parameters"] as? [String: Double])
      #expect(parameters["photons"] == 20000 && parameters["views"] == 30)
      // The same by hand.
      let byHand = try scene.execute([
        "degrade", "in/scan.nii", "-o", "out/hand.nii", "--kind", "low-dose-ct", "--dose", "0.2", "--photons", "20000",
        "--views", "30", "--seed", "5",
      ])
      #expect(byHand.exitCode == 0, "\(byHand.standardError)")
      #expect(try bytes("out/low.nii", scene) == bytes("out/hand.nii", scene))
    }
  }

  @Test("a training leaves a model that is listed, verified, exported, evaluated and run")
  func trainToRun() throws {
    try with(trained: true) { scene in
      let files = try contents(of: scene.folder.appendingPathComponent("run")).filter { !$0.hasPrefix("cache") }
      #expect(files == ["checkpoint", "configuration.yaml", "log.jsonl", "loss.svg", "model.safetensors"])
      let card = try object(try scene.execute(["models", "info", model, "--json"]))
      #expect(String(describing: card).contains("little"))
      #expect(try scene.execute(["models", "verify", model]).exitCode == 0)
      let listed = try scene.execute(
        ["models", "ls"], environment: ["PELLUCID_MODELS": scene.folder.appendingPathComponent("run").path])
      #expect(
        listed.exitCode == 0 && listed.standardOutput.contains("run/model.safetensors"), "\(listed.standardOutput)")
      let half = try scene.execute(["train", "--export", "run/checkpoint", "-o", "half.safetensors", "--half"])
      #expect(half.exitCode == 0, "\(half.standardError)")
      #expect(try bytes("half.safetensors", scene).count < bytes(model, scene).count)

      // What a card says of its use can be said anew; what decides the weights cannot.
      for (change, code) in [
        ("envelope: {modality: CT, size: [16, 64]}\nintendedUse: tests\nlicence: MIT\ncitation: [me]", 0),
        ("seed: 3", 65),
      ] {
        try Data((Self.configuration + "\n\(change)\n").utf8).write(
          to: scene.folder.appendingPathComponent("anew.yaml"))
        let anew = try scene.execute([
          "train", "anew.yaml", "--export", "run/checkpoint", "-o", "anew\(code).safetensors",
        ])
        #expect(anew.exitCode == Int32(code), "\(anew.standardError)")
        guard code == 0 else { continue }
        let card = try ModelFile.readCard(scene.folder.appendingPathComponent("anew0.safetensors"))
        #expect(card.licence == "MIT" && card.citation == ["me"])
        #expect(card.intendedUse == "tests" && card.envelope == InputEnvelope(modality: "CT", size: [16, 64]))
        // What made the weights stays on record.
        #expect(card.training?.configuration == Self.configuration)
        let parameters = try [model, "anew0.safetensors"].map {
          try ModelFile.read(scene.folder.appendingPathComponent($0)).parameters
        }
        #expect(parameters[0].names == parameters[1].names)
        #expect(parameters[0].names.indices.allSatisfy { parameters[0][position: $0] == parameters[1][position: $0] })
      }

      let report = try object(
        try scene.execute([
          "evaluate", "--model", model, "--data", "in/scan.nii", "--slices", "4-5", "--samplers", "ddim,pfdiff-1_1",
          "--seeds", "2", "--levels", "0.2", "--json",
        ]))
      let rows = try #require(report["rows"] as? [[String: Any]])
      let methods = rows.compactMap { $0["method"] as? String }
      for method in ["input", "ddim", "pfdiff", "gaussian", "non-local means"] {
        #expect(methods.contains { $0.lowercased().contains(method) }, "\(method) is not in \(methods)")
      }

      let run = try scene.execute(["run", "in/scan.nii", "-o", "out/clear.nii", "--model", model])
      #expect(run.exitCode == 0, "\(run.standardError)")
      #expect(try VolumeFile.read(scene.outputs.appendingPathComponent("clear.nii")).slices == 6)
    }
  }

  @Test("a training is not overwritten, goes on when asked to, and gives the bytes of one that was never stopped")
  func resume() throws {
    try with(trained: true) { scene in
      let again = try scene.execute(train)
      #expect(again.exitCode == 73 && again.errorLines.last?.contains("--resume") == true, "\(again.standardError)")
      // Killed at any moment, it goes on to the same bits.
      let killed = Array(train.dropLast() + ["killed"])
      for delay in [0.05, 0.4] { try Executable.runAndKill(killed + ["--resume"], in: scene.folder, after: delay) }
      let resumed = try scene.execute(killed + ["--resume"])
      #expect(resumed.exitCode == 0, "\(resumed.standardError)")
      #expect(try bytes("killed/model.safetensors", scene) == bytes(model, scene))
    }
  }

  /// A checkpoint as Workflows/pytorch saves it, all weights a quarter.
  private func checkpoint(_ architecture: UNetConfiguration, pairs: String, _ scene: Scene) throws -> String {
    let tensors = try UNet(architecture).parameterShapes.map { name, shape in
      // PyTorch's layout has the outputs first.
      (name: name, shape: shape.count == 4 ? [shape[3], shape[2], shape[0], shape[1]] : shape.reversed())
    }
    var pickle = CheckpointBuilder.Pickle()
    pickle.op("]")
    pickle.op("(")
    pickle.stateDict(tensors)
    pickle.op("}")
    pickle.text(pairs)
    pickle.int(1234)
    pickle.stateDict(tensors)
    pickle.op("e")
    try Data(CheckpointBuilder.checkpoint(pickle.finished)).write(to: scene.folder.appendingPathComponent("new.pth"))
    return "new.pth"
  }

  @Test("what was trained elsewhere on pairs comes in with their card, and nothing else does")
  func trainedElsewhere() throws {
    try with(trained: false) { scene in
      let yaml = Self.configuration.replacing(
        "bottleneckAttention: false}", with: "bottleneckAttention: false, normGroups: 8}")
      try Data(yaml.utf8).write(to: scene.folder.appendingPathComponent("little.yaml"))
      let make = ["train", "little.yaml", "--data-folder", "in", "--pairs", "-o", "pairs.safetensors"]
      let made = try scene.execute(make)
      #expect(made.exitCode == 0 && made.standardOutput.hasSuffix("  pairs.safetensors\n"), "\(made.standardError)")
      #expect(try scene.execute(make).exitCode == 73)
      let digest = String(made.standardOutput.prefix(64))
      let network = UNetConfiguration(
        inputChannels: 2, baseChannels: 32, channelMultipliers: [1], residualBlocks: 1, bottleneckAttention: false)
      var wider = network
      wider.inputChannels = 3
      func bring(_ checkpoint: String, pairs: String = "pairs.safetensors", _ more: String...) throws
        -> Executable.Outcome
      {
        try scene.execute(
          ["models", "import", checkpoint, "-o", "new.safetensors", "--pairs", pairs] + more)
      }
      let fixtures = Repository.root.appendingPathComponent("Tests/ModelsTests/Fixtures")
      let official = fixtures.appendingPathComponent("official.pth").path
      for (refused, code, reason) in [
        (try bring(official), 78, "which pairs"),
        (try bring(checkpoint(network, pairs: String(digest.reversed()), scene)), 78, "not on these"),
        (try bring(checkpoint(wider, pairs: digest, scene)), 78, "another network"),
        (
          try bring(checkpoint(network, pairs: digest, scene), pairs: "pairs.safetensors", "--task", "denoise"), 64,
          "--task"
        ),
        (try bring("new.pth", pairs: fixtures.appendingPathComponent("forward.safetensors").path), 78, "no pairs"),
      ] {
        #expect(refused.exitCode == Int32(code) && refused.standardError.contains(reason), "\(refused.standardError)")
        #expect(try !contents(of: scene.folder).contains("new.safetensors"))
      }
      let over = try scene.execute(
        [
          "models", "import", "new.pth", "--pairs", "pairs.safetensors", "-o", "./pairs.safetensors", "--if-exists",
          "replace",
        ])
      #expect(over.exitCode == 73 && over.standardError.contains("holds the pairs"), "\(over.standardError)")
      let outcome = try bring("new.pth", pairs: "pairs.safetensors", "--name", "elsewhere")
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      let card = try ModelFile.read(scene.folder.appendingPathComponent("new.safetensors")).card
      let training = try #require(card.training)
      #expect(card.name == "elsewhere" && card.architecture.normGroups == 8 && card.prediction.kind == .data)
      #expect(training.steps == 1234 && training.samples == nil && training.configuration == yaml)
      #expect(training.command.contains("--pairs") && training.software.contains("checkpoint SHA-256"))
      let info = try scene.execute(["models", "info", "new.safetensors"])
      #expect(info.standardOutput.contains("1234 steps, seed 1\n"), "\(info.standardOutput)")
      let run = try scene.execute(["run", "in/scan.nii", "-o", "out.nii", "--model", "new.safetensors", "--steps", "1"])
      #expect(run.exitCode == 0, "\(run.standardError)")
      // Pairs are no model.
      let pairs = try scene.execute(["run", "in/scan.nii", "-o", "no.nii", "--model", "pairs.safetensors"])
      #expect(pairs.exitCode != 0 && pairs.errorLines.count == 1, "\(pairs.standardError)")
    }
  }

  @Test("a published checkpoint is imported with what it does not say, and refused without")
  func importCheckpoint() throws {
    try Scene.with { scene in
      let checkpoint = Repository.root.appendingPathComponent("Tests/ModelsTests/Fixtures/official.pth").path
      let whole = [
        "models", "import", checkpoint, "-o", "official.safetensors", "--label-set", "uniform-10", "--task", "denoise",
        "--window", "-1000,1000", "--modality", "CT",
      ]
      let outcome = try scene.execute(whole)
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      let card = try ModelFile.read(scene.folder.appendingPathComponent("official.safetensors")).card
      #expect(card.task == .denoise && card.labelSet.labels.count == 11 && card.envelope.modality == "CT")
      #expect(card.intensity == .window(low: -1000, high: 1000))
      for option in ["--label-set", "--task", "--window", "--modality"] {
        let index = try #require(whole.firstIndex(of: option))
        var partial = whole
        partial.removeSubrange(index...index + 1)
        partial[4] = "partial.safetensors"
        let refusal = try scene.execute(partial)
        #expect(refusal.exitCode == 64, "without \(option): \(refusal.exitCode) \(refusal.standardError)")
        #expect(try !contents(of: scene.folder).contains("partial.safetensors"))
      }
    }
  }
}
