import DurableFiles
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import BatchQueue

@Suite("A worker: cases in child processes, none of which harms another")
struct RunnerTests {
  @Test("jobs are computed by urgency, then in order, by one warm process")
  func order() throws {
    try QueueScene.with { scene in
      for number in 1...4 { try scene.submit(number) }
      let urgent = try scene.submit(5, priority: 0)
      let summary = try scene.runner().run()
      #expect(summary.committed.first == urgent && summary.committed.count == 5)
      #expect(summary.committed.dropFirst().map(\.description).map { Int($0, radix: 16) } == [1, 2, 3, 4])
      #expect(try scene.names("results/cases").count == 5)
    }
  }

  @Test("a case that fails, crashes, hangs or is killed stops no other")
  func isolation() throws {
    try QueueScene.with { scene in
      let bad = try scene.submit(1, "fail", code: 65)
      let crash = try scene.submit(2, "crash")
      let killed = try scene.submit(3, "kill")
      let hang = try scene.submit(4, "hang")
      let good = try scene.submit(5)
      let summary = try scene.runner({ $0.stallTimeout = .milliseconds(200) }).run()
      #expect(Set(summary.committed) == [killed, good])
      #expect(Set(summary.quarantined.map(\.job)) == [bad, crash, hang])
      #expect(try scene.spool.status(of: bad).failures.map(\.code) == [65])
      #expect(try scene.spool.status(of: crash).failures.map(\.kind) == [.killed, .killed])
      #expect(try scene.spool.status(of: hang).failures.map(\.kind) == [.stalled, .stalled])
      // The second try asks for less memory.
      #expect(try scene.text(of: killed).contains("attempt 2, smaller true"))
      #expect(try scene.text(of: good).contains("attempt 1, smaller false"))
      #expect(try scene.names("results/.staging").isEmpty)
    }
  }

  @Test("what a crashed process printed last is kept with the reason, without escape sequences")
  func evidence() throws {
    try QueueScene.with { scene in
      let id = try scene.submit(1, "print", retries: 0)
      _ = try scene.runner().run()
      let failure = try #require(scene.spool.reasonOfQuarantine(id))
      #expect(failure.evidence == ["no evaluation was begun", "ended by signal 9", "the last words\\u{1b}[31m"])
      #expect(failure.text.contains("killed"))
    }
  }

  @Test("a failure that may pass waits, and does not keep a sweep waiting")
  func backOff() throws {
    try QueueScene.with { scene in
      let id = try scene.submit(1, "fail", code: 74)
      let summary = try scene.runner().run()
      #expect(summary.quarantined.isEmpty)
      let status = try scene.spool.status(of: id)
      #expect(status.state == .failed && status.attempt == 2)
      #expect((50...60).contains(status.waits ?? 0))
      _ = try scene.runner().run()
      #expect(try scene.spool.status(of: id).failures.map(\.attempt) == [1])
      // What the operator takes up again starts with a clean record, and goes on counting attempts.
      try scene.spool.retry(id)
      #expect(try scene.spool.status(of: id).failures.isEmpty)
      _ = try scene.runner().run()
      #expect(try scene.spool.status(of: id).failures.map(\.attempt) == [2])
    }
  }

  @Test("several workers share a spool: every job is committed once")
  func together() throws {
    try QueueScene.with { scene in
      for number in 1...40 { try scene.submit(number) }
      let committed = Mutex<[[JobID]]>([])
      DispatchQueue.concurrentPerform(iterations: 4) { _ in
        guard let summary = try? scene.runner().run() else { return }
        committed.withLock { $0.append(summary.committed) }
      }
      let all = committed.withLock { $0.flatMap(\.self) }
      #expect(committed.withLock(\.count) == 4)
      #expect(all.count == 40 && Set(all).count == 40)
      #expect(try scene.spool.results.committed().count == 40)
    }
  }

  @Test("while the pause file exists nothing is begun, and outside the hours only what is urgent")
  func restraint() throws {
    try QueueScene.with { scene in
      try scene.submit(1)
      let urgent = try scene.submit(2, priority: 0)
      let halt = scene.folder.appendingPathComponent("HALT")
      try Data().write(to: halt)
      #expect(try scene.runner({ $0.pauseFile = halt }).run().committed.isEmpty)
      try FileManager.default.removeItem(at: halt)
      #expect(try scene.runner({ $0.mayClaimOrdinary = { false } }).run().committed == [urgent])
      #expect(try scene.runner({ $0.pauseFile = halt }).run().committed.count == 1)
    }
  }

  @Test("a worker that is told to stop gives its job back at once")
  func stop() throws {
    try QueueScene.with { scene in
      let id = try scene.submit(1, "hang")
      var started = false
      let runner = try scene.runner(tell: { if case .started = $0 { started = true } })
      let summary = try runner.run { started }
      #expect(summary.stoppedEarly)
      let status = try scene.spool.status(of: id)
      #expect(status.state == .ready && status.failures.isEmpty)
      #expect(try scene.names("results/.staging").isEmpty)
    }
  }

