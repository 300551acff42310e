import Foundation
import Glibc
import Testing

@Suite("P1, P2: a disk that fails or is full costs a retry or an honest exit code, and never a result")
struct ErrorSweepTests {
  /// What goes wrong at which calls.
  private struct Wrong: Sendable {
    var action: Fault.Action
    var operations: [String]
    var span = 1
  }

  private static let writing = ["open", "write", "fsync", "rename", "link", "mkdir", "unlink", "chmod", "clone"]
  private static let moving = ["rename", "link", "mkdir"]

  private static let wrongs = [
    Wrong(action: .fail(ENOSPC), operations: ["open", "write", "fsync", "rename", "link", "mkdir"]),
    Wrong(action: .fail(EIO), operations: writing),
    Wrong(action: .fail(ESTALE), operations: writing),
    Wrong(action: .fail(EINTR), operations: ["open", "write", "fsync"]),
    Wrong(action: .short, operations: ["write"]),
    // As a network file system does that lost an answer and asked again.
    Wrong(action: .doneButFail(EIO), operations: moving),
    Wrong(action: .doneButFail(ENOENT), operations: ["rename"]),
    Wrong(action: .doneButFail(EEXIST), operations: ["link", "mkdir"]),
    // A disk that is full, or gone, from here on.
    Wrong(action: .fail(ENOSPC), operations: ["open", "write", "link", "mkdir"], span: 0),
    Wrong(action: .fail(EIO), operations: writing, span: 0),
  ]

  @Test("batch: every error at every call")
  func batch() throws {
    try QueueScene.with { model in
      try model.addSources(2)
      try sweepErrors("batch, 2 cases", model, \.batch, answered: nil)
    }
  }

  @Test("watch --once: every error at every call")
  func watch() throws {
    try QueueScene.with { model in
      try model.makeInbox()
      for number in 1...2 { try model.drop(number) }
      try sweepErrors("watch --once, 2 drops", model, { $0.watch("--once", "--settle", "300ms") }, answered: 2)
    }
  }

  @Test("run: every error at every call")
  func run() throws {
    try QueueScene.with { model in
      try model.addSources(1)
      let points = try self.points(model) { try prepared($0).run }
      let violations = sweep(points) { fault in
        try model.inCopy { scene in
          let arguments = try prepared(scene).run
          let (ending, _, hits) = try fault.arm(scene.folder) { try Subject.run(arguments, environment: $0, limit: 60) }
          guard hits > 0 else { return [] }
          var wrong: [String] = []
          let manifest = scene.results.appendingPathComponent("clear.manifest.json")
          let stands = FileManager.default.fileExists(atPath: manifest.path)
          if stands { wrong += ResultsCheck.problems(manifest: manifest) }
          if ending.code == 0 && !stands { wrong.append("success without a result") }
          // An answer that was lost looks like a name that was taken.
          if ![0, 74, 73].contains(ending.code) { wrong.append("ends with \(ending)") }
          if !fault.operations.contains("unlink"), !ResultsCheck(scene).litter().isEmpty {
            wrong.append("left \(ResultsCheck(scene).litter())")
          }
          var again = try Subject.run(arguments)
          if again.code == 73 { again = try Subject.run(arguments + ["--if-exists", "replace"]) }
          if again.code != 0 { wrong.append("the next run ends with \(again)") }
          wrong += ResultsCheck.problems(manifest: manifest)
          return wrong.map { "\(fault): \($0)" }
        }
      }
      Tally.note("errors, run", points: points.count, violations: violations)
      #expect(violations.isEmpty, "\(violations.count) violations:\n\(violations.joined(separator: "\n"))")
    }
  }

  private func prepared(_ scene: QueueScene) throws -> QueueScene {
    try FileManager.default.createDirectory(at: scene.results, withIntermediateDirectories: true)
    return scene
  }

  /// Every call of every kind with everything that can go wrong at it; on ordinary days each kind of trouble at every 30th
  /// of its calls, none at the same one.
  private func points(_ model: QueueScene, _ arguments: (QueueScene) throws -> [String]) throws -> [Fault] {
    try Self.wrongs.enumerated().flatMap { index, wrong -> [Fault] in
      let calls = try model.inCopy { scene in
        let arguments = try arguments(scene)
        let counted = try Fault(operations: wrong.operations).arm(scene.folder) {
          try Subject.run(arguments, environment: $0)
        }
        try #require(counted.0.code == 0, "\(counted.0)")
        return counted.calls
      }
      // `run` makes neither links nor folders.
      guard calls > 0 else { return [] }
      let step = isSoak ? 1 : 30
      return stride(from: isSoak ? 1 : 1 + 3 * index % step, through: calls, by: step).map {
        Fault(action: wrong.action, at: $0, span: wrong.span, operations: wrong.operations)
      }
    }
  }

