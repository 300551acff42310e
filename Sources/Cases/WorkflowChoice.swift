import BatchQueue
import Configuration
import DurableFiles
import Foundation
import Pipeline

/// Which workflow a file gets: the one that the options beside it name, the caller's, its folder's, or the one that
/// matches it; with what the options beside it change.
struct WorkflowChoice {
  let library: WorkflowLibrary
  let shelf: ModelShelf

  /// What is to be done with a file below `folder`; throws `ConfigurationError`, `ModelError`, `FileError`.
  func work(_ request: IntakeRequest, _ format: Workflow.Format, _ ending: String, _ folder: BoundFolder) throws
    -> CaseWork
  {
    var override = WorkflowOverride()
    if let options = request.options {
      let file: RegularFile
      do { file = try folder.file(options) } catch {
        guard error.kind == .notARegularFile || error.kind == .invalidName else { throw error }
        throw ConfigurationError(.value, file: Self.optionsName, "is no regular file; put a plain file there")
      }
      override = try WorkflowOverride(
        yaml: Data(try file.read(at: 0, count: 1 << 20 | 1)), name: Self.optionsName)
    }
    var workflow: Workflow
    if let name = override.workflow {
      workflow = try library.workflow(named: name)
    } else if let instructions = request.instructions {
      workflow = try JSONDecoder().decode(Workflow.self, from: instructions)
    } else if request.choosesByFolder, let name = try folderName(request.path) {
      workflow = try library.workflow(named: name)
    } else {
      workflow = try library.matching(fileName: request.path.lastName, format: format)
    }
    workflow = workflow.applying(override)
    return CaseWork(
      workflow: workflow, modelSha256: try shelf.described(workflow.model).sha256, inputEnding: ending)
  }

  /// What the options beside a drop are called in messages.
  static let optionsName = "options beside the file (NAME.pellucid.yaml)"

  /// The workflow that the first folder names, if there is one; `new/` is not counted.
  private func folderName(_ path: RelativePath) throws -> String? {
    var names = path.names.dropLast()
    if names.first == Array("new".utf8) { names.removeFirst() }
    guard let first = names.first else { return nil }
    let name = String(decoding: first, as: UTF8.self)
    if library.available.contains(where: { $0.name == name }) { return name }
    // A mistyped folder must not get the scan another treatment than was meant.
    if let meant = library.likelyMeant(by: name) {
      throw ConfigurationError(
        .notFound, "the folder names no workflow: did you mean \(FileError.printable(meant))? Rename the folder")
    }
    return nil
  }
}
