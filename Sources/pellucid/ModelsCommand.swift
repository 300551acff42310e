import ArgumentParser
import DurableFiles
import Foundation
import Models
import NeuralNet

/// `pellucid models`: what there is, what it says of itself, and making models from published checkpoints.
struct ModelsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "models",
    abstract: "List, describe, verify and import models.",
    discussion: """
      A model is one .safetensors file. A NAME is looked for in the folders of the settings (models, or \
      PELLUCID_MODELS), in Workflows/models here and above the executable, in share/pellucid/models beside it, and in \
      ~/.local/share/pellucid/models. Nothing is ever downloaded.
      """,
    subcommands: [
      ModelsListCommand.self, ModelsInfoCommand.self, ModelsVerifyCommand.self, ModelsImportCommand.self,
    ])
}

/// `pellucid models ls`.
struct ModelsListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ls", abstract: "List the models that can be given by name.")

  @Flag(help: "Print JSON.") var json = false

  private struct Row: Encodable {
    var name: String
    var file: String
    var version: String?
    var task: ModelTask?
    var modality: String?
    var error: String?
  }

  func run() throws {
    let rows = try SettingsInForce.models.available.map { name, url in
      do {
        let card = try ModelFile.readCard(url)
        return Row(name: name, file: url.path, version: card.version, task: card.task, modality: card.envelope.modality)
      } catch {
        return Row(name: name, file: url.path, error: "\(error)")
      }
    }
    if json { return try printJSON(rows) }
    let width = rows.map(\.name.count).max() ?? 0
    for row in rows {
      guard row.error == nil else {
        Terminal.say("\(row.name): \(row.error ?? "")")
        continue
      }
      let name = row.name.padding(toLength: width, withPad: " ", startingAt: 0)
      let task = (row.task?.rawValue ?? "").padding(toLength: 13, withPad: " ", startingAt: 0)
      print("\(name)  \(task)  \(row.modality ?? "-")  version \(row.version ?? "-")  \(FileError.printable(row.file))")
    }
    if rows.isEmpty { Terminal.say("no models found; set PELLUCID_MODELS to their folder, or give a file") }
  }
}

/// `pellucid models info`.
struct ModelsInfoCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "info", abstract: "Show what a model says about itself.")

  @Argument(help: ArgumentHelp("The model.", valueName: "name|file")) var model: String
  @Flag(help: "Print JSON.") var json = false

  func run() throws {
    let url = try SettingsInForce.model(model)
    let file = try ModelFile.read(url)
    if json { return try printJSON(ModelReport(file, url)) }
    for (field, value) in ModelDescription.lines(file) {
      print(field.padding(toLength: 20, withPad: " ", startingAt: 0) + value)
    }
    for warning in file.warnings { Terminal.say("warning: \(warning)") }
  }
}

/// `pellucid models verify`.
struct ModelsVerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Check that a model file is whole and fits its card; print its SHA-256.")

  @Argument(help: ArgumentHelp("The model.", valueName: "name|file")) var model: String
  @Option(help: ArgumentHelp("The SHA-256 that it must have.", valueName: "hex")) var sha256: String?
  @Flag(help: "Print JSON.") var json = false

  func run() throws {
    let url = try SettingsInForce.model(model)
    let file = try ModelFile.read(url)
    if let sha256, sha256.lowercased() != file.sha256 {
      throw ModelError(
        .corrupt, "\(url.path) has SHA-256 \(file.sha256), not \(sha256); it is another model or damaged: get it again")
    }
    if let warning = file.warnings.first {
      throw ModelError(.corrupt, "\(url.path): \(warning); train it again or get it again")
    }
    if json { return try printJSON(ModelReport(file, url)) }
    print("\(file.sha256)  \(FileError.printable(url.path))")
  }
}

/// What `--json` prints of a model.
struct ModelReport: Encodable {
  var file: String
  var sha256: String
  var bytes: Int
  var storage: [String]
  var parameters: Int
  var warnings: [String]
  var card: ModelCard

  init(_ model: ModelFile, _ url: URL) {
    file = url.path
    sha256 = model.sha256
    bytes = model.byteCount
    storage = model.storage
    parameters = model.parameters.scalarCount
    warnings = model.warnings
    card = model.card
  }
}

/// Prints a value as JSON with sorted keys on stdout.
func printJSON(_ value: some Encodable) throws {
  let encoder = JSONEncoder()
  encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
  print(String(decoding: try encoder.encode(value), as: UTF8.self))
}
