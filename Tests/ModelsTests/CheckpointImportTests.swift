import Foundation
import Models
import NeuralNet
import TensorCore
import TestSupport
import Testing

@Suite struct CheckpointImportTests {
  @Test(
    "every form of checkpoint gives the same network",
    arguments: ["official.pth", "list-of-one.pth", "state-dict.pth", "mixed-precision.pth"])
  func forms(file: String) throws {
    let bare = try CheckpointImport.read(Fixtures.url("bare.pth"))
    let other = try CheckpointImport.read(Fixtures.url(file))
    #expect(other.architecture == bare.architecture)
    #expect(other.parameters == bare.parameters)
    #expect(other.warnings.isEmpty)
  }

  @Test("the official list gives its average and its step, not the trained weights") func official() throws {
    let official = try CheckpointImport.read(Fixtures.url("official.pth"))
    #expect(official.weights == .average)
    #expect(official.trainingStep == 1234)
    let bare = try CheckpointImport.read(Fixtures.url("bare.pth"))
    #expect(bare.weights == .trained)
    #expect(bare.trainingStep == nil)
  }

  @Test("the shape of the network is read off its tensors") func architecture() throws {
    #expect(try CheckpointImport.read(Fixtures.url("bare.pth")).architecture == Fixtures.architecture)
    let three = try CheckpointImport.read(Fixtures.url("three-channels.pth")).architecture
    #expect(three.inputChannels == 3)
    var expected = Fixtures.architecture
    expected.inputChannels = 3
    #expect(three == expected)
  }

  @Test("values land where the engine's layout wants them") func layout() throws {
    // The large tensors of the fixture are views of a pool of numbers with strides 23, 11, 5 and 2 over output, input,
    // row and column, so different elements hold the same number of the pool.
    let weight = try CheckpointImport.read(Fixtures.url("bare.pth")).parameters["down.0.block.0.conv1.weight"]
    #expect(weight.shape == [3, 3, 32, 32])
    func at(_ output: Int, _ input: Int, _ row: Int, _ column: Int) -> Float {
      weight[flat: ((row * 3 + column) * 32 + input) * 32 + output]
    }
    for output in 0..<30 {
      for input in 0..<28 {
        #expect(at(output + 1, input, 0, 0) == at(output, input + 1, 2, 1))
        #expect(at(output + 1, input, 2, 0) == at(output, input + 3, 0, 0))
      }
    }
    #expect(at(0, 0, 2, 1) != at(0, 0, 1, 2))
  }

  @Test("the published network has 113 669 761 parameters, with two conditions 113 670 913") func count() throws {
    for (conditions, expected) in [(1, 113_669_761), (2, 113_670_913)] {
      let shapes = try UNet(.published(conditions: conditions)).parameterShapes
      #expect(shapes.count == 450)
      #expect(shapes.reduce(0) { $0 + $1.shape.reduce(1, *) } == expected)
    }
  }

  @Test(
    "a checkpoint of pairs takes their card, in whatever order that lists what no checkpoint orders, and no others'")
  func trainedOnPairs() throws {
    func card(_ step: Int = 20, of digest: String = "abc", _ change: (inout ModelCard) -> Void = { _ in }) throws
      -> ModelCard
    {
      var pickle = CheckpointBuilder.Pickle()
      pickle.op("]")
      pickle.op("(")
      pickle.stateDict([])
      pickle.op("}")
      pickle.text("abc")
      pickle.int(step)
      pickle.stateDict(fileShapes(Fixtures.architecture))
      pickle.op("e")
      var pairs = Fixtures.card(Fixtures.architecture)
      pairs.training = TrainingRecord(
        data: ["a"], heldOut: [], steps: 0, samples: 0, seed: 1, command: "c", configuration: "", software: "s")
      change(&pairs)
      return try withTemporaryFolder { folder in
        let url = folder.appendingPathComponent("ckpt.pth")
        try Data(CheckpointBuilder.checkpoint(pickle.finished)).write(to: url)
        return try CheckpointImport.read(url).card(trainedOn: pairs, pairsDigest: digest, checkpointDigest: "def")
      }
    }
    let twice = try card {
      $0.architecture.attentionLevels = [1, 1]
      $0.architecture.normGroups = 4
    }
    #expect(twice.architecture.attentionLevels == [1, 1] && twice.architecture.normGroups == 4)
    #expect(twice.training?.steps == 20 && twice.training?.software == "s, checkpoint SHA-256 def")
    #expect(throws: ModelError.self) { _ = try card { $0.architecture.attentionLevels = [0] } }
    #expect(throws: ModelError.self) { _ = try card { $0.architecture.residualBlocks = 2 } }
    #expect(throws: ModelError.self) { _ = try card { $0.training = nil } }
    #expect(throws: ModelError.self) { _ = try card(0) }
    #expect(throws: ModelError.self) { _ = try card(of: "abd") }
  }

