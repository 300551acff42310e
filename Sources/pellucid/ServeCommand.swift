import ArgumentParser
import BatchQueue
import Cases
import Configuration
import Foundation
import Models
import TensorCore

/// The child process of a worker; not for people.
struct ServeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve-cases", abstract: "Compute cases for a worker that started this process.", shouldDisplay: false)

  @Option(help: "The spool.") var spool: String
  @Option(help: "The worker's process.") var parent: Int32
  @Option(within: threadCounts, help: "Threads; 0 for one per processor.") var threads = 0
  @Option(help: "A folder of workflows that goes before all others.") var workflows: String?

  func run() throws {
    // Ctrl-C and a service manager tell the whole group to stop: it is the worker that stops its children, after giving
    // their cases back.
    signal(SIGINT, SIG_IGN)
    signal(SIGTERM, SIG_IGN)
    ComputeSettings.apply(threads: threads)
    let settings = try SettingsInForce.read([.workflows: workflows])
    var spool = try Spool(at: URL(fileURLWithPath: spool))
    spool.minimumFreeSpace = settings.minimumFreeSpace.value
    let server = CaseServer(
      spool, library: WorkflowLibrary.current(first: settings.workflows.value),
      models: ModelLocator.current(first: settings.models.value),
      bounds: CaseBounds(memory: settings.memory.value) { Parallel.setThreadCount($0 ?? threads) }
    ) { error in
      (Int((ExitStatus(error) ?? .software).rawValue), ExitStatus.oneLine(error))
    }
    server.serve(parent: parent)
  }
}
