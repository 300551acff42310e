import ArgumentParser
import BatchQueue
import DurableFiles
import Foundation
import Provenance

/// What became of a batch, a sweep or a worker's work, for scripts and for the exit code.
struct BatchReport: Encodable {
  /// One job or one refused file.
  struct Case: Encodable {
    var job: JobID?
    var state: String
    var result: String?
    var code: Int
    var text: String?
    /// Whether it was there before.
    var known: Bool
  }

  var committed = 0
  var failed = 0
  var waiting = 0
  var cases: [Case] = []
  /// Why nothing more was begun, where the disk was the reason.
  var outOfSpace: String?
  /// Whether a limit that was asked for ended the work.
  private var mayWait = false
  /// Whether it is of all that is in a spool, and not of a list of files.
  private let isOfSpool: Bool

  private enum CodingKeys: CodingKey { case committed, failed, waiting, cases, outOfSpace }

  init(_ summary: RunnerSummary, _ spool: Spool, ofAll isOfSpool: Bool = false) {
    self.isOfSpool = isOfSpool
    var seen: Set<JobID> = []
    let states = (try? spool.states()) ?? [:]
    for reply in Self.last(summary.replies) {
      switch reply {
      case .job(let id, let known):
        guard seen.insert(id).inserted else { continue }
        cases.append(Self.row(id, states[id], known: known == .done, spool))
      case .refused(let failure), .later(let failure):
        cases.append(
          Case(job: nil, state: "refused", result: nil, code: failure.code, text: failure.text, known: false))
      case .incomplete, .changed: break
      }
    }
    for id in summary.committed + summary.quarantined.map(\.job) where seen.insert(id).inserted {
      cases.append(Self.row(id, states[id], known: false, spool))
    }
    outOfSpace = summary.outOfSpace
    committed = cases.count { $0.state == JobState.done.rawValue }
    failed = cases.count { $0.state == JobState.quarantine.rawValue || $0.state == "refused" }
    let open = isOfSpool ? states.values.count { $0 == .ready || $0 == .failed } : cases.count - committed - failed
    waiting = open + summary.unseen
    mayWait = summary.stoppedEarly
    // A service lists nothing, and counts.
    if cases.isEmpty { (committed, failed) = (summary.committedCount, summary.failedCount) }
  }

  /// What was said of each file in the end: one that could not be taken at first may have been taken later.
  private static func last(_ replies: [(request: IntakeRequest, reply: IntakeReply)]) -> [IntakeReply] {
    struct File: Hashable { var folder: String, path: RelativePath, workflow: Data? }
    var places: [File: Int] = [:]
    var last: [IntakeReply] = []
    for (request, reply) in replies {
      let file = File(folder: request.folder, path: request.path, workflow: request.instructions)
      if let place = places[file] {
        last[place] = reply
      } else {
        places[file] = last.count
        last.append(reply)
      }
    }
    return last
  }

  private static func row(_ id: JobID, _ listed: JobState?, known: Bool, _ spool: Spool) -> Case {
    // A job that is not in the lists may be committed with its ticket still to be put to rest.
    let state = listed ?? (try? spool.state(of: id)) ?? nil
    let failure = state == .quarantine ? spool.reasonOfQuarantine(id) : nil
    return Case(
      job: id, state: state?.rawValue ?? "unknown", result: state == .done ? "cases/\(id)" : nil,
      code: failure?.code ?? 0, text: failure?.text, known: known)
  }

  /// The remarks of every committed case, as its manifest has them.
  func warnings(in results: ResultsTree) -> [String] {
    let committed = cases.filter { $0.state == JobState.done.rawValue }.compactMap(\.job)
    return committed.flatMap { (try? Manifest.read(results.manifest(of: $0)))?.qc.flags ?? [] }
  }

  func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(self), as: UTF8.self)
  }

  /// Ends with the code that fits; returns where all is well.
  ///
  /// Where others go on with what waits (the next sweep, another worker), waiting is no failure.
  func leave(stoppedBy signal: Int32, mayWait: Bool = false, quiet: Bool = true) throws {
    if signal != 0 {
      end(128 + signal, "stopped; \(committed) committed, what was begun was given back")
      throw ExitCode(128 + signal)
    }
    if let outOfSpace {
      end(ExitStatus.inputOutput.rawValue, "error: \(outOfSpace); \(waiting) cases wait")
      throw ExitCode(ExitStatus.inputOutput.rawValue)
    }
    guard failed > 0 || waiting > 0 && !mayWait && !self.mayWait else {
      if !quiet { end(0, "\(committed) committed" + (waiting > 0 ? ", \(waiting) waiting" : "")) }
      return
    }
    let codes = Set(cases.filter { $0.code != 0 }.map(\.code))
    // All failed in one way: that way's code says more than "some".
    // 130 is for a signal: jobs that an operator cancelled are some that failed.
    let code = committed == 0 && waiting == 0 && codes.count == 1 && codes != [130] ? Int32(codes.first!) : 8
    end(
      code,
      "\(committed) committed, \(failed) failed, \(waiting) waiting; \(advice)")
    throw ExitCode(code)
  }

  /// Where the reasons stand: refused files are no jobs.
  private var advice: String {
    guard cases.contains(where: { $0.job == nil }) else { return "`pellucid queue ls` and `queue show` say why" }
    return isOfSpool ? "the answers beside the drops say why" : "--json says why, and --names-to of which file"
  }

  private func end(_ code: Int32, _ sentence: String) {
    Event(
      "ended", with: [("code", code), ("committed", committed), ("failed", failed), ("waiting", waiting)], sentence
    ).tell()
  }
}
