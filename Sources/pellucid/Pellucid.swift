import ArgumentParser

/// The root command.
@main
struct Pellucid: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pellucid",
    abstract: "Denoise, super-resolve and translate medical images with few-step diffusion models.",
    version: "0.1.0",
    subcommands: [
      CompareCommand.self,
      DegradeCommand.self,
      DoctorCommand.self,
      EvaluateCommand.self,
      ModelsCommand.self,
      RunCommand.self,
      TrainCommand.self,
    ])
}
