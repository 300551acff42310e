import ArgumentParser
import Diffusion
import DurableFiles
import Foundation
import Models
import NeuralNet
import Training

/// `pellucid models import`.
struct ModelsImportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import",
    abstract: "Make a model of a published Fast-DDPM checkpoint (.pth).",
    discussion: """
      Nothing in the checkpoint is executed. It holds numbers only: which labels it was trained on, what it does and what \
      its intensities mean are facts that you state, because a wrong guess gives plausible but wrong images. Its noise \
      schedule is the published one (linear, 1e-4 to 0.02, 1000 labels), and it predicts noise.

      A checkpoint that Workflows/pytorch trained on the pairs of `pellucid train --pairs` needs no such statement: the \
      pairs say all of it (--pairs).
      """)

  enum IfExists: String, ExpressibleByArgument, CaseIterable { case fail, replace }

  @Argument(help: ArgumentHelp("The checkpoint.", valueName: "ckpt.pth")) var checkpoint: String
  @Option(name: [.short, .long], help: "The model file to write (.safetensors).") var output: String
  @Option(help: ArgumentHelp("What it was trained on, from `pellucid train --pairs`.", valueName: "file"))
  var pairs: String?
  @Option(
    help: ArgumentHelp(
      "Labels that it was trained on: uniform-10, non-uniform-10, ... or a list such as 0,199,399.", valueName: "set"))
  var labelSet: String?
  @Option(help: "denoise, super-resolve or translate.") var task: String?
  @Option(help: "CT, MR, ...") var modality: String?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Values that become -1 and 1, in the volume's unit (HU).", valueName: "low,high"))
  var window: String?
  @Option(help: ArgumentHelp("Percentiles of the volume that become -1 and 1.", valueName: "low,high"))
  var percentiles: String?
  @Flag(help: "The container's full range becomes -1 to 1 (0...255 of a PNG, as the official code does).")
  var fullRange = false
  @Option(help: "Name of the model (default: the output's name).") var name: String?
  @Option(help: ArgumentHelp("In-plane voxel sizes that it is meant for, mm.", valueName: "low,high"))
  var inPlaneSpacing: String?
  @Option(help: ArgumentHelp("Slice distances that it is meant for, mm.", valueName: "low,high"))
  var sliceSpacing: String?
  @Option(help: ArgumentHelp("In-plane extents that it is meant for, pixels.", valueName: "low,high"))
  var size: String?
  @Option(help: "Licence of the weights, an SPDX identifier if there is one.") var licence: String?
  @Option(help: "What to cite; may be repeated.") var citation: [String] = []
  @Flag(help: "Store the weights as float16.") var half = false
  @Option(help: "If the output exists: fail or replace.") var ifExists = IfExists.fail
  @Flag(help: "Print JSON.") var json = false

  func validate() throws {
    guard output.hasSuffix(".safetensors") else { throw ValidationError("The output's name must end in .safetensors.") }
    guard pairs == nil else { return try refuseStatements() }
    var missing: [String] = []
    if labelSet == nil { missing.append("--label-set (other labels than the trained ones give noise)") }
    if task == nil { missing.append("--task (denoise, super-resolve or translate: it decides what is fed in)") }
    if modality == nil { missing.append("--modality (so that scans of another kind are refused)") }
    let contracts = [window != nil, percentiles != nil, fullRange].count { $0 }
    if contracts == 0 {
      missing.append("--window, --percentiles or --full-range (what its intensities -1 and 1 mean)")
    }
    guard missing.isEmpty else {
      throw ValidationError(
        "A checkpoint does not say these, and they are not guessed: \(missing.joined(separator: "; ")).")
    }
    if contracts > 1 { throw ValidationError("Give one of --window, --percentiles and --full-range.") }
    _ = try statement()
  }

  private func refuseStatements() throws {
    let given = [
      ("--label-set", labelSet != nil), ("--task", task != nil), ("--modality", modality != nil),
      ("--window", window != nil), ("--percentiles", percentiles != nil), ("--full-range", fullRange),
      ("--in-plane-spacing", inPlaneSpacing != nil), ("--slice-spacing", sliceSpacing != nil), ("--size", size != nil),
      ("--licence", licence != nil), ("--citation", !citation.isEmpty),
    ].filter(\.1).map(\.0)
    guard given.isEmpty else {
      throw ValidationError("The pairs say what \(given.joined(separator: ", ")) would: leave that out with --pairs.")
    }
  }

  func run() throws {
    let target = URL(fileURLWithPath: output)
    if let pairs, URL(fileURLWithPath: pairs).resolvingSymlinksInPath() == target.resolvingSymlinksInPath() {
      throw FileError(.exists, "\(output) holds the pairs, which the model would replace; choose another name")
    }
    if ifExists == .fail, FileManager.default.fileExists(atPath: target.path) {
      throw FileError(.exists, "\(output) exists already; choose another name or give --if-exists replace")
    }
    let imported = try CheckpointImport.read(URL(fileURLWithPath: checkpoint))
    let card = try card(of: imported)
    try ModelFile.write(
      card: card, parameters: imported.parameters, to: target, precision: half ? .float16 : .float32,
      ifExists: ifExists == .fail ? .fail : .replace)
    let model = try ModelFile.read(target)
    for warning in model.warnings { Terminal.say("warning: \(warning)") }
    if json {
      let report = Report(
        model: ModelReport(model, target), weights: imported.weights, trainingStep: imported.trainingStep)
      return try printJSON(report)
    }
    let step = imported.trainingStep.map { " of step \($0)" } ?? ""
    Terminal.say(
      "\(card.name): \(model.parameters.scalarCount) parameters, \(imported.weights == .average ? "moving average" : "weights")\(step)"
    )
    print("\(model.sha256)  \(output)")
  }

  private struct Report: Encodable {
    var model: ModelReport
    var weights: CheckpointImport.Weights
    var trainingStep: Int?
  }

  private func card(of imported: CheckpointImport) throws -> ModelCard {
    guard let pairs else { return try imported.card(try statement()) }
    let file = URL(fileURLWithPath: pairs)
    var card = try imported.card(
      trainedOn: PairsFile.card(of: file), pairsDigest: ContentDigest.sha256(of: file),
      checkpointDigest: ContentDigest.sha256(of: URL(fileURLWithPath: checkpoint)))
    card.name = name ?? card.name
    return card
  }

  /// The stated facts; throws `ValidationError` for what cannot be understood.
  private func statement() throws -> CheckpointStatement {
    guard let task = ModelTask(rawValue: task ?? "") else {
      throw ValidationError("--task is one of \(ModelTask.allCases.map(\.rawValue).joined(separator: ", ")).")
    }
    let stem = URL(fileURLWithPath: output).deletingPathExtension().lastPathComponent
    return CheckpointStatement(
      name: name ?? stem, task: task, labelSet: try labels(), intensity: try intensity(),
      envelope: InputEnvelope(
        modality: modality, inPlaneSpacing: try pair(inPlaneSpacing, "--in-plane-spacing"),
        sliceSpacing: try pair(sliceSpacing, "--slice-spacing"), size: try pair(size, "--size")?.map { Int($0) }),
      licence: licence, citation: citation)
  }

  private func labels() throws -> LabelSetRecord {
    let text = labelSet ?? ""
    let numbers = text.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
    do {
      let found = numbers.compactMap { $0 }
      let isList = found.count == numbers.count
      let set = isList ? try LabelSet(name: "custom", labels: found) : try LabelSet(named: text)
      return LabelSetRecord(name: set.name, labels: set.labels)
    } catch {
      throw ValidationError("--label-set: \(error)")
    }
  }

  private func intensity() throws -> IntensityContract {
    var contract = IntensityContract.fullRange
    if let range = try pair(window, "--window") { contract = .window(low: range[0], high: range[1]) }
    if let range = try pair(percentiles, "--percentiles") { contract = .percentiles(low: range[0], high: range[1]) }
    do { try contract.validate() } catch { throw ValidationError(error.description) }
    return contract
  }

  private func pair(_ text: String?, _ option: String) throws -> [Double]? {
    guard let text else { return nil }
    let numbers = text.split(separator: ",", omittingEmptySubsequences: false).compactMap { Double($0) }
    guard numbers.count == 2, text.split(separator: ",", omittingEmptySubsequences: false).count == 2,
      numbers.allSatisfy({ $0.isFinite && abs($0) < 1e9 }), numbers[0] <= numbers[1]
    else { throw ValidationError("\(option) takes two ascending numbers with a comma between them, such as 0.5,2.") }
    return numbers
  }
}