  @Test("missing, superfluous and misshapen tensors are named") func names() throws {
    let shapes = fileShapes(Fixtures.tiny)
    func error(_ tensors: [(name: String, shape: [Int])]) throws -> ModelError? {
      var pickle = CheckpointBuilder.Pickle()
      pickle.stateDict(tensors)
      return try importError(CheckpointBuilder.checkpoint(pickle.finished))
    }
    #expect(try error(shapes) == nil)
    let missing = try error(shapes.filter { $0.name != "mid.block_1.conv2.bias" })
    #expect(missing?.kind == .mismatch && missing?.description.contains("missing: mid.block_1.conv2.bias") == true)
    let extra = try error(shapes + [("logvar", [3])])
    #expect(extra?.kind == .mismatch && extra?.description.contains("not in the network: logvar") == true)
    let misshapen = try error(shapes.map { $0.name == "norm_out.weight" ? ($0.name, [33]) : $0 })
    #expect(
      misshapen?.kind == .mismatch && misshapen?.description.contains("norm_out.weight is 33 and should be 32") == true)
    let transposed = try error(shapes.map { $0.name == "temb.dense.0.weight" ? ($0.name, $0.shape.reversed()) : $0 })
    #expect(transposed?.description.contains("temb.dense.0.weight is 32x128 and should be 128x32") == true)
    let twice = try error(shapes + [shapes[0]])
    #expect(twice?.description.contains("twice") == true)
    let other = try error([("encoder.weight", [3, 3])])
    #expect(other?.kind == .mismatch && other?.description.contains("encoder.weight") == true)
    #expect(try error([])?.kind == .mismatch)
    let impossible = try error(shapes.map { $0.name == "conv_in.weight" ? ($0.name, [33, 2, 3, 3]) : $0 })
    #expect(impossible != nil)
  }

  @Test("a statement that does not fit the network is refused") func statement() throws {
    let read = try CheckpointImport.read(Fixtures.url("bare.pth"))
    var statement = CheckpointStatement(
      name: "published", task: .denoise, labelSet: LabelSetRecord(name: "custom", labels: [0, 500, 999]),
      intensity: .window(low: -1000, high: 1000), envelope: InputEnvelope(modality: "CT"))
    let card = try read.card(statement)
    #expect(card.prediction == PredictionRecord(kind: .noise, skip: .none, residualScale: 1, clampData: false))
    #expect(card.architecture == read.architecture)
    statement.task = .superResolve
    let error = modelError { _ = try read.card(statement) }
    #expect(error?.kind == .mismatch && error?.description.contains("super-resolve") == true)
    statement.task = .denoise
    statement.intensity = .window(low: 10, high: 10)
    #expect(modelError { _ = try read.card(statement) }?.kind == .card)
  }

  private func fileShapes(_ architecture: UNetConfiguration) -> [(name: String, shape: [Int])] {
    guard let network = try? UNet(architecture) else { return [] }
    return network.parameterShapes.map { name, shape in
      switch shape.count {
      case 4: (name, [shape[3], shape[2], shape[0], shape[1]])
      case 2: (name, [shape[1], shape[0]])
      default: (name, shape)
      }
    }
  }
}
