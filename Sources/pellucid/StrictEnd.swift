import ArgumentParser

/// What `--strict` makes of warnings: the work is done and stays, the last line names them, the code is 20.
enum StrictEnd {
  /// Ends if there are warnings, such as `W-ENVELOPE: …`.
  static func leave(over warnings: [String]) throws {
    guard !warnings.isEmpty else { return }
    let code = ExitStatus.warned.rawValue
    let list = counted(warnings)
    Event("strict", with: [("code", code), ("text", list)], "strict: done, with warnings: \(list)").tell()
    throw ExitCode(code)
  }

  /// `W-ENVELOPE, W-MODEL (3)`: each kind once, with how often it came.
  private static func counted(_ warnings: [String]) -> String {
    let kinds = Dictionary(grouping: warnings) { String($0.prefix { $0 != ":" }) }
    return kinds.sorted { $0.key < $1.key }.map { $1.count > 1 ? "\($0) (\($1.count))" : $0 }.joined(separator: ", ")
  }
}
