import Diffusion
import Foundation
import Models

/// A complete model of the smallest network: random weights, a card for CT, milliseconds per evaluation.
///
/// Its output layer starts at zero in effect: a data prediction with the condition as a skip and a small scale, so
/// that results resemble their inputs and every step of the pipeline is exercised with plausible numbers.
enum TinyModel {
  /// Writes the model file; `change` may alter the card first.
  static func write(to url: URL, change: (inout ModelCard) -> Void = { _ in }) throws {
    let labels = try LabelSet(named: "uniform-10")
    var card = ModelCard(
      name: "tiny", task: .denoise,
      architecture: UNetConfiguration(
        inputChannels: 2, baseChannels: 32, channelMultipliers: [1, 1], residualBlocks: 1, bottleneckAttention: false),
      labelSet: LabelSetRecord(name: labels.name, labels: labels.labels), noiseSchedule: NoiseScheduleRecord(),
      prediction: PredictionRecord(kind: .data, skip: .condition, residualScale: 0.1, clampData: true),
      intensity: .window(low: -1000, high: 1000),
      envelope: InputEnvelope(modality: "CT", inPlaneSpacing: [0.4, 1.0], sliceSpacing: [0.5, 6], size: [16, 1024]))
    change(&card)
    card.architecture.inputChannels = ConditionSlices.nearest(card.task).count + card.architecture.outputChannels
    let network = try UNet(card.architecture)
    try ModelFile.write(card: card, parameters: network.initialParameters(seed: 7), to: url)
  }
}
