import ArgumentParser
import Configuration
import DurableFiles
import Foundation
import Models

/// What runs here, what slows it, and what would fail at night.
struct DoctorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Show what runs here; check settings, models, workflows, folders, and compute a phantom.",
    discussion: """
      Folders are tried in a temporary folder inside them. The phantom of 16 x 16 x 16 voxels goes the way of every drop, \
      in the temporary folder of the system.

      Exit codes: 0 fine, warnings or not; else that of the worst problem: 70, 74, 77, 66, 69, 78, 75 or 65, in this order.
      """)

  @Option(help: ArgumentHelp("An inbox to check.", valueName: "folder")) var inbox: String?
  @Option(help: ArgumentHelp("A results tree to check, and its spool.", valueName: "folder")) var results: String?
  @Option(help: ArgumentHelp("A spool to check, and its results tree.", valueName: "folder")) var spool: String?
  @Flag(inversion: .prefixedNo, help: "Compute the phantom.") var selfTest = true
  @Flag(help: "Print JSON.") var json = false

  private struct Report: Encodable {
    var machine: MachineFindings
    var checks: [HealthCheck]

    func encode(to encoder: any Encoder) throws {
      try machine.encode(to: encoder)
      var container = encoder.container(keyedBy: Key.self)
      try container.encode(checks, forKey: .checks)
    }
    private enum Key: CodingKey { case checks }
  }

  func run() throws {
    let knowledge = KnowledgeChecks()
    var checks = knowledge.checks
    checks +=
      FolderChecks(inbox: inbox, results: results, spool: spool, onDone: knowledge.settings?.onDone.value).checks
    if selfTest {
      // Child processes read the settings too.
      let isPossible = knowledge.settings != nil
      checks.append(isPossible ? SelfTest.check() : .warning("self-test", "not done: see to the settings first"))
    }
    let machine = MachineFindings.here(models: knowledge.models.available)
    if json {
      try printJSON(Report(machine: machine, checks: checks))
    } else {
      print(machine.text())
      for check in checks { print(check.line) }
    }
    guard let status = HealthCheck.worst(checks) else { return }
    try ProcessStreams.finish()
    throw ExitCode(status.rawValue)
  }
}

/// One thing that was looked at.
struct HealthCheck: Encodable {
  enum State: String, Encodable {
    case ok
    case warning
    case problem
  }

  var name: String
  var state: State
  /// The exit code of a problem.
  var code: Int32 = 0
  /// What was found, or what is wrong and what to do.
  var text: String

  static func ok(_ name: String, _ text: String) -> HealthCheck { HealthCheck(name: name, state: .ok, text: text) }

  static func warning(_ name: String, _ text: String) -> HealthCheck {
    HealthCheck(name: name, state: .warning, text: text)
  }

  static func problem(_ name: String, _ status: ExitStatus, _ text: String) -> HealthCheck {
    HealthCheck(name: name, state: .problem, code: status.rawValue, text: text)
  }

  /// Does something, and is the problem if it fails.
  static func of(_ name: String, _ body: () throws -> HealthCheck) -> HealthCheck {
    do { return try body() } catch {
      return problem(name, ExitStatus(error) ?? .software, ExitStatus.oneLine(error))
    }
  }

  /// The code of the worst problem: first what no setting heals.
  static func worst(_ checks: [HealthCheck]) -> ExitStatus? {
    let order: [ExitStatus] = [
      .software, .inputOutput, .permission, .noInput, .unavailable, .configuration, .temporary, .data, .cannotCreate,
      .usage,
    ]
    let codes = Set(checks.filter { $0.state == .problem }.map(\.code))
    return order.first { codes.contains($0.rawValue) }
  }

  var line: String {
    let mark = state == .problem ? "PROBLEM \(code)" : state.rawValue
    return mark.padding(toLength: max(17, mark.count + 2), withPad: " ", startingAt: 0) + "\(name): \(text)"
  }
}
