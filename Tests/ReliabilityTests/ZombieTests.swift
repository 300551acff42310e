import Foundation
import Glibc
import Testing

@Suite("P3: of several workers at one job, one commits")
struct ZombieTests {
  /// Where the zombie stands still, as a call below a folder of that name.
  enum Standstill: String, CaseIterable, Sendable {
    /// The manifest is about to be linked into the claim.
    case beforeTheClaimsLink = "link /claimed/"
    /// The manifest is about to be linked under the job's name: the commit itself.
    case beforeTheCommit = "link /manifests/"
    /// It is committed, and nothing else has happened.
    case afterTheCommit = "fsync /manifests/"
    /// It is committed, and the files are about to be moved to their place.
    case beforeThePublication = "rename /cases/"

    var fault: Fault {
      let words = rawValue.split(separator: " ").map(String.init)
      return Fault(action: .stop, at: 1, operations: [words[0]], path: words[1])
    }
    var isCommitted: Bool { self == .afterTheCommit || self == .beforeThePublication }
  }

  struct Round: Sendable, CustomStringConvertible {
    var number: Int
    var standstill: Standstill
    /// Whether the other worker too stands still before its commit while the zombie wakes up.
    var otherWaits: Bool
    var description: String { "round \(number), \(standstill), other \(otherWaits ? "waits" : "commits")" }
  }

  @Test("a worker that stands still past its lease loses its job, whenever it wakes up")
  func zombie() throws {
    try QueueScene.with { model in
      try model.makeInbox()
      try model.drop(1)
      let expected = try model.inCopy { scene in
        try #require(try Subject.run(scene.watch("--once")).code == 0)
        return ResultsCheck(scene).outputDigests()
      }
      let rounds = (0..<(isSoak ? 200 : 20)).map {
        Round(number: $0, standstill: Standstill.allCases[$0 % 4], otherWaits: $0 / 4 % 2 == 1)
      }
      let violations = sweep(rounds) { round in
        try model.inCopy { try play(round, $0, expected).map { "\(round): \($0)" } }
      }
      Tally.note("zombies", points: rounds.count, violations: violations)
      #expect(violations.isEmpty, "\(violations.joined(separator: "\n"))")
    }
  }

  @Test("two tickets of one job, made at the same moment, lead to one result with the files of its own attempt")
  func twoTickets() throws {
    try QueueScene.with { scene in
      try scene.makeInbox()
      try scene.drop(1)
      let expected = try scene.inCopy { copy in
        try #require(try Subject.run(copy.watch("--once")).code == 0)
        return ResultsCheck(copy).outputDigests()
      }
      try scene.submitOnly()
      let ready = scene.spool.appendingPathComponent("ready")
      let ticket = try #require(try FileManager.default.contentsOfDirectory(atPath: ready.path).first)
      let worker = scene.worker("--lease", "30s").filter { $0 != "--quiet" }
      let says = try Standstill.beforeTheCommit.fault.arm(scene.folder) { environment -> [String] in
        let first = try Subject(worker, environment: environment)
        try #require(waitUntil { first.isStopped })
        try FileManager.default.createDirectory(
          at: ready.appendingPathComponent(ticket), withIntermediateDirectories: false)
        return try Standstill.beforeTheClaimsLink.fault.arm(scene.folder) { environment -> [String] in
          let second = try Subject(worker, environment: environment)
          try #require(waitUntil { second.isStopped })
          return [first, second].map { process in
            process.signal(SIGCONT)
            _ = waitUntil {
              ["committed after", "was taken from this worker"].contains { process.messages.contains($0) }
            }
            process.signalOnlyItself(SIGTERM)
            return process.wait(limit: 30).messages
          }
        }.0
      }.0
      #expect(says[0].contains("committed after") && says[1].contains("was taken from this worker"), "\(says)")
      #expect(ResultsCheck(scene).afterTheWork(expected) == [])
    }
  }

  private func play(_ round: Round, _ scene: QueueScene, _ expected: [String: String]) throws -> [String] {
    var wrong: [String] = []
    try scene.submitOnly()
    let job = try #require(expected.keys.first)
    let worker = scene.worker("--lease", "300ms").filter { $0 != "--quiet" }
    let (endings, _, _) = try round.standstill.fault.arm(scene.folder) { environment -> [Subject.Ending] in
      let zombie = try Subject(worker, environment: environment)
      guard waitUntil({ zombie.isStopped || zombie.hasEnded }), zombie.isStopped else {
        return [zombie.wait()]
      }
      let first = Fault(action: .stop, at: 1, operations: ["link"], path: "/manifests/")
      return try first.arm(scene.folder) { otherEnvironment -> [Subject.Ending] in
        let other = try Subject(worker, environment: round.otherWaits ? otherEnvironment : [:])
        // It commits, or stands before its commit; where the zombie had committed it brings the job to its end.
        let settled = waitUntil {
          if round.otherWaits && !round.standstill.isCommitted { return other.isStopped }
          return !ResultsCheck(scene).manifests().isEmpty
            && FileManager.default.fileExists(atPath: scene.results.path + "/cases/\(job)")
        }
        if !settled { wrong.append("the other worker did not take over: \(other.messages)") }
        zombie.signal(SIGCONT)
        // What it found on waking up is in its messages; where it had committed it only goes on.
        if !waitUntil({ zombie.messages.contains("was taken from this worker") || round.standstill.isCommitted }) {
          wrong.append("the zombie did not notice: \(zombie.messages)")
        }
        other.signal(SIGCONT)
        if !waitUntil({ !ResultsCheck(scene).manifests().isEmpty }) { wrong.append("nobody committed") }
        return [zombie, other].map { process in
          process.signalOnlyItself(SIGTERM)
          return process.wait(limit: 30)
        }
      }.0
    }
    guard endings.count == 2 else { return ["the zombie did not stand still: \(endings)"] }
    for ending in endings where ending.code != 143 { wrong.append("a worker ends with \(ending)") }
    let zombieSays = endings[0].messages.contains("committed after")
    if zombieSays && !round.standstill.isCommitted { wrong.append("the zombie says it committed") }
    if endings.filter({ $0.messages.contains("committed after") }).count > 1 { wrong.append("two say they committed") }
    // Whoever is left over makes order.
    if try Subject.run(scene.watch("--once")).code != 0 { wrong.append("the sweep after fails") }
    wrong += ResultsCheck(scene).afterTheWork(expected)
    let attempt = ResultsCheck(scene).attempt(of: job)
    if (attempt == 1) != round.standstill.isCommitted { wrong.append("attempt \(attempt) was committed") }
    return wrong
  }
}

/// Waits until something holds, for half a minute at most.
func waitUntil(limit: Double = 30, _ condition: () -> Bool) -> Bool {
  let start = ContinuousClock.now
  while !condition() {
    if .now - start > .seconds(limit * Subject.slowness) { return false }
    usleep(10_000)
  }
  return true
}

extension QueueScene {
  /// Takes all drops in and computes none.
  func submitOnly() throws {
    let halt = folder.appendingPathComponent("HALT")
    try Data().write(to: halt)
    let ending = try Subject.run(watch("--once", "--pause-file", halt.path), limit: 600)
    guard ending.code == 0 else { throw POSIXError(.EIO, userInfo: ["ending": "\(ending)"]) }
  }
}

extension ResultsCheck {
  /// The number of the attempt whose manifest was committed.
  func attempt(of job: String) -> Int {
    let manifest = object(manifestURL(job))
    return (manifest?["attempt"] as? [String: Any])?["number"] as? Int ?? 0
  }
}
