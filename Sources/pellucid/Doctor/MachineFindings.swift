import ArgumentParser
import Foundation
import Models
import Pipeline
import Provenance
import TensorCore

/// What runs here, and what slows it.
struct MachineFindings: Encodable {
  struct Model: Encodable {
    var name: String
    var path: String
  }
  var version: String
  var commit: String?
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

  static func here(models: [(name: String, url: URL)]) -> MachineFindings {
    let machine = EnvironmentRecord.current(
      isa: ComputeBackend.instructionSet.rawValue, blasCore: ComputeBackend.blasCore, threads: Parallel.threadCount,
      memoryCap: nil)
    return MachineFindings(
      version: SoftwareRecord.pellucidVersion, commit: SoftwareRecord.pellucidCommit,
      compiler: SoftwareRecord.builtWith, os: machine.os, kernel: machine.kernel, processor: machine.cpuModel,
      threads: machine.threads, instructionSet: machine.isa,
      bestInstructionSet: ComputeBackend.best.rawValue, blas: ComputeBackend.blasConfiguration,
      blasCore: machine.blasCore, models: models.map { Model(name: $0.name, path: $0.url.path) }, warnings: warnings())
  }

  private static func warnings() -> [String] {
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
    return warnings
  }

  func text() -> String {
    var lines = [
      "pellucid         \(version)\(commit.map { " (\($0))" } ?? ""), built with \(compiler)",
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
