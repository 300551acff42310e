import ArgumentParser
import BatchQueue
import Configuration
import Diffusion
import DurableFiles
import Foundation
import Models
import Pipeline
import Provenance
import Reports
import Training
import Transforms
import Volumes

/// The exit codes of every command (those of sysexits.h, and 128 + the signal after a clean stop), and the one place
/// that decides which error gets which.
enum ExitStatus: Int32 {
  /// Done, but with warnings, and `--strict` was given.
  case warned = 20
  /// Flags that are wrong or do not go together.
  case usage = 64
  /// An input that is corrupt, or refused by a limit, by its geometry or by the model.
  case data = 65
  /// An input that is missing or unreadable.
  case noInput = 66
  /// A model that is missing.
  case unavailable = 69
  /// Our bug.
  case software = 70
  /// An output that exists with other content, or cannot be made.
  case cannotCreate = 73
  /// A full disk or an I/O error.
  case inputOutput = 74
  /// Out of memory at the planned size: may pass.
  case temporary = 75
  /// No permission.
  case permission = 77
  /// A configuration or model card that is invalid.
  case configuration = 78

  /// The status that an error means; nil for one that no room has.
  init?(_ error: any Error) {
    switch error {
    case let error as PipelineError: self.init(error.kind)
    case let error as FileError: self.init(error.kind)
    case let error as VolumeError: self.init(error.kind)
    case let error as ModelError: self.init(error.kind)
    case let error as TrainingError: self.init(error.kind)
    case is ConfigurationError: self = .configuration
    case let error as QueueError: self.init(error.kind)
    case let error as ProvenanceError: self = error.kind == .missing ? .noInput : .data
    case is TransformError, is RatingError: self = .data
    // Schedules and labels of model cards are checked when the card is read: what is left comes from the command line.
    case is DiffusionError: self = .usage
    case let error as SelfTestFailure: self = error.status
    default: return nil
    }
  }

  private init(_ kind: PipelineError.Kind) {
    switch kind {
    case .usage: self = .usage
    case .unsuitableInput, .brokenModel: self = .data
    case .outputExists, .cannotCreate: self = .cannotCreate
    case .unsuitableModel: self = .unavailable
    case .noSpace, .outputDamaged: self = .inputOutput
    case .notEnoughMemory: self = .temporary
    }
  }

  private init(_ kind: FileError.Kind) {
    switch kind {
    case .notFound, .notARegularFile, .invalidName: self = .noInput
    case .permission: self = .permission
    case .exists, .notAFolder: self = .cannotCreate
    case .noSpace, .io: self = .inputOutput
    case .exhausted: self = .temporary
    }
  }

  private init(_ kind: VolumeError.Kind) {
    switch kind {
    case .verification: self = .inputOutput
    case .notRepresentable: self = .cannotCreate
    case .empty, .unrecognised, .wrongExtension, .truncated, .corrupt, .badHeader, .unsupported, .tooLarge: self = .data
    }
  }

  private init(_ kind: ModelError.Kind) {
    switch kind {
    case .notFound: self = .unavailable
    case .corrupt, .refused: self = .data
    case .card, .mismatch: self = .configuration
    }
  }

  private init(_ kind: QueueError.Kind) {
    switch kind {
    case .usage: self = .usage
    case .missing, .unknownJob: self = .noInput
    case .damaged, .tooLarge: self = .data
    case .unsuitable: self = .configuration
    case .leaseLost: self = .temporary
    case .noSpace: self = .inputOutput
    }
  }

  private init(_ kind: TrainingError.Kind) {
    switch kind {
    case .data, .checkpoint: self = .data
    case .parameter: self = .usage
    case .outputExists: self = .cannotCreate
    }
  }

  /// Ends the process without what libraries do at the end: OpenBLAS waits there for threads that a lack of memory may never
  /// have let begin.
  static func quit(_ code: Int32) -> Never {
    fflush(nil)
    _exit(code)
  }

  /// Ends the process as an error demands: one line on stderr and its code; help and usage as ArgumentParser has them.
  static func leave(with error: any Error) -> Never {
    if let stop = error as? Interruption {
      Terminal.say("pellucid: \(stop)")
      quit(128 + stop.signal)
    }
    // What a command chose itself it has told.
    if let code = error as? ExitCode { quit(code.rawValue) }
    if let status = ExitStatus(error) {
      // People who gave a path want to read which one; a log must not hold it.
      let text = (error as? FileError)?.withoutName ?? oneLine(error)
      Event("error", with: [("code", status.rawValue), ("text", text)], "error: \(oneLine(error))").tell()
      quit(status.rawValue)
    }
    if Pellucid.exitCode(for: error) == .validationFailure {
      let message = oneLine(Pellucid.message(for: error)).trimmingCharacters(in: CharacterSet(charactersIn: ". "))
      Terminal.say("pellucid: error: \(message); see `\(helpCommand)`")
      quit(usage.rawValue)
    }
    // Help and version.
    guard Pellucid.exitCode(for: error) == .failure else { Pellucid.exit(withError: error) }
    Terminal.say("pellucid: error: \(oneLine(error)); this is a bug in pellucid, please report it")
    quit(ExitStatus.software.rawValue)
  }

  /// The help of the subcommand that was called, or of the whole.
  private static var helpCommand: String {
    let names = Pellucid.configuration.subcommands.compactMap { $0.configuration.commandName }
    let called = CommandLine.arguments.dropFirst().first { names.contains($0) }
    return (["pellucid", "help"] + [called].compactMap(\.self)).joined(separator: " ")
  }

  static func oneLine(_ error: Any) -> String {
    FileError.printable("\(error)".split(whereSeparator: \.isNewline).joined(separator: " "))
  }
}

/// The user's wish to stop, as an error that unwinds a run.
struct Interruption: Error, CustomStringConvertible {
  let signal: Int32
  var description: String {
    "stopped by \(signal == SIGINT ? "SIGINT" : signal == SIGTERM ? "SIGTERM" : "signal \(signal)"); nothing was written"
  }
}
