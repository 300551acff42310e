import Diffusion
import Foundation
import Models
import NeuralNet
import TensorCore
import Testing

/// The network against PyTorch, with the weights of the fixture checkpoints.
@Suite struct ParityTests {
  private let checkpoint: CheckpointImport
  private let network: UNet

  init() throws {
    checkpoint = try CheckpointImport.read(Fixtures.url("official.pth"))
    network = try UNet(checkpoint.architecture)
  }

  private func fixture(_ name: String) throws -> (String) throws -> Tensor {
    let tensors = try SafetensorsFile(Fixtures.url(name)).tensors()
    return { name in try #require(tensors[name]) }
  }

  @Test("the forward pass equals PyTorch's to 1e-5") func forward() throws {
    let stored = try fixture("forward.safetensors")
    let labels = try stored("labels").values.map { Int($0) }
    let graph = Graph(parameters: checkpoint.parameters, recording: false)
    let output = network(graph.input(Fixtures.nhwc(try stored("input"))), labels: labels, in: graph).value
    #expect(Fixtures.relativeDifference(output.values, Fixtures.nhwc(try stored("output")).values) < 1e-5)
    // The two images have different labels, and the label matters.
    let swapped = network(graph.input(Fixtures.nhwc(try stored("input"))), labels: labels.reversed(), in: graph).value
    #expect(Fixtures.relativeDifference(swapped.values, output.values) > 1e-3)
  }

  @Test("every gradient equals PyTorch's to 1e-4") func gradients() throws {
    let stored = try fixture("gradients.safetensors")
    let forward = try fixture("forward.safetensors")
    let graph = Graph(parameters: checkpoint.parameters, recording: true)
    let input = graph.differentiableInput(Fixtures.nhwc(try forward("input")))
    let output = network(input, labels: try forward("labels").values.map { Int($0) }, in: graph)
    let gradients = graph.backward(from: output, gradient: Fixtures.nhwc(try stored("seed")))
    let norms = try gradients.names.map { Double(try stored("norm.\($0)").values[0]) }
    let whole = norms.reduce(0) { $0 + $1 * $1 }.squareRoot()
    for (name, norm) in zip(gradients.names, norms) {
      let values = Self.fileOrder(gradients[name])
      let projections = (0..<4).map { j in
        Float(values.enumerated().reduce(0.0) { $0 + Double($1.element) * Self.direction(j, $1.offset) })
      }
      // Some gradients vanish exactly (a bias that a group norm takes off again); rounding leaves a trace of the rest.
      let tolerance = 1e-4 * norm + 1e-7 * whole
      #expect(Self.difference(Array(values.prefix(64)), try stored("head.\(name)").values) < tolerance, "\(name)")
      #expect(Self.difference(projections, try stored("projection.\(name)").values) < tolerance, "\(name)")
    }
    let expected = Fixtures.nhwc(try stored("input-gradient")).values
    #expect(Fixtures.relativeDifference(graph.gradient(of: input).values, expected) < 1e-4)
  }

  @Test("ten steps of DDIM equal PyTorch's to 1e-4") func tenSteps() throws {
    let stored = try fixture("ten-steps.safetensors")
    var card = Fixtures.card(checkpoint.architecture)
    let labels = try LabelSet(named: "uniform-10")
    card.labelSet = LabelSetRecord(name: labels.name, labels: labels.labels)
    let model = try PackedModel(card: card, parameters: checkpoint.parameters)
    let denoiser = ConditionedDenoiser(model, conditions: Fixtures.nhwc(try stored("condition")))
    let plan = try SamplerPlan(
      sampler: .ddim, labels: labels, schedule: .published, clampData: false, trainedLabels: card.labelSet.labels)
    let start = Fixtures.nhwc(try stored("start"))
    let result = try plan.run(denoiser, from: start, noise: { _ in start })
    #expect(plan.nfe == 11)
    #expect(Fixtures.relativeDifference(result.values, Fixtures.nhwc(try stored("result")).values) < 1e-4)
    // The condition matters, and it comes first.
    let other = ConditionedDenoiser(model, conditions: start)
    #expect(
      Fixtures.relativeDifference(try plan.run(other, from: start, noise: { _ in start }).values, result.values) > 0.01)
  }

  /// Values of a gradient in the order of PyTorch's layout.
  private static func fileOrder(_ tensor: Tensor) -> [Float] {
    let shape = tensor.shape
    guard shape.count == 4 || shape.count == 2 else { return tensor.values }
    let (inputs, outputs) = (shape[shape.count - 2], shape[shape.count - 1])
    let taps = shape.dropLast(2).reduce(1, *)
    let source = tensor.values
    var out = [Float](repeating: 0, count: source.count)
    for o in 0..<outputs {
      for i in 0..<inputs {
        for tap in 0..<taps { out[(o * inputs + i) * taps + tap] = source[(tap * inputs + i) * outputs + o] }
      }
    }
    return out
  }

  /// Element `i` of direction `j`, as `make_fixtures.py` makes it.
  private static func direction(_ j: Int, _ i: Int) -> Double {
    Double(UInt32(truncatingIfNeeded: i &* 2_654_435_761 &+ j * 40503 &+ 12345) >> 16) / 65536 - 0.5
  }

  /// The largest difference.
  private static func difference(_ a: [Float], _ b: [Float]) -> Double {
    a.count == b.count ? zip(a, b).map { abs(Double($0) - Double($1)) }.max() ?? 0 : .infinity
  }
}
