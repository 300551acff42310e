import DurableFiles
public import Foundation
public import Models
import Pipeline
import Volumes

/// The model that is meant where none is named: the only one there is, or the only one that fits the input.
public struct ModelChoice {
  private let models: ModelLocator

  /// A choice among the models that are found.
  public init(_ models: ModelLocator) { self.models = models }

  /// The model's name, and for people why it is the one.
  ///
  /// An input is read only where there is a choice; nil for many inputs, which may each be of another kind. Throws
  /// `ModelError` of kind `notFound` where there is no model, `PipelineError` of kind `usage` where there are several and
  /// `unsuitableModel` where none fits, each with the list; what the input is refused for as an image.
  public func only(for input: URL?) throws -> (name: String, reason: String) {
    let names = models.available.map(\.name)
    guard let first = names.first else {
      let places = models.folders.prefix(3).map { FileError.printable($0.path) }.joined(separator: ", ")
      throw ModelError(
        .notFound,
        "no model is there: looked in \(places); give --model FILE, or set PELLUCID_MODELS to a folder of models")
    }
    if names.count == 1 { return (first, "the only one that is installed") }
    guard let input else {
      throw PipelineError(
        .usage,
        "several models are installed: \(Self.list(names)); name one with --model, or a workflow with --workflow")
    }
    return try (fitting(input, names), "the only one that fits")
  }

  private func fitting(_ input: URL, _ names: [String]) throws -> String {
    let scan = try VolumeFile.inspect(input).summary
    let judged = names.map { (name: $0, reasons: reasons(against: $0, scan)) }
    let fitting = judged.filter(\.reasons.isEmpty).map(\.name)
    if fitting.count == 1 { return fitting[0] }
    guard fitting.isEmpty else {
      throw PipelineError(.usage, "several models fit this input: \(Self.list(fitting)); name one with --model")
    }
    let why = Self.list(judged.map { "\($0.name) (\($0.reasons[0]))" })
    throw PipelineError(.unsuitableModel, "no model fits this input: \(why); name one with --model, and --force it")
  }

  /// Why a model would refuse a scan; nothing where it fits.
  private func reasons(against name: String, _ scan: VolumeSummary) -> [String] {
    do { return try InputCheck(scan, for: ModelFile.readCard(models.locate(name))).refusals } catch {
      return ["its file cannot be used"]
    }
  }

  private static func list(_ names: [String]) -> String {
    let shown = names.prefix(10).map { FileError.printable($0) }.joined(separator: ", ")
    return names.count > 10 ? "\(shown) and \(names.count - 10) more" : shown
  }
}