  private func sweepErrors(
    _ name: String, _ model: QueueScene, _ arguments: @Sendable @escaping (QueueScene) -> [String], answered: Int?
  ) throws {
    let expected = try model.inCopy { scene in
      let ending = try Subject.run(arguments(scene))
      try #require(ending.code == 0, "\(ending)")
      return ResultsCheck(scene).outputDigests()
    }
    let sources = try model.sourceDigests()
    let points = try self.points(model, arguments)
    let violations = sweep(points) { fault in
      try model.inCopy { scene in
        let check = ResultsCheck(scene)
        let (ending, _, hits) = try fault.arm(scene.folder) {
          try Subject.run(arguments(scene), environment: $0, limit: 60)
        }
        guard hits > 0 else { return [] }
        var wrong = check.atAnyMoment().map { "right after: \($0)" }
        if ![0, 8, 74, 75].contains(ending.code) { wrong.append("ends with \(ending)") }
        // A sweep may leave a job to the next one; a batch that says so has done everything.
        if ending.code == 0 && answered == nil {
          wrong += check.afterTheWork(expected, answered: answered).map { "after success: \($0)" }
        }
        if !fault.operations.contains("unlink"), !check.litter().isEmpty { wrong.append("left \(check.litter())") }
        if try scene.sourceDigests() != sources { wrong.append("a source changed") }
        // What was given up over a disk that stayed bad is taken up when the operator says so.
        _ = try Subject.run(["queue", "retry", "--all", "--results", scene.results.path])
        usleep(100_000)
        var again = ending
        for _ in 0..<2 where !check.afterTheWork(expected, answered: answered).isEmpty {
          again = try Subject.run(arguments(scene))
        }
        let left = check.afterTheWork(expected, answered: answered)
        if !left.isEmpty { wrong += left + ["the first run: \(ending)", "the last run: \(again)"] }
        if try scene.sourceDigests() != sources { wrong.append("a source changed") }
        return wrong.map { "\(fault): \($0)" }
      }
    }
    Tally.note("errors, \(name)", points: points.count, violations: violations)
    #expect(violations.isEmpty, "\(violations.count) violations:\n\(violations.joined(separator: "\n"))")
  }

  @Test("a disk that is really full, of any size, in bytes and in files", .enabled(if: Mount.isPossible))
  func smallDisks() throws {
    try QueueScene.with { model in
      try model.addSources(2)
      let expected = try model.inCopy { scene in
        try #require(try Subject.run(scene.batch).code == 0)
        return ResultsCheck(scene).outputDigests()
      }
      let steps = isSoak ? 64 : 4
      let sizes = (1...steps).map { "size=\(4 * $0 * 100 / steps)k" }
      let files = (1...steps).map { "size=100m,nr_inodes=\(5 + 80 * $0 / steps)" }
      let violations = sweep(sizes + files) { options in
        try model.inCopy { scene in
          let results = try prepared(scene).results
          var wrong: [String] = []
          try Mount.with(options, at: results) {
            let check = ResultsCheck(scene)
            let environment = ["LD_PRELOAD": Subject.faultShim, "FAULT_FREE": "1"]
            let ending = try Subject.run(scene.batch, environment: environment, limit: 60)
            wrong += check.atAnyMoment()
            if ![0, 8, 74].contains(ending.code) { wrong.append("ends with \(ending)") }
            if ending.code == 0 { wrong += check.afterTheWork(expected) }
            if !check.litter().isEmpty { wrong.append("left \(check.litter())") }
            // Somebody makes room.
            guard mount("tmpfs", results.path, "tmpfs", UInt(MS_REMOUNT), "size=100m,nr_inodes=10000") == 0 else {
              return wrong.append("cannot make room")
            }
            _ = try Subject.run(["queue", "retry", "--all", "--results", results.path])
            let again = try Subject.run(scene.batch)
            let left = check.afterTheWork(expected)
            if !left.isEmpty { wrong += left + ["the first run: \(ending)", "the next run: \(again)"] }
          }
          return wrong.map { "\(options): \($0)" }
        }
      }
      Tally.note("full disks (tmpfs)", points: 2 * steps, violations: violations)
      #expect(violations.isEmpty, "\(violations.count) violations:\n\(violations.joined(separator: "\n"))")
    }
  }
}
