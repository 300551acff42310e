import Foundation
import Volumes

/// The scans of a configuration, as a run sees them.
struct TrainingData {
  let training: PairedDataset
  /// Nil where nothing is held out.
  let validation: PairedDataset?
  /// What was measured on the training scans.
  let fitted: FittedValues

  init(
    _ configuration: TrainingConfiguration, folder: URL, cache: URL?, read: @escaping (URL) throws -> Volume,
    progress: @escaping PairedDataset.Progress
  ) throws {
    training = try PairedDataset(
      configuration.training, of: configuration, folder: folder, cache: cache,
      realisations: configuration.degradation?.realisations ?? 1, seed: configuration.seed, read: read,
      progress: progress)
    // Another seed, so that validation has noise that training has not seen.
    validation =
      configuration.validation.isEmpty
      ? nil
      : try PairedDataset(
        configuration.validation, of: configuration, folder: folder, cache: cache, realisations: 1,
        seed: ~configuration.seed, read: read, progress: progress)
    fitted = training.fitted(for: configuration)
  }
}
