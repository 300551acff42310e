import Foundation
import Testing

@Suite("P1-P4, P8: kill -9 at any call that changes a file loses nothing and breaks nothing")
struct KillSweepTests {
  @Test("batch: whenever it is killed, what stands is whole, and the next run brings every result once")
  func batch() throws {
    try QueueScene.with { model in
      try model.addSources(3)
      try sweepKills("batch, 3 cases", model, \.batch, answered: nil)
    }
  }

  @Test("watch --once: whenever it is killed, no drop is lost, and the next sweep answers every one")
  func watch() throws {
    try QueueScene.with { model in
      try model.makeInbox()
      for number in 1...3 { try model.drop(number) }
      try sweepKills("watch --once, 3 drops", model, { $0.watch("--once") }, answered: 3)
    }
  }

  @Test("watch --once --on-done move: a drop that is put away has its answer beside it, whenever it was killed")
  func watchMoving() throws {
    try QueueScene.with { model in
      try model.makeInbox()
      for number in 1...3 { try model.drop(number) }
      try sweepKills("watch --once --on-done move", model, { $0.watch("--once", "--on-done", "move") }, answered: 3)
    }
  }

  @Test("run: whenever it is killed, no output is half written, and none is a result without its manifest")
  func run() throws {
    try QueueScene.with { model in
      try model.addSources(1)
      let reference = try run(model, Fault())
      try #require(reference.ending.code == 0, "\(reference.ending)")
      let violations = sweep(points(reference.calls)) { point in
        try model.inCopy { scene in
          let killed = try run(scene, point)
          let (wrong, stands) = judgeRun(scene)
          var violations = wrong
          if killed.hits > 0 && killed.ending.code != 137 { violations.append("was not killed: \(killed.ending)") }
          // What stands without its manifest is not replaced unasked.
          var again = try Subject.run(scene.run)
          if again.code == 73 && stands { again = try Subject.run(scene.run + ["--if-exists", "replace"]) }
          if again.code != 0 { violations.append("the next run ends with \(again)") }
          violations += ResultsCheck.problems(manifest: scene.results.appendingPathComponent("clear.manifest.json"))
          if try scene.sourceDigests() != model.sourceDigests() { violations.append("a source changed") }
          return violations.map { "\(point): \($0)" }
        }
      }
      Tally.note("kill -9, run", points: points(reference.calls).count, violations: violations)
      #expect(violations.isEmpty, "\(violations.joined(separator: "\n"))")
    }
  }

  // MARK: The sweep

  /// Every call before and after which is killed; every tenth call on ordinary days.
  private func points(_ calls: Int) -> [Fault] {
    let step = isSoak ? 1 : 10
    return stride(from: 1, through: calls, by: step).flatMap { call -> [Fault] in
      // Before a call is after the one before it, but for what the kernel was asked and did not answer yet.
      isSoak || call % 20 == 1
        ? [Fault(action: .killBefore, at: call), Fault(action: .killAfter, at: call)]
        : [Fault(action: .killBefore, at: call)]
    }
  }

  private func sweepKills(
    _ name: String, _ model: QueueScene, _ arguments: @Sendable @escaping (QueueScene) -> [String], answered: Int?
  ) throws {
    let (expected, calls) = try model.inCopy { scene in
      let (ending, calls, _) = try Fault().arm(scene.folder) { try Subject.run(arguments(scene), environment: $0) }
      try #require(ending.code == 0, "\(ending)")
      let check = ResultsCheck(scene)
      let expected = check.outputDigests()
      try #require(expected.count == 3 && check.afterTheWork(expected, answered: answered).isEmpty)
      return (expected, calls)
    }
    try #require(calls > 50, "the shim counts nothing: is it built?")
    let sources = try model.sourceDigests()
    let violations = sweep(points(calls)) { point in
      try model.inCopy { scene in
        let (killed, _, hits) = try point.arm(scene.folder) { try Subject.run(arguments(scene), environment: $0) }
        let check = ResultsCheck(scene)
        var wrong = check.atAnyMoment().map { "right after: \($0)" }
        if hits > 0 && killed.code != 137 { wrong.append("it was not killed: \(killed)") }
        if try scene.sourceDigests() != sources { wrong.append("a source changed") }
        var sweeps = 0
        var ending = killed
        repeat {
          ending = try Subject.run(arguments(scene))
          sweeps += 1
        } while sweeps < 2 && !check.afterTheWork(expected, answered: answered).isEmpty
        if ending.code != 0 { wrong.append("the next run ends with \(ending)") }
        wrong += check.afterTheWork(expected, answered: answered)
        if try scene.sourceDigests() != sources { wrong.append("a source changed") }
        return wrong.map { "\(point): \($0)" }
      }
    }
    Tally.note("kill -9, \(name)", points: points(calls).count, violations: violations)
    #expect(violations.isEmpty, "\(violations.count) violations:\n\(violations.joined(separator: "\n"))")
  }

  private func run(_ scene: QueueScene, _ fault: Fault) throws -> (ending: Subject.Ending, calls: Int, hits: Int) {
    try FileManager.default.createDirectory(at: scene.results, withIntermediateDirectories: true)
    return try fault.arm(scene.folder) { try Subject.run(scene.run, environment: $0) }
  }

  /// What is wrong with the files of a run that was killed, and whether an output stands without its manifest.
  private func judgeRun(_ scene: QueueScene) -> (wrong: [String], stands: Bool) {
    let manifest = scene.results.appendingPathComponent("clear.manifest.json")
    let names = ((try? FileManager.default.contentsOfDirectory(atPath: scene.results.path)) ?? []).filter {
      !$0.hasSuffix(".tmp")
    }
    guard FileManager.default.fileExists(atPath: manifest.path) else {
      // Each is whole all the same: gzip knows its own end.
      let images = names.filter { $0.hasSuffix(".nii.gz") }
      return (
        images.filter { !isWholeGzip(scene.results.appendingPathComponent($0)) }.map { "\($0) is not whole" },
        !names.isEmpty
      )
    }
    return (ResultsCheck.problems(manifest: manifest), false)
  }

  private func isWholeGzip(_ url: URL) -> Bool {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/gzip")
    process.arguments = ["-t", url.path]
    guard (try? process.run()) != nil else { return false }
    process.waitUntilExit()
    return process.terminationStatus == 0
  }
}

extension QueueScene {
  /// Runs `body` in a copy of this scene, without results.
  func inCopy<R>(_ body: (QueueScene) throws -> R) throws -> R {
    let folder = FileManager.default.temporaryDirectory.resolvingSymlinksInPath()
      .appendingPathComponent("pellucid-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(try copy(to: folder))
  }
}
