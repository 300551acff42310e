import Foundation
import Models
import NeuralNet

/// A model's card as lines for people; what it does not say is "not stated".
enum ModelDescription {
  /// All of them, or how many where nobody would read them.
  private static func labels(_ labels: [Int]) -> String {
    guard labels.count > 50, let first = labels.first, let last = labels.last else {
      return labels.map(String.init).joined(separator: " ")
    }
    return "\(labels.count) from \(first) to \(last)"
  }

  static func lines(_ file: ModelFile) -> [(field: String, value: String)] {
    let card = file.card
    var lines: [(String, String)] = [
      ("name", "\(card.name), version \(card.version)"),
      ("task", card.task.rawValue),
      ("network", network(card.architecture, scalars: file.parameters.scalarCount)),
      ("stored as", "\(file.storage.joined(separator: ", ")), \(file.byteCount) bytes"),
      ("labels", "\(card.labelSet.name): \(labels(card.labelSet.labels))"),
      ("schedule", schedule(card.noiseSchedule)),
      ("predicts", prediction(card.prediction)),
      ("intensity", intensity(card.intensity)),
      ("modality", card.envelope.modality ?? unstated),
      ("in-plane spacing", range(card.envelope.inPlaneSpacing, "mm")),
      ("slice spacing", range(card.envelope.sliceSpacing, "mm")),
      ("size", range(card.envelope.size?.map(Double.init), "pixels")),
      ("object, left-right", range(card.envelope.objectLeftRight, "mm")),
      ("object, front-back", range(card.envelope.objectFrontBack, "mm")),
      ("degradation", card.degradation.map(degradation) ?? unstated),
    ]
    if let training = card.training {
      lines.append(
        (
          "trained with",
          "\(training.steps) steps, \(training.samples.map { "\($0) samples, " } ?? "")seed \(training.seed)"
        ))
      for data in training.data { lines.append(("trained on", data)) }
      for data in training.heldOut { lines.append(("held out", data)) }
      lines.append(("command", training.command))
    } else {
      lines.append(("training", unstated))
    }
    for row in card.quality {
      let figures = row.figures.sorted { $0.key < $1.key }.map { "\($0.key) \(String(format: "%.4g", $0.value))" }
      lines.append(("quality", "\(row.data), \(row.condition): \(figures.joined(separator: ", "))"))
    }
    lines.append(("intended use", card.intendedUse ?? unstated))
    lines.append(("licence", card.licence ?? unstated))
    for citation in card.citation { lines.append(("cite", citation)) }
    lines.append(("sha256", file.sha256))
    return lines
  }

  private static let unstated = "not stated"

  private static func network(_ shape: UNetConfiguration, scalars: Int) -> String {
    let widths = shape.channelMultipliers.map { String($0 * shape.baseChannels) }.joined(separator: " ")
    let levels = shape.attentionLevels.map(String.init).joined(separator: " ")
    let places = [levels.isEmpty ? nil : "level \(levels)", shape.bottleneckAttention ? "bottleneck" : nil].compactMap {
      $0
    }
    return
      "U-Net, \(String(format: "%.2f", Double(scalars) / 1e6)) M parameters, \(shape.inputChannels) input channels, widths "
      + "\(widths), \(shape.residualBlocks) blocks per level, attention at "
      + (places.isEmpty ? "no level" : places.joined(separator: " and "))
  }

  private static func schedule(_ schedule: NoiseScheduleRecord) -> String {
    "\(schedule.name), beta \(schedule.betaStart) to \(schedule.betaEnd), \(schedule.timesteps) labels"
  }

  private static func prediction(_ prediction: PredictionRecord) -> String {
    let start: String? =
      switch prediction.skip {
      case .none: nil
      case .condition: "the condition"
      case .intensityMap: "a map of the condition's values"
      }
    let noise = prediction.residualFollowsNoise == true ? " x noise level" : ""
    let skip = start.map { "\($0) + \(prediction.residualScale) x output\(noise)" }
    let clamp = prediction.clampData ? "clamped to -1...1 at every step" : "not clamped"
    return [prediction.kind.rawValue, skip, clamp].compactMap { $0 }.joined(separator: ", ")
  }

  private static func intensity(_ contract: IntensityContract) -> String {
    switch contract {
    case .window(let low, let high): "\(number(low)) to \(number(high)) in the volume's unit become -1 to 1"
    case .percentiles(let low, let high): "percentiles \(number(low)) and \(number(high)) of the volume become -1 and 1"
    case .fullRange: "the container's full range becomes -1 to 1"
    }
  }

  private static func range(_ range: [Double]?, _ unit: String) -> String {
    guard let range, range.count == 2 else { return unstated }
    return "\(number(range[0])) to \(number(range[1])) \(unit)"
  }

  private static func number(_ value: Double) -> String { String(format: "%g", value) }

  private static func degradation(_ record: DegradationRecord) -> String {
    "\(record.kind) at \(record.levels.map(number).joined(separator: ", "))"
  }
}
