import ArgumentParser
import DurableFiles
import Foundation
import Models
import Training
import Volumes

/// `pellucid degrade`: a scan made worse in a known way.
struct DegradeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "degrade",
    abstract: "Make a scan worse in a known way, to train or to test with.",
    discussion: """
      low-dose-ct projects each slice, counts the photons of a fraction of the dose, and adds the reconstructed noise. \
      rician adds noise to both channels of a magnitude MR image. thick-slices averages neighbouring slices. Beside the \
      output lies OUT.json: kind, parameters, seed, and digests of input and output.
      """)

  @Argument(help: "The scan.")
  var input: String
  @Option(name: [.short, .long], help: "Where the degraded scan goes.")
  var output: String
  @Option(
    help: "What to do: low-dose-ct (needs --dose), rician (needs --sigma) or thick-slices (needs --factor).",
    transform: Self.kind)
  var kind: DegradationKind?
  @Option(help: ArgumentHelp("Do what this model was trained to undo.", valueName: "name|file"))
  var model: String?
  @Option(decimal: "With --model: the strength (default: the strongest in the model's card).")
  var level: Double?

  @Option(decimal: "low-dose-ct: fraction of the normal dose, such as 0.25.")
  var dose: Double?
  @Option(decimal: "low-dose-ct: photons per ray in air at the normal dose (default: 1.2e6).")
  var photons: Double?
  @Option(within: 1...10_000, help: "low-dose-ct: views over half a turn (default: 720).")
  var views: Int?
  @Option(decimal: "low-dose-ct: standard deviation of the detector's noise, in photons (default: 5).")
  var electronicNoise: Double?
  @Option(decimal: "low-dose-ct: smoothing of the ramp filter, from 0, none, to 1, Hann (default: 0).")
  var apodisation: Double?
  @Option(
    decimal: "rician: standard deviation in each channel, as a fraction of the 99.5th percentile, such as 0.05.")
  var sigma: Double?
  @Option(within: 2...64, help: "thick-slices: slices per thick slice.")
  var factor: Int?

  @Option(within: 0...UInt64.max, help: "Seed of the noise.")
  var seed: UInt64
  @Option(within: threadCounts, help: "Threads; 0 for one per processor. Results do not depend on it.")
  var threads = 0
  @Option(help: "If the output exists: fail or replace.")
  var ifExists: ReplaceChoice = .fail
  @Flag(help: "Print the record as JSON on stdout.")
  var json = false

  enum ReplaceChoice: String, ExpressibleByArgument, CaseIterable {
    case fail, replace
  }

  static func kind(_ name: String) throws -> DegradationKind {
    guard let kind = DegradationKind(rawValue: name) else {
      let known = DegradationKind.allCases.map(\.rawValue).joined(separator: ", ")
      throw ValidationError("unknown kind '\(name)'; choose one of \(known).")
    }
    return kind
  }

  func validate() throws {
    guard (kind == nil) != (model == nil) else { throw ValidationError("Give either --kind or --model.") }
    if level != nil, model == nil { throw ValidationError("--level goes with --model.") }
    let flags: [(name: String, given: Bool, kind: DegradationKind)] = [
      ("--dose", dose != nil, .lowDoseCT), ("--photons", photons != nil, .lowDoseCT),
      ("--views", views != nil, .lowDoseCT), ("--electronic-noise", electronicNoise != nil, .lowDoseCT),
      ("--apodisation", apodisation != nil, .lowDoseCT), ("--sigma", sigma != nil, .rician),
      ("--factor", factor != nil, .thickSlices),
    ]
    for flag in flags where flag.given && flag.kind != kind {
      throw ValidationError("\(flag.name) goes with --kind \(flag.kind.rawValue).")
    }
    switch kind {
    case .lowDoseCT where dose == nil: throw ValidationError("--kind low-dose-ct needs --dose, such as 0.25.")
    case .rician where sigma == nil: throw ValidationError("--kind rician needs --sigma, such as 0.05.")
    case .thickSlices where factor == nil: throw ValidationError("--kind thick-slices needs --factor, such as 4.")
    default: break
    }
  }

  func run() async throws {
    ComputeSettings.apply(threads: threads)
    let (degradation, name) = try chosen()
    let scan = try DegradedScan.make(
      degradation, of: URL(fileURLWithPath: input), to: URL(fileURLWithPath: output), seed: seed, model: name,
      software: TrainCommand.software, options: VolumeWriteOptions(ifExists: ifExists == .fail ? .fail : .replace))
    if json { return try printJSON(scan) }
    Terminal.say("\(output): \(scan.kind) \(scan.level), seed \(scan.seed)")
  }

  private func chosen() throws -> (Degradation, model: String?) {
    guard let model else { return (try given(), nil) }
    let card = try ModelFile.readCard(try SettingsInForce.model(model))
    guard let record = card.degradation, let strongest = record.levels.last else {
      throw ValidationError("The card of \(card.name) does not say what it was trained to undo; give --kind.")
    }
    return (try Degradation(record, level: level ?? strongest), card.name)
  }

  private func given() throws -> Degradation {
    switch kind {
    case .rician: return .rician(try RicianNoise(sigma: sigma ?? 0))
    case .thickSlices: return .thickSlices(try ThickSlices(factor: factor ?? 0))
    default:
      let usual = try LowDoseCT(dose: dose ?? 0)
      return .lowDoseCT(
        try LowDoseCT(
          dose: usual.dose, photons: photons ?? usual.photons, views: views ?? usual.views,
          electronicNoise: electronicNoise ?? usual.electronicNoise, apodisation: apodisation ?? usual.apodisation))
    }
  }
}
