import Configuration
import Diffusion
import Models

extension TrainingConfiguration {
  /// What no single key can tell.
  func check(_ file: StrictMapping) throws {
    let labels: LabelSet
    do {
      labels = try LabelSet(named: labelSet)
      let schedule = try NoiseSchedule(schedule)
      _ = try UNet(architecture)
      guard labels.labels.allSatisfy({ $0 < schedule.timesteps }) else {
        throw file.error("labels", "go beyond the schedule's \(schedule.timesteps) timesteps")
      }
      // What holds nothing of the image is no start for a sampler.
      guard let last = labels.labels.last, schedule.signal(last) > 0 else {
        throw file.error("labels", "end where schedule \(schedule.name) leaves nothing of the image: choose another")
      }
    } catch let error as ConfigurationError {
      throw error
    } catch {
      throw file.error(String(describing: error))
    }
    if let labelWeights {
      guard labelWeights.count == labels.labels.count, labelWeights.allSatisfy({ $0 >= 0 && $0.isFinite }),
        labelWeights.contains(where: { $0 > 0 })
      else {
        throw file.error("labelWeights", "must hold \(labels.labels.count) weights, one per label, none negative")
      }
    }
    let multiple = architecture.sizeMultiple
    guard patches.sizes.allSatisfy({ $0 % multiple == 0 }), schedules.validationSize % multiple == 0 else {
      throw file.error("patches", "and validation must have a size that is a multiple of \(multiple) for this network")
    }
    if loss.relativeToInput, prediction.skip != .condition {
      throw file.error("loss", "relativeToInput needs a data prediction whose skip is the condition")
    }
    if loss.guessError > 0, loss.guess == .start, prediction.skip == .none {
      throw file.error("loss", "guessError needs a data prediction with a skip, or the guess own")
    }
    if loss.guess == .own, prediction.kind != .data || loss.guessError == 0 {
      throw file.error("loss", "has a guess for a data prediction with a guessError above 0 only")
    }
    if loss.linearBeyond != nil, prediction.kind != .data {
      throw file.error("loss", "linearBeyond needs a data prediction")
    }
    if loss.sliceDetail > 0, prediction.kind != .data {
      throw file.error("loss", "sliceDetail needs a data prediction")
    }
    if loss.sliceDetailAfter > 0, loss.sliceDetail == 0 {
      throw file.error("loss", "sliceDetailAfter needs a sliceDetail above 0")
    }
    if prediction.skip == .intensityMap, task != .translate {
      throw file.error("prediction", "has an intensity map for translation only")
    }
    if prediction.residualFollowsNoise == true, noiseLevel == nil || prediction.kind != .data {
      throw file.error("prediction", "can follow the noise only as data, with a noiseLevel that the network is told")
    }
    if task == .translate, degradation != nil {
      throw file.error("degradation", "is not for translation, which learns from pairs: leave it out")
    }
    if noiseLevel != nil, task != .denoise {
      throw file.error("noiseLevel", "is for denoising only")
    }
    for entry in training + validation {
      switch task {
      case .translate where entry.condition == nil:
        throw file.error("data", "needs a condition file for \(entry.path): translation learns from pairs")
      case .denoise where (entry.condition == nil) == (degradation == nil):
        throw file.error("data", "needs either a degradation or a condition file for \(entry.path), not both")
      case .superResolve where entry.condition != nil:
        throw file.error("data", "must have no condition for \(entry.path): the conditions are its own slices")
      case .superResolve where entry.slices.count < 3:
        throw file.error("data", "needs three slices or more of \(entry.path)")
      default: break
      }
      if entry.plane != .stored, degradation?.record.kind == DegradationKind.lowDoseCT.rawValue {
        throw file.error("data", "must leave plane out for \(entry.path): a scanner sees CT slices as they are stored")
      }
      if loss.sliceDetail > 0, entry.slices.count < 2 {
        throw file.error("data", "needs two slices or more of \(entry.path), as the loss compares neighbours")
      }
    }
  }
}
