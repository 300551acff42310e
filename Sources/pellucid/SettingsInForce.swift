import ArgumentParser
import Configuration
import DurableFiles
import Foundation
import Models

/// What the settings of this process mean for every command.
enum SettingsInForce {
  /// The settings, with what this command's flags say on top; a flag that was not given is nil.
  static func read(_ flags: [Settings.Key: String?] = [:]) throws -> Settings {
    let layers = SettingsLayers.current
    let given = flags.compactMapValues { $0.map { [$0] } }
    let settings: Settings
    do { settings = try layers.settings(flags: given) } catch {
      // What is wrong with a file or the environment is wrong without the flags too.
      _ = try layers.settings(flags: [:])
      throw ValidationError("\(error)")
    }
    for folder in settings.workflows.value where !FolderChanges.exists(folder) {
      throw ConfigurationError(
        .notFound, "there is no folder of workflows \(FileError.printable(folder.path)) (\(settings.workflows.origin))")
    }
    return settings
  }

  /// Where models are looked for.
  static var models: ModelLocator {
    get throws { ModelLocator.current(first: try read().models.value) }
  }

  /// The file of a model, by name or path; see `ModelLocator.locate`.
  static func model(_ nameOrPath: String) throws -> URL { try models.locate(nameOrPath) }
}
