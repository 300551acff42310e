import DurableFiles
import Foundation
import Testing

@testable import BatchQueue

@Suite("Claims: one worker has a job, one attempt is the result")
struct ClaimTests {
  /// Claims the only ready job.
  private func claim(_ scene: QueueScene) throws -> Claim {
    let ticket = try #require(try scene.spool.tickets(.ready).first)
    guard case .claimed(let claim) = try Claim.reach(ticket, in: scene.spool, as: WorkerName()) else {
      throw QueueError(.unknownJob, "not claimed")
    }
    return claim
  }

  private func write(_ text: String, for claim: Claim) throws {
    try Data(text.utf8).write(to: claim.staging.appendingPathComponent("output.txt"))
    try Data(text.utf8).write(to: claim.staging.appendingPathComponent(ResultsTree.manifestName))
  }

  /// Lets an observer take over what others hold.
  private func takeOver(_ scene: QueueScene) throws {
    var observer = LeaseObserver(scene.spool, expiry: .seconds(30))
    let start = SuspendingClock.now
    for seconds in [0, 9, 18, 27, 29] {
      #expect(try observer.look(except: [], now: start + .seconds(seconds)).isEmpty)
    }
    #expect(try observer.look(except: [], now: start + .seconds(30)).count == 1)
  }

  @Test("a ticket can be claimed once")
  func once() throws {
    try QueueScene.with { scene in
      try scene.submit(1)
      let ticket = try #require(try scene.spool.tickets(.ready).first)
      _ = try claim(scene)
      guard case .gone = try Claim.reach(ticket, in: scene.spool, as: WorkerName()) else {
        Issue.record("claimed twice")
        return
      }
    }
  }

  @Test("a commit puts the files in place, the manifest where it counts, the ticket to rest")
  func commit() throws {
    try QueueScene.with { scene in
      let id = try scene.submit(1)
      let claim = try claim(scene)
      try write("one", for: claim)
      try claim.commit()
      #expect(try scene.text(of: id) == "one")
      #expect(try Data(contentsOf: scene.spool.results.manifest(of: id)) == Data("one".utf8))
      #expect(try scene.spool.state(of: id) == .done)
      #expect(try scene.names("results/.staging").isEmpty)
      #expect(try scene.names("results/.pellucid/spool/claimed").isEmpty)
    }
  }

  @Test("whoever lost its claim loses, before the other commits and after")
  func zombie() throws {
    for otherCommitsFirst in [false, true] {
      try QueueScene.with { scene in
        let id = try scene.submit(1)
        let old = try claim(scene)
        try write("old", for: old)
        try takeOver(scene)
        let new = try claim(scene)
        #expect(new.attempt == 2 && new.failures.map(\.kind) == [.abandoned])
        try write("new", for: new)
        if otherCommitsFirst { try new.commit() }
        #expect(throws: QueueError.self) { try old.commit() }
        #expect(throws: QueueError.self) { try old.beat() }
        if !otherCommitsFirst {
          #expect(try !scene.spool.results.isCommitted(id))
          try new.commit()
        }
        #expect(try scene.text(of: id) == "new")
        #expect(try scene.names("results/.staging").isEmpty)
      }
    }
  }

  @Test("a crash between commit and publication is made good by whoever comes next")
  func rollForward() throws {
    try QueueScene.with { scene in
      let id = try scene.submit(1)
      let claim = try claim(scene)
      try write("mine", for: claim)
      // What `commit` does, up to the commit itself.
      #expect(try scene.spool.results.commit(claim.staging.appendingPathComponent(ResultsTree.manifestName), of: id))
      #expect(!FolderChanges.exists(scene.spool.results.caseFolder(of: id)))
      try takeOver(scene)
      #expect(try scene.text(of: id) == "mine")
      #expect(try scene.spool.state(of: id) == .done)
    }
  }

  @Test("a failure after the commit takes nothing back")
  func lateFailure() throws {
    try QueueScene.with { scene in
      let id = try scene.submit(1)
      let claim = try claim(scene)
      try write("mine", for: claim)
      #expect(try scene.spool.results.commit(claim.staging.appendingPathComponent(ResultsTree.manifestName), of: id))
      #expect(try claim.fail(Failure(kind: .passing, code: 74, text: "the flush failed")) == .done)
      #expect(try scene.text(of: id) == "mine")
    }
  }

