public import Configuration
import Foundation
public import Models
import Pipeline

extension Workflow {
  /// Refuses a workflow that no file could be treated by: its model is missing or does something else, or the model
  /// cannot be sampled as the workflow wants it.
  ///
  /// Throws `ModelError`, `ConfigurationError`, `DiffusionError`, `FileError`.
  public func check(_ models: ModelLocator) throws {
    let model = try ModelShelf(models).described(self.model)
    let nowhere = URL(fileURLWithPath: "/")
    let request = try CaseWork(workflow: self, modelSha256: model.sha256, inputEnding: ".nii.gz")
      .request(input: nowhere, in: nowhere, model: model)
    _ = try request.options.plan(for: model.card)
  }
}
