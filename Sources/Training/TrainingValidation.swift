import Diffusion
import Foundation
import Models
import NeuralNet
import TensorCore

/// One row of a validation: a scan at a strength.
public struct ValidationRow: Sendable, Equatable, Codable {
  /// The scan.
  public var data: String
  /// The strength of its degradation.
  public var level: Double
  /// PSNR in dB of what the prediction starts from (without a skip the condition), over the model's intensity range.
  public var inputPSNR: Double
  /// PSNR of one evaluation at the noisiest label.
  public var oneStepPSNR: Double
  /// PSNR of the whole sampler (DDIM over all labels).
  public var psnr: Double
}

extension Trainer {
  /// Restores the centre of some held-out slices with the given weights.
  ///
  /// The same slices and noise every time.
  func validate(_ parameters: ParameterSet, on dataset: PairedDataset) throws -> [ValidationRow] {
    let settings = configuration.schedules
    let clamps = configuration.prediction.clampData
    let full = try SamplerPlan(
      sampler: .ddim, labels: objective.labels, schedule: objective.schedule, clampData: clamps)
    let last = LabelSet.last(of: objective.labels)
    let single = try SamplerPlan(sampler: .ddim, labels: last, schedule: objective.schedule, clampData: clamps)
    let multiple = configuration.architecture.sizeMultiple
    return try dataset.validationPlaces(
      slices: settings.validationSlices, size: settings.validationSize, multiple: multiple
    ).map { group in
      let cut = group.places[0].cut
      var batch = dataset.emptyBatch(count: group.places.count, height: cut.height, width: cut.width)
      for (sample, place) in group.places.enumerated() { dataset.write(place, to: &batch, at: sample) }
      let denoiser = PatchDenoiser(
        network: network, parameters: parameters, objective: objective, conditions: batch.conditions)
      let start = PhiloxRandomSource(seed: configuration.seed, stream: TrainingStream.validation.stream(0)).normal(
        shape: batch.targets.shape)
      let none: (Int) throws -> Tensor = { _ in preconditionFailure("DDIM draws no noise") }
      return ValidationRow(
        data: group.name, level: group.level,
        inputPSNR: Self.psnr(
          objective.prediction.start(from: batch.conditions, objective.conditions)
            ?? objective.conditions.centre(of: batch.conditions), batch.targets),
        oneStepPSNR: Self.psnr(try single.run(denoiser, from: start, noise: none), batch.targets),
        psnr: Self.psnr(try full.run(denoiser, from: start, noise: none), batch.targets))
    }
  }

  /// Mean over images of 20 log10(2 / RMSE), values clipped to -1...1.
  static func psnr(_ images: Tensor, _ targets: Tensor) -> Double {
    let count = targets.shape[0], pixels = targets.count / count
    let a = images.clamped(to: -1...1)
    var total = 0.0
    a.withUnsafeBuffer { a in
      targets.withUnsafeBuffer { b in
        for image in 0..<count {
          var sum = 0.0
          for i in image * pixels..<(image + 1) * pixels { sum += Double(a[i] - b[i]) * Double(a[i] - b[i]) }
          total += 10 * log10(4 / max(sum / Double(pixels), 1e-12))
        }
      }
    }
    return total / Double(count)
  }
}

extension LabelSet {
  /// The noisiest label alone: one evaluation from noise to image.
  static func last(of labels: LabelSet) -> LabelSet {
    guard let label = labels.labels.last, let set = try? LabelSet(name: "custom", labels: [label]) else {
      preconditionFailure("a label set is never empty")
    }
    return set
  }
}

/// The network with patches as conditions.
struct PatchDenoiser: Denoiser {
  let network: UNet
  let parameters: ParameterSet
  let objective: DiffusionObjective
  let conditions: Tensor

  func predict(_ x: Tensor, label: Int) -> Prediction<Tensor> {
    let graph = Graph(parameters: parameters, recording: false)
    let input = DiffusionObjective.input(conditions, x)
    let output = network(graph.input(input), labels: Array(repeating: label, count: x.shape[0]), in: graph)
    return objective.prediction(output.value, conditions: conditions)
  }
}