  @Test("a failure of a job that another has by now is a lost lease, not trouble with the disk")
  func failureOfLostClaim() throws {
    try QueueScene.with { scene in
      let id = try scene.submit(1)
      let claim = try claim(scene)
      try scene.spool.cancel(id)
      #expect { try claim.fail(Failure(kind: .passing, code: 74, text: "the disk is full")) } throws: {
        ($0 as? QueueError)?.kind == .leaseLost
      }
      #expect(try scene.spool.status(of: id).failures.map(\.code) == [130])
    }
  }

  @Test("an outage in which nobody could look is nobody's silence")
  func outage() throws {
    try QueueScene.with { scene in
      try scene.submit(1)
      let claim = try claim(scene)
      var observer = LeaseObserver(scene.spool, expiry: .seconds(30))
      let start = SuspendingClock.now
      for seconds in [0, 500, 509] { #expect(try observer.look(except: [], now: start + .seconds(seconds)).isEmpty) }
      try claim.beat()
      for seconds in [515, 525, 535] { #expect(try observer.look(except: [], now: start + .seconds(seconds)).isEmpty) }
      #expect(claim.isHeld)
      #expect(try observer.look(except: [], now: start + .seconds(545)).count == 1)
    }
  }

  @Test("of a claim from elsewhere nobody can say if its holder lives until its heartbeat changes, or has stood still")
  func undecided() throws {
    try QueueScene.with { scene in
      let id = try scene.submit(1)
      let claim = try claim(scene)
      let folder = scene.spool.root.appendingPathComponent("claimed")
      let own = try #require(try scene.names("results/.pellucid/spool/claimed").first)
      var observer = LeaseObserver(scene.spool, expiry: .seconds(30))
      let start = SuspendingClock.now
      #expect(try observer.look(except: [], now: start).isEmpty && !observer.isUndecided, "it runs on this machine")
      // The same holder on another machine, or on this one before it was started anew.
      let place = try #require(own.range(of: claim.name.worker.description))
      let foreign = own.replacingCharacters(in: place, with: "00000000" + claim.name.worker.description.dropFirst(8))
      try FileManager.default.moveItem(
        at: folder.appendingPathComponent(own), to: folder.appendingPathComponent(foreign))
      #expect(try observer.look(except: [], now: start).isEmpty && !observer.isUndecided, "it was made while it looked")
      observer = LeaseObserver(scene.spool, expiry: .seconds(30))
      #expect(try observer.look(except: [], now: start).isEmpty && observer.isUndecided)
      try Data("1 and more".utf8).write(to: folder.appendingPathComponent(foreign + "/heartbeat"))
      #expect(try observer.look(except: [], now: start + .seconds(5)).isEmpty && !observer.isUndecided)
      var other = LeaseObserver(scene.spool, expiry: .seconds(30))
      for seconds in [0, 10, 20] { #expect(try other.look(except: [], now: start + .seconds(seconds)).isEmpty) }
      #expect(other.isUndecided)
      #expect(try other.look(except: [], now: start + .seconds(30)).map(\.0) == [id] && !other.isUndecided)
    }
  }

  @Test("a job whose record is damaged stands in the list")
  func damagedRecord() throws {
    try QueueScene.with { scene in
      let id = try scene.submit(1)
      try Data("{".utf8).write(to: scene.spool.folder(of: id).appendingPathComponent("job.json"))
      let listed = try scene.spool.list()
      #expect(listed.map(\.job) == [id] && listed.map(\.state) == [.ready])
      #expect(throws: QueueError.self) { try scene.spool.status(of: id) }
    }
  }

  @Test("a job whose result stands cannot be cancelled")
  func cancelCommitted() throws {
    try QueueScene.with { scene in
      let id = try scene.submit(1)
      let claim = try claim(scene)
      try write("mine", for: claim)
      #expect(try scene.spool.results.commit(claim.staging.appendingPathComponent(ResultsTree.manifestName), of: id))
      #expect(throws: QueueError.self) { try scene.spool.cancel(id) }
      try claim.commit()
      #expect(try scene.spool.state(of: id) == .done)
    }
  }

  @Test("a disk that does not answer makes no job unknown, and no result uncommitted")
  func silentDisk() throws {
    try QueueScene.with { scene in
      let id = try scene.submit(1)
      // A link to itself: the system says neither that something is there nor that it is not.
      for place in [scene.spool.folder(of: id), scene.spool.results.manifest(of: id).deletingLastPathComponent()] {
        try? FileManager.default.removeItem(at: place)
        try FileManager.default.createSymbolicLink(at: place, withDestinationURL: place)
      }
      #expect(throws: FileError.self) { try scene.spool.job(id) }
      #expect(throws: FileError.self) { try scene.spool.results.isCommitted(id) }
      let staging = scene.spool.results.root.appendingPathComponent(".staging/attempt")
      try FileManager.default.createDirectory(at: staging, withIntermediateDirectories: true)
      try Data("{}".utf8).write(to: staging.appendingPathComponent(ResultsTree.manifestName))
      #expect(throws: FileError.self) { try scene.spool.results.discard(staging, of: id) }
      #expect(FolderChanges.exists(staging))
    }
  }

  @Test("a worker that beats keeps its claim, however long it takes")
  func heartbeat() throws {
    try QueueScene.with { scene in
      try scene.submit(1)
      let claim = try claim(scene)
      var observer = LeaseObserver(scene.spool, expiry: .seconds(30))
      var now = SuspendingClock.now
      for _ in 0..<10 {
        try claim.beat()
        #expect(try observer.look(except: [], now: now).isEmpty)
        now += .seconds(29)
      }
      #expect(claim.isHeld)
    }
  }

  @Test("a job that was given back is claimed anew, and that is no failure")
  func giveBack() throws {
    try QueueScene.with { scene in
      try scene.submit(1)
      try claim(scene).giveBack()
      let again = try claim(scene)
      #expect(again.attempt == 2 && again.failures.isEmpty)
    }
  }

  @Test("the same key is the same job, in every state")
  func duplicates() throws {
    try QueueScene.with { scene in
      let id = try scene.submit(1)
      func again() throws -> Spool.Submitted {
        try scene.spool.submit(
          Job(key: QueueScene.key(1), priority: 0, sequence: 99, retries: 0, inputs: []), work: Data())
      }
      #expect(try again() == .known(.ready))
      try scene.spool.hold(id)
      #expect(try again() == .known(.held))
      try scene.spool.release(id)
      let claim = try claim(scene)
      #expect(try again() == .known(.claimed))
      try write("x", for: claim)
      try claim.commit()
      #expect(try again() == .known(.done))
      #expect(try scene.spool.job(id).priority == 5)
    }
  }

  @Test("a job whose submission was cut off gets its ticket when it is submitted again")
  func cutOff() throws {
    try QueueScene.with { scene in
      let id = try scene.submit(1)
      try FolderChanges.remove(
        scene.spool.folder(.ready).appendingPathComponent(scene.names("results/.pellucid/spool/ready")[0]))
      #expect(try scene.spool.state(of: id) == nil)
      try scene.submit(1)
      #expect(try scene.spool.state(of: id) == .ready)
    }
  }

  @Test("a result that is gone is made again; what is left of it is put aside")
  func redo() throws {
    try QueueScene.with { scene in
      let id = try scene.submit(1)
      let first = try claim(scene)
      try write("damaged", for: first)
      try first.commit()
      try scene.spool.redo(id)
      #expect(try scene.spool.state(of: id) == .ready)
      let aside = try #require(try scene.names("results/.pellucid/damaged").first)
      let kept = "results/.pellucid/damaged/\(aside)"
      #expect(try scene.names(kept) == ["case", "manifest.json"] && scene.names(kept + "/case").contains("output.txt"))
      // A crash in the middle leaves a job that can be taken up the same way.
      try scene.spool.hold(id)
      try scene.spool.release(id)
      let second = try claim(scene)
      #expect(second.attempt > first.attempt)
      try write("whole", for: second)
      try second.commit()
      #expect(try scene.text(of: id) == "whole")
    }
  }

  @Test("a job that is asked for again with more urgency moves forward, and never back")
  func hurry() throws {
    try QueueScene.with { scene in
      let id = try scene.submit(1, priority: 5)
      for (asked, expected) in [(7, 5), (2, 2), (4, 2)] {
        try scene.submit(1, priority: asked)
        #expect(try scene.spool.tickets(.ready).map(\.priority) == [expected])
      }
      #expect(try scene.spool.status(of: id).priority == 2)
    }
  }

  @Test("what stands in a result's place is not taken for the result")
  func occupied() throws {
    try QueueScene.with { scene in
      let id = try scene.submit(1)
      let claim = try claim(scene)
      try write("mine", for: claim)
      let elsewhere = scene.folder.appendingPathComponent("elsewhere")
      try FileManager.default.createDirectory(at: elsewhere, withIntermediateDirectories: true)
      try FileManager.default.createSymbolicLink(
        at: scene.spool.results.caseFolder(of: id), withDestinationURL: elsewhere)
      #expect { try claim.commit() } throws: { ($0 as? QueueError)?.kind == .damaged }
      #expect(try FileManager.default.contentsOfDirectory(atPath: elsewhere.path).isEmpty)
      try FileManager.default.removeItem(at: scene.spool.results.caseFolder(of: id))
      try claim.commit()
      #expect(try scene.text(of: id) == "mine")
    }
  }
}
