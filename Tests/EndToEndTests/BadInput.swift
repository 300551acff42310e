import Foundation
import Models
import Testing

/// One way in which a run cannot succeed: how to bring it about, and what must come of it.
struct BadInput: Sendable, CustomTestStringConvertible {
  let testDescription: String
  /// The documented exit code.
  let exitCode: Int32
  /// Words that the one line on stderr must hold: what is wrong, and what to do.
  let mentions: [String]
  /// Prepares the scene and returns the arguments.
  let arguments: @Sendable (Scene) throws -> [String]

  init(
    _ name: String, _ exitCode: Int32, _ mentions: String..., arguments: @escaping @Sendable (Scene) throws -> [String]
  ) {
    testDescription = name
    self.exitCode = exitCode
    self.mentions = mentions
    self.arguments = arguments
  }
}

extension BadInput {
  private static let phantom = NIfTIBytes.phantom().data
  private static let packed = GzipBytes.stored(phantom)

  /// A file of bytes under a name, run in the ordinary way.
  private static func file(
    _ name: String, _ exitCode: Int32, called file: String, _ mentions: String..., data: Data
  ) -> BadInput {
    BadInput(testDescription: name, exitCode: exitCode, mentions: mentions) { $0.run(try $0.input(file, data)) }
  }

  private init(
    testDescription: String, exitCode: Int32, mentions: [String],
    arguments: @escaping @Sendable (Scene) throws -> [String]
  ) {
    self.testDescription = testDescription
    self.exitCode = exitCode
    self.mentions = mentions
    self.arguments = arguments
  }

  /// Files that are not what they should be.
  static let files: [BadInput] = [
    file("an empty file", 65, called: "scan.nii", "empty", data: Data()),
    file("an empty .nii.gz", 65, called: "scan.nii.gz", "empty", data: Data()),
    file("half of a .nii", 65, called: "scan.nii", "copy it again", data: phantom.prefix(phantom.count / 2)),
    file("a header cut short", 65, called: "scan.nii", data: phantom.prefix(200)),
    file("half of a .nii.gz", 65, called: "scan.nii.gz", data: packed.prefix(packed.count / 2)),
    file("a .nii.gz without its last four bytes", 65, called: "scan.nii.gz", data: packed.dropLast(4)),
    file(
      "a flipped bit inside gzip", 65, called: "scan.nii.gz", "checksum", data: flipped(packed, at: packed.count / 2)),
    file("bytes after the gzip stream", 65, called: "scan.nii.gz", data: packed + Data("more".utf8)),
    file("text called .nii", 65, called: "scan.nii", data: Data(String(repeating: "no image ", count: 99).utf8)),
    file("NIfTI called .png", 65, called: "scan.png", data: phantom),
    file("an uncompressed file called .nii.gz", 65, called: "scan.nii.gz", "rename", data: phantom),
    file("gzip called .nii", 65, called: "scan.nii", "rename", data: packed),
    file("colour voxels", 65, called: "scan.nii", "RGB", data: colour),
    file("voxels that are not numbers", 65, called: "scan.nii", "NaN", data: notNumbers),
    file(
      "a constant volume", 65, called: "scan.nii", "constant", data: NIfTIBytes([40, 36, 3]) { _, _, _ in 40 }.data),
    file("one voxel", 65, called: "scan.nii", "constant", data: NIfTIBytes([1, 1, 1]) { _, _, _ in 40 }.data),
    file("dimensions whose product overflows", 65, called: "scan.nii", "absurd", data: endless),
    file("dimensions that no file of this size can fill", 65, called: "scan.nii.gz", data: GzipBytes.stored(vast)),
    file(
      "a gzip bomb", 65, called: "scan.nii.gz", "longer than its header declares",
      data: GzipBytes.bomb(startingWith: phantom, repeats: 20_000)),
  ]

  /// Places that cannot be read or written, apart from those that need a mount.
  static let places: [BadInput] = [
    BadInput("an input that is not there", 66, "no such file") { $0.run($0.inputs.path + "/none.nii") },
    BadInput("an input that is a folder", 66) { $0.run($0.inputs.path) },
    BadInput("an output folder that is a file", 73) {
      ["run", try $0.input("scan.nii", phantom), "-o", $0.model.path + "/clear.nii", "--model", $0.model.path]
    },
    BadInput("an output folder that is not there", 73) {
      $0.run(try $0.input("scan.nii", phantom), to: "a/b/clear.nii")
    },
    BadInput("an output ending that nobody knows", 64) { $0.run(try $0.input("scan.nii", phantom), to: "clear.tiff") },
  ]

