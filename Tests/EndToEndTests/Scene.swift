import Foundation
import TestSupport

/// A folder for one run: inputs in `in`, outputs in `out`, a tiny model beside them.
struct Scene {
  let folder: URL
  var inputs: URL { folder.appendingPathComponent("in") }
  var outputs: URL { folder.appendingPathComponent("out") }
  var model: URL { folder.appendingPathComponent("tiny.safetensors") }

  /// Runs `body` in a fresh scene.
  static func with<R>(_ body: (Scene) throws -> R) throws -> R {
    try withTemporaryFolder { folder in
      let scene = Scene(folder: folder)
      try FileManager.default.createDirectory(at: scene.inputs, withIntermediateDirectories: true)
      try FileManager.default.createDirectory(at: scene.outputs, withIntermediateDirectories: true)
      try TinyModel.write(to: scene.model)
      return try body(scene)
    }
  }

  /// Runs `body` in an empty folder, for what needs neither model nor image.
  static func withoutModel<R>(_ body: (URL) throws -> R) throws -> R { try withTemporaryFolder(body) }

  /// Writes an input file and returns its path.
  func input(_ name: String, _ data: Data) throws -> String {
    let url = inputs.appendingPathComponent(name)
    try data.write(to: url)
    return url.path
  }

  /// The path of an output.
  func output(_ name: String) -> String { outputs.appendingPathComponent(name).path }

  /// The arguments of an ordinary run.
  func run(_ input: String, to name: String = "clear.nii.gz", _ more: String...) -> [String] {
    ["run", input, "-o", output(name), "--model", model.path] + more
  }

  /// Runs the executable in the scene's folder.
  func execute(_ arguments: [String], environment: [String: String] = [:]) throws -> Executable.Outcome {
    try Executable.run(arguments, in: folder, environment: environment)
  }
}
