import Diffusion
import Foundation
import Models
import NeuralNet
import TensorCore
import Testing

@Suite struct ConditionedDenoiserTests {
  private static let random = PhiloxRandomSource(seed: 11, stream: 0)
  private let x = ConditionedDenoiserTests.random.normal(shape: [2, 4, 6, 1], firstIndex: 0)

  private func conditions(_ channels: Int) -> Tensor {
    Self.random.normal(shape: [2, 4, 6, channels], firstIndex: 1000)
  }

  /// The tensor in a prediction, whatever it stands for.
  private func predict(
    _ prediction: PredictionRecord, channels: Int = 1, batch: Range<Int> = 0..<2
  ) throws -> (tensor: Tensor, kind: PredictionRecord.Kind) {
    var architecture = Fixtures.tiny
    architecture.inputChannels = channels + 1
    var card = Fixtures.card(architecture)
    card.task = channels == 2 ? .superResolve : .denoise
    card.prediction = prediction
    let model = try PackedModel(card: card, parameters: UNet(architecture).initialParameters(seed: 3))
    let denoiser = ConditionedDenoiser(model, conditions: conditions(channels).slice(batch))
    switch try denoiser.predict(x.slice(batch), label: 499) {
    case .noise(let tensor): return (tensor, .noise)
    case .data(let tensor): return (tensor, .data)
    case .velocity(let tensor): return (tensor, .velocity)
    }
  }

  @Test("noise and velocity are the raw output under another name") func raw() throws {
    let noise = try predict(PredictionRecord(kind: .noise, clampData: false))
    let velocity = try predict(PredictionRecord(kind: .velocity, clampData: false))
    #expect(noise.kind == .noise && velocity.kind == .velocity)
    #expect(noise.tensor == velocity.tensor)
    #expect(noise.tensor.shape == [2, 4, 6, 1])
  }

  @Test("data are the skip plus the scaled output", arguments: [1, 2]) func data(channels: Int) throws {
    let raw = try predict(PredictionRecord(kind: .noise, clampData: false), channels: channels).tensor
    let condition = conditions(channels).values
    for (skip, scale) in [(PredictionRecord.Skip.condition, Float(0.25)), (.none, 0.5)] {
      let record = PredictionRecord(kind: .data, skip: skip, residualScale: scale, clampData: true)
      let data = try predict(record, channels: channels)
      #expect(data.kind == .data)
      let expected = (0..<raw.count).map { i -> Float in
        let mean = condition[(i * channels)..<(i + 1) * channels].reduce(0, +) / Float(channels)
        return (skip == .condition ? mean : 0) + scale * raw[flat: i]
      }
      #expect(Fixtures.relativeDifference(data.tensor.values, expected) < 1e-6)
    }
  }

  @Test("data may start from a map of the condition's values") func intensityMap() throws {
    let slices = try ConditionSlices([-1, 0], task: .translate)
    let record = PredictionRecord(
      kind: .data, skip: .intensityMap, residualScale: 0.5, intensityMap: [-1, 0, 0.5, 0.5, -0.5], clampData: true)
    // Knots at -1, -0.5, 0, 0.5 and 1; the second channel is the slice itself.
    let conditions = Tensor([9, -1, 9, -0.75, 9, 0.25, 9, 1, 9, 0.75, 9, 2], shape: [1, 2, 3, 2])
    let output = Tensor([0, 0, 0, 0, 1, 0], shape: [1, 2, 3, 1])
    guard case .data(let data) = record.prediction(of: output, conditions: conditions, slices) else {
      Issue.record("no data prediction")
      return
    }
    #expect(data.values == [-1, -0.5, 0.5, -0.5, 0.5, -0.5])
    var card = Fixtures.card()
    card.prediction = record
    card.prediction.intensityMap = nil
    #expect { try card.validate() } throws: { "\($0)".contains("intensityMap") }
    card.prediction.intensityMap = [0, .nan]
    #expect { try card.validate() } throws: { "\($0)".contains("intensityMap") }
  }

  @Test("an image's prediction does not depend on what else is in the batch") func batches() throws {
    let record = PredictionRecord(kind: .data, skip: .condition, residualScale: 0.1, clampData: true)
    let both = try predict(record).tensor
    #expect(try predict(record, batch: 0..<1).tensor == both.slice(0..<1))
    #expect(try predict(record, batch: 1..<2).tensor == both.slice(1..<2))
  }

  @Test("conditions come before the noisy image, channel by channel") func order() throws {
    let model = try PackedModel(
      card: Fixtures.card(Fixtures.tiny), parameters: UNet(Fixtures.tiny).initialParameters(seed: 3))
    let condition = conditions(1)
    let joined = condition.concatenatingChannels(x)
    let apart = model.evaluate([condition, x], label: 499)
    #expect(apart == model.evaluate([joined], label: 499))
    #expect(apart != model.evaluate([x, condition], label: 499))
  }

  @Test("recomputing changes no bit of any gradient") func recomputing() throws {
    let network = try UNet(Fixtures.tiny)
    let parameters = network.initialParameters(seed: 3)
    let input = conditions(1).concatenatingChannels(x)
    let gradients = [false, true].map { recomputing in
      let graph = Graph(parameters: parameters, recording: true, recomputing: recomputing)
      let image = graph.differentiableInput(input)
      let output = network(image, labels: [10, 700], in: graph)
      let all = graph.backward(from: output, gradient: x)
      return (all, graph.gradient(of: image), output.value)
    }
    #expect(gradients[0].0 == gradients[1].0)
    #expect(gradients[0].1 == gradients[1].1 && gradients[0].1.sumOfSquares > 0)
    #expect(gradients[0].2 == gradients[1].2)
  }

  @Test("packed parameters give what a recorded graph gives, label by label") func packed() throws {
    let network = try UNet(Fixtures.tiny)
    let parameters = network.initialParameters(seed: 3)
    let model = try PackedModel(card: Fixtures.card(Fixtures.tiny), parameters: parameters)
    let input = conditions(1).concatenatingChannels(x)
    for label in [0, 499, 999, 499] {
      let graph = Graph(parameters: parameters, recording: true)
      let expected = network(graph.input(input), labels: [label, label], in: graph).value
      #expect(model.evaluate([input], label: label) == expected)
    }
  }
}