  /// Models that are missing, damaged or made for something else.
  static let models: [BadInput] = [
    BadInput("a model that is not there", 69, "no-such-model") {
      ["run", try $0.input("scan.nii", phantom), "-o", $0.output("clear.nii"), "--model", "no-such-model"]
    },
    BadInput("a damaged model", 65) { scene in
      let damaged = try Data(contentsOf: scene.model).dropLast(100)
      try damaged.write(to: scene.model)
      return scene.run(try scene.input("scan.nii", phantom))
    },
    BadInput("a model file that is no model", 65) { scene in
      try Data("not a model".utf8).write(to: scene.model)
      return scene.run(try scene.input("scan.nii", phantom))
    },
    BadInput("one slice for a model that fills gaps", 65, "no gap to fill") { scene in
      try TinyModel.write(to: scene.model) { $0.task = .superResolve }
      return scene.run(try scene.input("scan.nii", NIfTIBytes.phantom([24, 20, 1]).data))
    },
    BadInput("pixels far coarser than the model knows", 65, "spacing") {
      $0.run(try $0.input("scan.nii", NIfTIBytes.phantom(spacing: [9, 9, 2.5]).data))
    },
    BadInput("a checkpoint that is no checkpoint", 65) {
      [
        "models", "import", try $0.input("ckpt.pth", Data("PK not a zip".utf8)), "--label-set", "uniform-10", "--task",
        "denoise", "--window", "-1000,1000", "--modality", "CT", "-o", $0.output("model.safetensors"),
      ]
    },
  ]

  /// Arguments that mean nothing.
  static let flags: [BadInput] = [
    BadInput("an unknown flag", 64, "--speed") { $0.run(try $0.input("scan.nii", phantom), "--speed", "11") },
    BadInput("no output", 64, "-o") { ["run", try $0.input("scan.nii", phantom), "--model", $0.model.path] },
    BadInput("an unknown sampler", 64, "magic") { $0.run(try $0.input("scan.nii", phantom), "--sampler", "magic") },
    BadInput("no steps", 64, "steps") { $0.run(try $0.input("scan.nii", phantom), "--steps", "0") },
    BadInput("no samples", 64, "samples") { $0.run(try $0.input("scan.nii", phantom), "--samples", "0") },
    BadInput("less than no threads", 64, "threads") { $0.run(try $0.input("scan.nii", phantom), "--threads=-1") },
    BadInput("a seed that is no number", 64, "seed") { $0.run(try $0.input("scan.nii", phantom), "--seed", "lucky") },
    BadInput("a negative seed", 64, "--seed", "'-1'", "0 to 18446744073709551615") {
      $0.run(try $0.input("scan.nii", phantom), "--seed", "-1")
    },
    BadInput("less than no threads, written as two words", 64, "--threads", "'-1'", "0 to 4096") {
      $0.run(try $0.input("scan.nii", phantom), "--threads", "-1")
    },
    BadInput("a number of steps that is a fraction", 64, "--steps", "'2.5'", "1 to 1000") {
      $0.run(try $0.input("scan.nii", phantom), "--steps", "2.5")
    },
    BadInput("a bench of no images", 64, "--batch", "1 to 4096") {
      ["bench", "--model", $0.model.path, "--batch", "0"]
    },
    BadInput("a seed of a degradation beyond 64 bits", 64, "--degradation-seed", "0 to 18446744073709551615") {
      ["evaluate", "--model", $0.model.path, "--data", "x.nii", "--degradation-seed", "18446744073709551616"]
    },
    BadInput("a training of less than no steps", 64, "--steps", "'-5'", "1 to 100000000") { _ in
      ["train", "x.yaml", "-o", "run", "--steps", "-5"]
    },
    BadInput("a dose that is no number", 64, "--dose", "'-x'", "a number") {
      ["degrade", "x.nii", "-o", $0.output("y.nii"), "--kind", "low-dose-ct", "--seed", "1", "--dose", "-x"]
    },
    BadInput("a bench of a size that the network does not take", 64, "--size", "multiple of 2 ", "33") {
      ["bench", "--model", $0.model.path, "--size", "33"]
    },
    BadInput("a training bench of a size that the network does not take", 64, "--size", "multiple of 2 ") {
      ["bench", "--model", $0.model.path, "--size", "33", "--training"]
    },
    BadInput("a bench of a training step whose output is wanted", 64, "--save-output") {
      ["bench", "--model", $0.model.path, "--training", "--save-output", $0.output("raw")]
    },
    BadInput("an unknown subcommand", 64) { _ in ["improve"] },
    BadInput("noise of another size", 65, "noise") {
      let noise = NIfTIBytes([8, 8, 3], float: { _, _, _ in 0.5 }).data
      return $0.run(try $0.input("scan.nii", phantom), "--noise", try $0.input("noise.nii", noise))
    },
  ]

  private static func flipped(_ data: Data, at position: Int) -> Data {
    var damaged = data
    damaged[position] ^= 0x10
    return damaged
  }

  private static let colour: Data = {
    var image = NIfTIBytes([8, 8, 1]) { _, _, _ in 0 }
    image.dataType = 128
    image.voxels = Data(count: 8 * 8 * 3)
    return image.data
  }()

  private static let notNumbers = NIfTIBytes([40, 36, 3], float: { i, j, _ in i == j ? .nan : 40 }).data

  private static let endless: Data = {
    var image = NIfTIBytes([1, 1, 1]) { _, _, _ in 0 }
    image.dimensions = [32767, 32767, 32767, 32767, 32767, 32767, 32767]
    return image.data
  }()

  private static let vast: Data = {
    var image = NIfTIBytes([1, 1, 1]) { _, _, _ in 0 }
    image.dimensions = [30000, 30000, 3000]
    return image.data
  }()
}
