import ArgumentParser
import Foundation
import Models
import Provenance
import TensorCore

/// What runs here, and what may be wrong with it.
struct DoctorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor", abstract: "Show versions, processor, numeric libraries and models; warn about what slows.")

  @Flag(help: "Print JSON.") var json = false

  func run() throws {
    let findings = Findings.here()
    print(json ? try findings.json() : findings.text())
  }
}

/// What the doctor found.
private struct Findings: Encodable {
  struct Model: Encodable {
    var name: String
    var path: String
  }
  var version: String
  var compiler: String
  var os: String
  var kernel: String
  var processor: String
  var threads: Int
  var instructionSet: String
  var bestInstructionSet: String
  var blas: String
  var blasCore: String
  var models: [Model]
  var warnings: [String]

  static func here() -> Findings {
    let machine = EnvironmentRecord.current(
      isa: ComputeBackend.instructionSet.rawValue, blasCore: ComputeBackend.blasCore, threads: Parallel.threadCount,
      memoryCap: nil)
    // Settings that are wrong stop every other command; the doctor says so and looks on.
    var wrong: [String] = []
    var locator = ModelLocator.current()
    do { locator = try SettingsInForce.models } catch { wrong = ["the settings cannot be followed: \(error)"] }
    let models = locator.available.map { Model(name: $0.name, path: $0.url.path) }
    return Findings(
      version: Pellucid.configuration.version, compiler: SoftwareRecord.builtWith, os: machine.os,
      kernel: machine.kernel, processor: machine.cpuModel, threads: machine.threads, instructionSet: machine.isa,
      bestInstructionSet: ComputeBackend.best.rawValue, blas: ComputeBackend.blasConfiguration,
      blasCore: machine.blasCore, models: models, warnings: wrong + warnings(noModel: models.isEmpty))
  }

  private static func warnings(noModel: Bool) -> [String] {
    let environment = ProcessInfo.processInfo.environment
    var warnings: [String] = []
    // A preset core may be slower than the one that OpenBLAS would choose, and gives other last bits.
    for name in ["OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"] {
      if let value = environment[name], !value.isEmpty {
        warnings.append(
          "\(name)=\(value) is set, so OpenBLAS does not choose for this processor; unset it for full speed")
      }
    }
    if let warning = ComputeSettings.warning { warnings.append(warning) }
    if ComputeBackend.instructionSet != ComputeBackend.best {
      warnings.append(
        "PELLUCID_ISA forces \(ComputeBackend.instructionSet.rawValue), the processor has \(ComputeBackend.best.rawValue); "
          + "unset it for full speed")
    }
    if noModel { warnings.append("no model was found; set PELLUCID_MODELS to a folder that holds some") }
    return warnings
  }

  func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(self), as: UTF8.self)
  }

  func text() -> String {
    var lines = [
      "pellucid         \(version), built with \(compiler)",
      "system           \(os), \(kernel)",
      "processor        \(processor), \(threads) threads",
      "instruction set  \(instructionSet)",
      "BLAS             \(blas), core \(blasCore)",
    ]
    lines += models.map { "model            \($0.name)  \($0.path)" }
    lines += warnings.map { "warning          \($0)" }
    return lines.joined(separator: "\n")
  }
}
