import Cases
import Configuration
import Diffusion
import DurableFiles
import Foundation
import Models

/// Whether settings, models and workflows can be read, and go together.
struct KnowledgeChecks {
  private(set) var checks: [HealthCheck] = []
  /// Nil if they are wrong.
  private(set) var settings: Settings?
  let models: ModelLocator

  init() {
    // Settings that are wrong stop every other command; the doctor says so and looks on.
    do {
      let settings = try SettingsInForce.read()
      self.settings = settings
      models = ModelLocator.current(first: settings.models.value)
    } catch {
      models = ModelLocator.current()
      checks.append(.problem("settings", ExitStatus(error) ?? .software, ExitStatus.oneLine(error)))
    }
    checkModels()
    checkWorkflows(WorkflowLibrary.current(first: settings?.workflows.value ?? []))
  }

  private mutating func checkModels() {
    let available = models.available
    if available.isEmpty {
      checks.append(
        .problem("models", .unavailable, "no model was found; set PELLUCID_MODELS to a folder that holds some"))
    }
    for model in available {
      checks.append(
        .of("model \(FileError.printable(model.name))") {
          let card = try ModelFile.readCard(model.url)
          return .ok("model \(FileError.printable(model.name))", "its card can be read: \(card.task.rawValue)")
        })
    }
  }

  private mutating func checkWorkflows(_ library: WorkflowLibrary) {
    let available = library.available
    if available.isEmpty {
      checks.append(
        .warning("workflows", "none was found; drops need one: set PELLUCID_WORKFLOWS to a folder that holds some"))
    }
    for file in available {
      let name = "workflow \(FileError.printable(file.name))"
      checks.append(
        .of(name) {
          let workflow = try library.workflow(named: file.name)
          do { try workflow.check(models) } catch let error as DiffusionError {
            // On the command line it would be a wrong flag; here the file is wrong.
            throw ConfigurationError(.value, file: file.url.lastPathComponent, ExitStatus.oneLine(error))
          }
          return .ok(name, "it fits its model \(FileError.printable(workflow.model))")
        })
    }
  }
}