  @Test("a limit of jobs, and stopping at the first that is given up")
  func limits() throws {
    try QueueScene.with { scene in
      for number in 1...3 { try scene.submit(number, number == 2 ? "fail" : "ok") }
      #expect(try scene.runner({ $0.maximumJobs = 1 }).run().committed.count == 1)
      let summary = try scene.runner({ $0.failFast = true }).run()
      #expect(summary.committed.isEmpty && summary.quarantined.count == 1)
      #expect(try scene.spool.tickets(.ready).count == 1)
    }
  }

  @Test("workers with numbers share jobs out by them: each computes its part, and all of it")
  func parts() throws {
    try QueueScene.with { scene in
      for number in 1...9 { try scene.submit(number) }
      func compute(_ index: Int) throws -> [Int?] {
        try scene.runner({ $0.part = JobPart(index: index, count: 3) }).run().committed
          .map { Int($0.description, radix: 16) }
      }
      #expect(try compute(2) == [2, 5, 8])
      #expect(try compute(0) == [3, 6, 9])
      #expect(try compute(1) == [1, 4, 7])
      #expect(JobPart(index: 3, count: 3) == nil && JobPart(index: 0, count: 0) == nil)
    }
  }

  @Test("a worker is known by the word that it was given, where that can stand in a name")
  func label() throws {
    try QueueScene.with { scene in
      let id = try scene.submit(1)
      var seen: String?
      let runner = try scene.runner(
        { _ = $0.name("night_2") },
        tell: { if case .started = $0 { seen = try? scene.spool.status(of: id).worker } })
      #expect(try runner.run().committed == [id])
      #expect(try #require(seen).contains("-night_2_"), "\(seen ?? "")")
      for bad in ["", "a-b", "a.b", "../x", "ä", String(repeating: "a", count: 33)] {
        #expect(!WorkerName.isLabel(bad), "\(bad)")
      }
    }
  }

  @Test("a cancelled job stops, and can be taken up again")
  func cancel() throws {
    try QueueScene.with { scene in
      let id = try scene.submit(1, "hang")
      var lost = false
      let runner = try scene.runner(tell: {
        if case .started = $0 { try? scene.spool.cancel(id) }
        if case .lost = $0 { lost = true }
      })
      _ = try runner.run()
      #expect(lost)
      #expect(try scene.spool.status(of: id).state == .quarantine)
      try scene.spool.retry(id)
      let status = try scene.spool.status(of: id)
      #expect(status.state == .ready && status.attempt == 2 && status.failures.isEmpty)
    }
  }

  @Test("a process that never came so far as to listen costs no case an attempt that counts")
  func falseStart() throws {
    try QueueScene.with { scene in
      let id = try scene.submit(1)
      var options = RunnerOptions()
      options.minimumFreeSpace = 0
      let broken = ServerLaunch(executable: "/bin/sh", arguments: ["-c", "echo no such setting >&2; exit 78"])
      #expect {
        _ = try QueueRunner(scene.spool, launch: broken, options: options).run()
      } throws: {
        "\($0)".contains("no such setting")
      }
      let status = try scene.spool.status(of: id)
      #expect(status.state == .ready && status.failures.isEmpty)
      #expect(try scene.runner().run().committed == [id])
    }
  }

  @Test("a server inherits no open file: one that is being written is not open for writing in it")
  func inheritance() throws {
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("scan")
      let writer = open(url.path, O_WRONLY | O_CREAT, 0o644)
      let server = try ServerProcess(ServerLaunch(executable: "/bin/sh", arguments: ["-c", "read line"]))
      defer { server.stop() }
      let file = try RegularFile(url)
      #expect(file.hasWriter)
      close(writer)
      #expect(!file.hasWriter && kill(server.process, 0) == 0)
    }
  }

  @Test("a sweep stays until it knows what became of a worker on another machine, and takes its job over")
  func foreignClaim() throws {
    try QueueScene.with { scene in
      let id = try scene.submit(1)
      let ticket = try #require(try scene.names("results/.pellucid/spool/ready").first)
      let spool = scene.spool.root
      let claim = ClaimName(
        try #require(Ticket(ticket)), try #require(WorkerName("00000000-1-2-3")))
      try FileManager.default.moveItem(
        at: spool.appendingPathComponent("ready/\(ticket)"), to: spool.appendingPathComponent("claimed/\(claim.text)"))
      let runner = try scene.runner {
        ($0.goal, $0.lease) = (.drained, LeaseTiming(beat: .milliseconds(50), expiry: .seconds(1)))
      }
      _ = try runner.run()
      #expect(try scene.spool.status(of: id).state == .done)
    }
  }

  @Test("an inbox that cannot be read any more ends a sweep after what can be computed")
  func troubledSource() throws {
    final class Unreadable: DropSource {
      func look() throws -> [IntakeRequest] { throw FileError(.notFound, "cannot read the folder") }
      func hear(_ reply: IntakeReply, about request: IntakeRequest) {}
      let pending = 0
      let interval = Duration.milliseconds(1)
      let hint: Int32 = -1
    }
    try QueueScene.with { scene in
      let jobs = try (1...3).map { try scene.submit($0) }
      var committed: [JobID] = []
      let runner = try scene.runner(source: Unreadable()) {
        if case .committed(let id, _) = $0 { committed.append(id) }
      }
      #expect(throws: FileError.self) { try runner.run() }
      #expect(committed == jobs)
    }
  }
}
