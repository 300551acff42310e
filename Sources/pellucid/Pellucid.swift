import ArgumentParser
import Foundation
import Pipeline
import Provenance

/// The root command.
@main
struct Pellucid: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pellucid",
    abstract: "Denoise, super-resolve and translate medical images with few-step diffusion models.",
    version: SoftwareRecord.pellucidVersion + (SoftwareRecord.pellucidCommit.map { " (\($0))" } ?? ""),
    subcommands: [
      BatchCommand.self,
      BenchCommand.self,
      CompareCommand.self,
      ConfigCommand.self,
      DegradeCommand.self,
      DoctorCommand.self,
      EnqueueCommand.self,
      EvaluateCommand.self,
      InspectCommand.self,
      ModelsCommand.self,
      PlanCommand.self,
      QueueCommand.self,
      ReportCommand.self,
      RunCommand.self,
      ServeCommand.self,
      TrainCommand.self,
      VerifyCommand.self,
      WatchCommand.self,
      WorkerCommand.self,
    ])

  /// Parses and runs; every error that leaves a command gets its exit code in `ExitStatus`.
  static func main() async {
    ProcessStreams.prepare()
    do {
      var command = try parseAsRoot()
      if var command = command as? any AsyncParsableCommand {
        try await command.run()
      } else {
        try command.run()
      }
      try ProcessStreams.finish()
      ExitStatus.quit(0)
    } catch {
      ExitStatus.leave(with: error)
    }
  }
}
