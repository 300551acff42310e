import DurableFiles
import Foundation
import Testing

@testable import BatchQueue

@Suite("What is removed as garbage, and what is kept")
struct GarbageTests {
  /// Older than anything that is made now, or younger.
  private let all = Duration.seconds(-3600)
  private let none = Duration.seconds(3600)

  private func file(_ text: String, _ scene: QueueScene) throws -> RegularFile {
    let url = scene.folder.appendingPathComponent("\(text).source")
    try Data(text.utf8).write(to: url)
    return try RegularFile(url)
  }

  private func stage(_ text: String, _ scene: QueueScene) throws -> StagedInput {
    try scene.spool.stage(file(text, scene), role: "image", ending: ".txt")
  }

  private func submit(_ number: Int, _ input: StagedInput, _ scene: QueueScene) throws -> JobID {
    let job = Job(key: QueueScene.key(number), priority: 5, sequence: number, retries: 2, inputs: [input.input])
    _ = try scene.spool.submit(job, work: Data("{\"do\": \"ok\"}".utf8))
    return job.id
  }

  private func text(_ copy: StagedInput) -> String? { try? String(contentsOf: copy.url, encoding: .utf8) }

  @Test("inputs of jobs that are done for long go, and copies without a job; those of waiting jobs stay")
  func inputs() throws {
    try QueueScene.with { scene in
      let (done, stray) = (try stage("done", scene), try stage("stray", scene))
      _ = try submit(1, done, scene)
      #expect(try scene.runner().run().committed.count == 1)
      let waiting = try stage("waiting", scene)
      _ = try submit(2, waiting, scene)
      #expect(try Garbage(in: scene.spool, inputsOlderThan: none).items.isEmpty)
      let young = try Garbage(in: scene.spool, inputsOlderThan: none, youth: all)
      #expect(young.items.map(\.kind) == ["input"] && young.items[0].path.hasSuffix(stray.input.name))
      let old = try Garbage(in: scene.spool, inputsOlderThan: all, youth: all)
      #expect(old.items.map(\.kind) == ["input", "input"])
      #expect(text(done) != nil)
      try old.remove()
      #expect(text(done) == nil && text(stray) == nil && text(waiting) == "waiting")
      #expect(try scene.spool.results.committed().count == 1)
    }
  }

  @Test("folders of attempts that lost go, those of claims and of results stay; half-made records go when they are old")
  func attempts() throws {
    try QueueScene.with { scene in
      try scene.submit(1)
      let ticket = try #require(try scene.spool.tickets(.ready).first)
      guard case .claimed(let claim) = try Claim.reach(ticket, in: scene.spool, as: WorkerName()) else {
        Issue.record("the job was not claimed")
        return
      }
      try FolderChanges.make(claim.staging)
      let lost = claim.staging.deletingLastPathComponent().appendingPathComponent("\(claim.job.id).lost")
      let half = scene.spool.folder(of: claim.job.id).deletingLastPathComponent().appendingPathComponent(".making-1")
      for folder in [lost, half] {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      }
      #expect(try Garbage(in: scene.spool, inputsOlderThan: none).items.map(\.kind) == ["attempt"])
      let garbage = try Garbage(in: scene.spool, inputsOlderThan: none, youth: all)
      #expect(garbage.items.map(\.kind) == ["attempt", "unfinished"])
      try garbage.remove()
      #expect(!FolderChanges.exists(lost) && !FolderChanges.exists(half) && FolderChanges.exists(claim.staging))
    }
  }

  @Test("while a job's record cannot be read no input is removed")
  func unreadable() throws {
    try QueueScene.with { scene in
      let input = try stage("input", scene)
      let id = try submit(1, input, scene)
      let record = scene.spool.folder(of: id).appendingPathComponent("job.json")
      try Data("{".utf8).write(to: record)
      let garbage = try Garbage(in: scene.spool, inputsOlderThan: all, youth: all)
      #expect(garbage.unreadable == [id] && garbage.items.isEmpty)
    }
  }

  @Test("a copy that is taken up again between the look and the removal stays")
  func takenUp() throws {
    try QueueScene.with { scene in
      let copy = try stage("again", scene)
      usleep(20_000)
      let garbage = try Garbage(in: scene.spool, inputsOlderThan: all, youth: .zero)
      #expect(garbage.items.map(\.kind) == ["input"])
      usleep(20_000)
      _ = try stage("again", scene)
      try garbage.remove()
      #expect(text(copy) == "again")
    }
  }

  @Test("who refuses a file removes its own copy, and not one that another made a job of")
  func refused() throws {
    try QueueScene.with { scene in
      let source = try file("shared", scene)
      let mine = try scene.spool.prepare([(source, "image", ".txt")])
      let others = try stage("shared", scene)
      #expect(text(mine[0]) == "shared" && mine[0].url != others.url)
      scene.spool.discard(mine)
      #expect(text(mine[0]) == nil && text(others) == "shared")
      scene.spool.discard(try scene.spool.prepare([(source, "image", ".txt")]))
      #expect(text(others) == "shared")
    }
  }

  @Test("a damaged copy does not stand in a healthy file's way", arguments: ["shorter", "as long"])
  func damaged(_ how: String) throws {
    try QueueScene.with { scene in
      let copy = try stage("healthy", scene)
      chmod(copy.url.path, 0o644)
      try Data((how == "shorter" ? "h" : "hEALTHY").utf8).write(to: copy.url)
      #expect(try stage("healthy", scene).url == copy.url && text(copy) == "healthy")
    }
  }

  @Test("a file larger than the disk is refused before it is read; room that must stay free stays")
  func tooLarge() throws {
    try QueueScene.with { scene in
      func kind(_ bytes: Int, _ spool: Spool) -> QueueError.Kind? {
        do { try spool.reserve(bytes) } catch { return (error as? QueueError)?.kind }
        return nil
      }
      var spool = scene.spool
      #expect(kind(.max, spool) == .tooLarge)
      spool.minimumFreeSpace = .max
      #expect(kind(1, spool) == .noSpace)
      var read = 0
      let source = try file("source", scene)
      #expect(throws: QueueError.self) { try spool.prepare([(source, "image", ".txt")]) { read += 1 } }
      #expect(read == 0)
      _ = try scene.spool.prepare([(source, "image", ".txt")]) { read += 1 }
      #expect(read > 0)
    }
  }

  @Test("what is remembered of a drop goes when it is old, and is young again while the drop lies there")
  func memory() throws {
    try QueueScene.with { scene in
      let root = scene.folder.appendingPathComponent("inbox")
      try InboxMarker.make(in: root)
      try Data("1".utf8).write(to: root.appendingPathComponent("new/a.txt"))
      let names = DropNames(endings: [".txt"])
      let inbox = try Inbox(at: root, spool: scene.spool, names: names)
      #expect(try scene.runner(source: inbox).run().committed.count == 1)
      func memories(_ age: Duration) throws -> [String] {
        try Garbage(in: scene.spool, inputsOlderThan: age).items.filter { $0.kind == "memory" }.map(\.path)
      }
      #expect(try memories(none).isEmpty)
      let memory = scene.spool.root.appendingPathComponent(try #require(try memories(all).first))
      let before = try #require(Spool.changed(memory))
      usleep(20_000)
      _ = try Inbox(at: root, spool: scene.spool, names: names).look()
      #expect(try #require(Spool.changed(memory)) > before)
    }
  }
}
