import DurableFiles
import Foundation

/// Why one attempt of a job came to nothing.
public struct Failure: Codable, Sendable, Equatable {
  /// What kind of failure it was, which decides what happens next.
  public enum Kind: String, Sendable, Codable, CaseIterable {
    /// The input, the model or the options are wrong: another try gives the same.
    case permanent
    /// May pass: a full disk, no memory at the planned size.
    case passing
    /// The process that computed was killed, or crashed.
    case killed
    /// The process that computed gave no sign of progress for too long.
    case stalled
    /// The worker itself vanished or was stopped so long that its claim was taken.
    case abandoned
  }

  /// Whether the site's workflows or models are the reason, and not the file: then it is taken anew once they change.
  public var isOfSite: Bool?
  /// What kind it was.
  public var kind: Kind
  /// The exit code that the failure has on the command line.
  public var code: Int
  /// One line: what is wrong and what to do.
  ///
  /// Names no file of the user's.
  public var text: String
  /// The last lines that the process wrote to stderr.
  public var evidence: [String]
  /// Which attempt it was.
  public var attempt: Int
  /// When, in seconds since 1970 by this machine's clock; for people and for back-off only.
  public var time: Double

  /// A failure from its parts.
  public init(kind: Kind, code: Int, text: String, evidence: [String] = [], attempt: Int = 0) {
    self.kind = kind
    self.code = code
    self.text = text
    self.evidence = evidence
    self.attempt = attempt
    time = (Date().timeIntervalSince1970 * 1000).rounded() / 1000
  }

  /// Whether a process died or stalled over it: the next attempt should ask for less memory.
  public var asksForLess: Bool { kind == .killed || kind == .stalled || (kind == .passing && code == 75) }
}

/// What happens to a job after a failure.
enum Verdict: Equatable {
  /// It is tried again after so many seconds.
  case retry(after: Double)
  /// It is given up.
  case quarantine

  /// How often a worker may vanish over one job before the job is taken for the cause.
  static let abandonments = 10

  /// The verdict on a job with this history, the last failure included.
  ///
  /// A killed or stalled process gets one more try, with less memory; what may pass gets `retries`, after `wait` seconds,
  /// 5 and then 25 times that.
  init(_ failures: [Failure], retries: Int, wait: Double = 60) {
    func count(_ kinds: Failure.Kind...) -> Int { failures.count { kinds.contains($0.kind) } }
    guard let last = failures.last, count(.permanent) == 0,
      count(.killed, .stalled) < 2 + (retries > 2 ? retries - 2 : 0),
      count(.passing, .killed, .stalled) <= retries, count(.abandoned) < Self.abandonments
    else {
      self = .quarantine
      return
    }
    switch last.kind {
    case .permanent: self = .quarantine
    case .abandoned, .killed, .stalled: self = .retry(after: 0)
    case .passing: self = .retry(after: wait * [1, 5, 25][min(count(.passing) - 1, 2)])
    }
  }
}

/// The failures of a job, one file each, in the folder of its ticket.
enum FailureRecords {
  static func write(_ failure: Failure, in folder: URL) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    try AtomicFile.write(
      try encoder.encode(failure), to: folder.appendingPathComponent("failure-\(failure.attempt).json"))
  }

  /// All of them, in the order of the attempts; a damaged one is left out.
  static func read(in folder: URL) -> [Failure] {
    let names = (try? FolderChanges.names(in: folder)) ?? []
    return names.filter { $0.hasPrefix("failure-") && $0.hasSuffix(".json") }.compactMap {
      try? JSONDecoder().decode(Failure.self, from: Data(contentsOf: folder.appendingPathComponent($0)))
    }.sorted { $0.attempt < $1.attempt }
  }
}
