import Configuration
import Foundation
import Models

/// What the settings of this process mean for every command.
enum SettingsInForce {
  /// The settings, with what this command's flags say on top; a flag that was not given is nil.
  static func read(_ flags: [Settings.Key: String?] = [:]) throws -> Settings {
    try SettingsLayers.current.settings(flags: flags.compactMapValues { $0.map { [$0] } })
  }

  /// Where models are looked for.
  static var models: ModelLocator {
    get throws { ModelLocator.current(first: try read().models.value) }
  }

  /// The file of a model, by name or path; see `ModelLocator.locate`.
  static func model(_ nameOrPath: String) throws -> URL { try models.locate(nameOrPath) }
}
