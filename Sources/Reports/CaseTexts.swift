import Foundation
import Provenance

/// The texts of a case page that follow from its manifest.
struct CaseTexts {
  let manifest: Manifest
  let unit: String

  /// The case's name on the page: the first digits of its job's key, which say nothing about a person.
  var caseName: String { String(manifest.jobKey.prefix(16)) }

  /// One line on how the result was computed.
  var method: String {
    var parts = ["\(manifest.model.name) \(manifest.model.version)"]
    if let sampler = parameter("sampler") { parts.append("sampler \(sampler)") }
    if let count = parameter("evaluations") { parts.append("\(count) network evaluations per slice\(inPlanes)") }
    if let count = parameter("samples"), count != "1" { parts.append("mean of \(count) samples") }
    if let sliceGain { parts.append("differences of slices matched to the scan's, gain \(sliceGain)") }
    if parameter("task") == "super-resolve" {
      parts.append("\(parameter("sliceFactor") ?? "2") times the slices; before: linear interpolation")
    }
    return parts.joined(separator: " · ")
  }

  private var inPlanes: String { manifest.qc.slicing?.plane == "all" ? " in each of three planes" : "" }

  /// The gain of slices' differences where they were not left as predicted.
  private var sliceGain: String? { manifest.qc.metrics["sliceDetailGain"].map { String(format: "%.2f", $0) } }

  /// What to write into a paper's methods and references.
  var citation: String {
    let sampler = parameter("sampler") ?? ""
    var text =
      "Images were processed with Pellucid \(manifest.software.version), model \(manifest.model.name) "
      + "\(manifest.model.version) (SHA-256 \(manifest.model.weightsSha256.prefix(16))), sampler \(sampler), "
      + "\(parameter("evaluations") ?? "?") network evaluations per slice\(inPlanes), "
      + "\(parameter("samples") ?? "1") sample(s), seed "
      + "\(manifest.rng.seed). "
      + (sliceGain.map { "Differences of slices were matched to the scan's, gain \($0). " } ?? "")
      + "Derived images; research use only.\n\n"
    text += """
      H. Jiang, M. Imran, T. Zhang, Y. Zhou, M. Liang, K. Gong, W. Shao. Fast-DDPM: Fast Denoising Diffusion \
      Probabilistic Models for Medical Image-to-Image Generation. arXiv:2405.14802.
      """
    if sampler.hasPrefix("pfdiff") {
      text += """
        \nG. Wang et al. PFDiff: Training-Free Acceleration of Diffusion Models Combining Past and Future Scores. \
        arXiv:2408.08822.
        """
    }
    if !sampler.hasPrefix("ddpm") {
      text += "\nJ. Song, C. Meng, S. Ermon. Denoising Diffusion Implicit Models. arXiv:2010.02502."
    }
    return text
  }

  /// Everything that says what the result is made of, name and value.
  var provenance: [[String]] {
    let software = manifest.software
    let machine = manifest.environment
    let model = manifest.model
    var rows = [
      ["Run", "\(manifest.id), \(manifest.startedAt) to \(manifest.endedAt)"],
      ["Job key", manifest.jobKey],
      [
        "Software",
        "\(software.name) \(software.version), numeric version \(software.numericVersion), \(software.compiler)",
      ],
      ["Model", "\(model.name) \(model.version), SHA-256 \(model.weightsSha256)"],
      ["Model card", "SHA-256 \(model.cardSha256)"],
      ["Model licence", model.licence ?? "not stated"],
      ["Trained on", model.trainedOn.isEmpty ? "not stated" : model.trainedOn.joined(separator: "; ")],
      ["Intended use", model.intendedUse ?? "not stated"],
      ["Parameters", parameters],
      ["Random numbers", "\(manifest.rng.algorithm), seed \(manifest.rng.seed), a function of \(manifest.rng.keying)"],
    ]
    for file in manifest.inputs { rows.append(["Input (\(file.role))", text(of: file)]) }
    for file in manifest.outputs { rows.append(["Output (\(file.role))", text(of: file)]) }
    rows.append([
      "Machine",
      "\(machine.cpuModel), \(machine.isa), OpenBLAS \(machine.blasCore), \(machine.threads) threads, \(machine.os)",
    ])
    return rows
  }

  /// What speaks against the result.
  var remarks: [String] {
    let flags = manifest.qc.flags
    // Reasons of the envelope are among the flags of a run, under a code.
    let reasons = manifest.qc.envelope.reasons.filter { reason in !flags.contains { $0.contains(reason) } }
    return reasons + flags
  }

  /// A parameter in words; nil where the manifest has none of that name.
  func parameter(_ name: String) -> String? { manifest.parameters[name].map(text) }

  private var parameters: String {
    manifest.parameters.sorted { $0.key < $1.key }.map { "\($0.key) = \(text($0.value))" }.joined(separator: ", ")
  }

  private func text(of file: FileRecord) -> String {
    var text = "\(file.name), \(file.bytes) bytes, SHA-256 \(file.sha256)"
    if let voxels = file.sha256Voxels { text += ", voxels \(voxels)" }
    if let type = file.dataType { text += ", \(type)" }
    if let error = file.roundTripError { text += ", rounding of stored values up to \(quantity(error, unit))" }
    return text
  }

  private func text(_ value: ParameterValue) -> String {
    switch value {
    case .text(let text): text
    case .integer(let number): String(number)
    case .number(let number): String(number)
    case .flag(let flag): String(flag)
    case .list(let values): values.map(text).joined(separator: " ")
    }
  }
}
