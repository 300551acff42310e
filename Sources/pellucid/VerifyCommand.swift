import ArgumentParser
import BatchQueue
import Cases
import Configuration
import DurableFiles
import Foundation
import Models

/// `pellucid verify`: whether results still are what their manifests say.
struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Check results against their manifests; with --rerun, compute them again and compare.",
    discussion: """
      RESULTS is a results tree, or one output or manifest. Every output is hashed again, every manifest's digests are \
      computed again, and so is the digest of the spool's copy of the input while there is one. Nothing is changed. \
      Another instruction set or BLAS core than the manifest's may give other last bits: a rerun says so, and it is no \
      failure.

      Exit codes: 0 all is as it was; 2 nothing to check; 65 something differs; 66 no such results; 69 all is as it was, \
      but some could not be computed again (no input, model or version); 74 I/O error, or 77 no permission, at one of them.
      """)

  @Argument(help: ArgumentHelp("A results tree, an output or a manifest.", valueName: "results")) var results: String
  @Flag(help: "Compute each result again from its input, outside the results, and compare voxels.") var rerun = false
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("With --rerun: folders to search for inputs that the spool has no more.", valueName: "folder"))
  var inputs: [String] = []
  @Option(
    help: ArgumentHelp("With --rerun: a model that is not found by its name in the manifest.", valueName: "name|file"))
  var model: String?
  @Option(
    help: ArgumentHelp("Check a part of the results, chosen at random, such as 5%.", valueName: "percent"),
    transform: share) var sample: Double?
  @Option(help: ArgumentHelp("The spool (default: in the results tree).", valueName: "folder")) var spool: String?
  @Option(within: threadCounts, help: "Threads; 0 for one per processor (default: as in the settings).")
  var threads: Int?
  @Flag(help: "Print JSON on stdout.") var json = false

  func validate() throws {
    guard rerun || (inputs.isEmpty && model == nil) else {
      throw ValidationError("--inputs and --model go with --rerun")
    }
  }

  func run() throws {
    let settings = try SettingsInForce.read([.threads: threads.map(String.init)])
    ComputeSettings.apply(threads: settings.threads.value)
    StopRequest.install()
    var options = ResultVerifier.Options(models: ModelLocator.current(first: settings.models.value))
    options.rerun = rerun
    options.inputs = inputs.map { URL(fileURLWithPath: $0) }
    options.model = model
    options.share = sample
    options.spool = spool.map { URL(fileURLWithPath: $0) }
    let verifier = try ResultVerifier(URL(fileURLWithPath: results), options: options)
    let (checks, unreadable) = try verifier.check { check in
      if StopRequest.signal != 0 { throw ExitCode(128 + StopRequest.signal) }
      if !json { show(check) }
    }
    if json { print(try Findings(results: checks, ok: checks.allSatisfy(\.ok)).json()) }
    if let unreadable { throw unreadable }
    try leave(checks)
  }

  private struct Findings: Encodable {
    var results: [ResultCheck]
    var ok: Bool

    func json() throws -> String {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
  }

  private func show(_ check: ResultCheck) {
    let rerun = check.rerun.map { ", rerun: \($0.rawValue)" } ?? ""
    print(
      "\(check.job.map(String.init(describing:)) ?? "-")  \(check.ok ? "ok" : "DIFFERS"), \(check.checked) files\(rerun)"
    )
    for line in check.problems { print("  problem: \(FileError.printable(line))") }
    for line in check.remarks { print("  remark: \(FileError.printable(line))") }
  }

  private func leave(_ checks: [ResultCheck]) throws {
    guard !checks.isEmpty else {
      Terminal.say("pellucid: there is no committed result to check")
      throw ExitCode(2)
    }
    let wrong = checks.count { !$0.ok }
    guard wrong == 0 else {
      Terminal.say("pellucid: \(wrong) of \(checks.count) results are not what their manifests say")
      throw ExitCode(ExitStatus.data.rawValue)
    }
    let left = checks.count { $0.rerun?.wasMade == false }
    guard left == 0 else {
      Terminal.say("pellucid: \(checks.count) results are as they were; \(left) could not be computed again")
      throw ExitCode(ExitStatus.unavailable.rawValue)
    }
    Terminal.say("pellucid: \(checks.count) results are as they were")
  }
}

private func share(_ text: String) throws -> Double {
  guard text.hasSuffix("%"), let percent = Double(text.dropLast()), percent > 0, percent <= 100 else {
    throw ValidationError("it must be a share such as 5%, above 0% and up to 100%")
  }
  return percent / 100
}
