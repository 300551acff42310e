import ArgumentParser
import BatchQueue
import Configuration
import Foundation

/// How the images of a batch are treated, on the command line.
struct TreatmentFlags: ParsableArguments {
  @Option(help: ArgumentHelp("How each image is treated; by default the workflow that matches it.", valueName: "name"))
  var workflow: String?
  @Option(help: ArgumentHelp("A model, instead of a workflow.", valueName: "name|file")) var model: String?
  @OptionGroup(title: "Sampling, with --model") var sampling: BatchSamplingFlags

  func validate() throws {
    guard workflow == nil || model == nil else { throw ValidationError("give --workflow or --model, not both") }
  }

  /// What is asked of the case server for these files, or for a part of them.
  func requests(_ files: [BatchInputs.File], _ shard: Shard?, workflows: String?, priority: Int? = nil) throws
    -> [IntakeRequest]
  {
    let chosen = shard.map { shard in files.enumerated().filter { shard.covers($0.offset) }.map(\.element) } ?? files
    let instructions = try instructions(workflows)
    return chosen.map { file in
      IntakeRequest(
        folder: file.folder.path(percentEncoded: false), path: file.path, instructions: file.workflow ?? instructions,
        priority: priority)
    }
  }

  /// The workflow that all images get, as the case server reads it; nil to choose by the file.
  private func instructions(_ workflows: String?) throws -> Data? {
    let library = WorkflowLibrary.current(first: workflows.map { [URL(fileURLWithPath: $0)] } ?? [])
    if let workflow { return try JSONEncoder().encode(try library.workflow(named: workflow)) }
    guard let model else { return nil }
    // A path is meant from here, and the server may stand elsewhere.
    let isPath = model.contains("/") || model.hasSuffix(".safetensors")
    let name = isPath ? URL(fileURLWithPath: model).standardizedFileURL.path : model
    return try JSONEncoder().encode(try sampling.workflow(model: name))
  }
}
