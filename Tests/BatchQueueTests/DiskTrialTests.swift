import DurableFiles
import Foundation
import TestSupport
import Testing

@testable import BatchQueue

@Suite("What the doctor asks of disks and claims")
struct DiskTrialTests {
  @Test("a local disk does all that the queue relies on, and the trial leaves nothing behind")
  func localDisk() throws {
    try withTemporaryFolder { folder in
      let trial = try DiskTrial(in: folder)
      #expect(trial.problems == [])
      #expect(trial.secondsPerFlush > 0 && abs(trial.clockOffset) < 2 && (trial.freeBytes ?? 0) > 0)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
    }
  }

  @Test("a disk that replaces, or has no hard links, or whose links are copies, is found out")
  func badDisks() throws {
    try withTemporaryFolder { folder in
      func problems(_ change: (inout DiskTrial.Operations) -> Void) throws -> [String] {
        var operations = DiskTrial.Operations()
        change(&operations)
        defer { #expect((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) == []) }
        return try DiskTrial(in: folder, operations).problems
      }
      let replacing = try problems { operations in
        operations.move = { from, to in
          guard rename(from.path, to.path) != 0 else { return }
          throw FileError(errno: errno == ENOTEMPTY ? EEXIST : errno, cannot: "rename", from.path)
        }
      }
      #expect(replacing == ["a rename replaces a file that is there"])
      let linkless = try problems { $0.link = { _, _ in throw FileError(.permission, "no") } }
      #expect(linkless == ["hard links are not possible (no)"])
      let copying = try problems { operations in
        operations.link = { try Data(contentsOf: $0).write(to: $1) }
      }
      #expect(copying == ["a hard link is another file", "a hard link replaces a file that is there"])
    }
  }

  @Test("a folder that is not there, or cannot be written to, says so")
  func unusable() throws {
    try withTemporaryFolder { folder in
      #expect(throws: FileError.self) { try DiskTrial(in: folder.appendingPathComponent("gone")) }
      try Data().write(to: folder.appendingPathComponent("file"))
      #expect(throws: FileError.self) { try DiskTrial(in: folder.appendingPathComponent("file")) }
    }
  }

  @Test("a claim is being computed, will expire, or is orphaned")
  func claims() throws {
    try QueueScene.with { scene in
      func claim(_ number: Int, as worker: WorkerName) throws -> Claim {
        let job = try scene.submit(number)
        let ticket = try #require(try scene.spool.tickets(.ready).first { $0.job == job })
        guard case .claimed(let claim) = try Claim.reach(ticket, in: scene.spool, as: worker) else {
          throw QueueError(.unknownJob, "not claimed")
        }
        return claim
      }
      let alive = try claim(1, as: WorkerName())
      let host = alive.name.worker.description.split(separator: "-")[0]
      _ = try claim(2, as: #require(WorkerName("\(host)-4194999-1-x"[...])))
      _ = try claim(3, as: #require(WorkerName("00000000-4194999-1-x"[...])))
      try alive.beat()
      let now = try scene.spool.clock()
      #expect(try scene.spool.outlook(now: now + 5).map(\.next) == [.beingComputed, .orphaned, .beingComputed])
      let later = try scene.spool.outlook(now: now + 100).map(\.next)
      guard case .willExpire(let silence) = later[2] else {
        Issue.record("\(later)")
        return
      }
      #expect(silence > 99 && silence < 160 && later[1] == .orphaned)
    }
  }
}
