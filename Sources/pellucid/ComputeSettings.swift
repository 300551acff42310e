import DurableFiles
import Foundation
import TensorCore

/// What every command that computes does first.
enum ComputeSettings {
  /// Sets the number of threads (0: one per processor), and says on stderr that a `PELLUCID_ISA` is not followed.
  static func apply(threads: Int) {
    Parallel.setThreadCount(threads)
    if let warning { Terminal.say("pellucid: warning: \(warning)") }
  }

  /// One line about a `PELLUCID_ISA` that is not followed.
  static var warning: String? {
    let name = ProcessInfo.processInfo.environment["PELLUCID_ISA"] ?? ""
    return ComputeBackend.warning(aboutRequested: FileError.printable(name))
  }
}
