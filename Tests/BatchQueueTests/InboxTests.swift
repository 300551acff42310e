import DurableFiles
import Foundation
import Testing

@testable import BatchQueue

@Suite("The inbox: what is complete is taken, what is done is answered")
struct InboxTests {
  private let names = DropNames(endings: [".txt", ".hdr"], companions: [".hdr": [".img"]])

  private func with(_ change: (inout InboxOptions) -> Void = { _ in }, _ body: (QueueScene, URL, Inbox) throws -> Void)
    throws
  {
    try QueueScene.with { scene in
      let root = scene.folder.appendingPathComponent("inbox")
      try InboxMarker.make(in: root)
      var options = InboxOptions()
      options.settle = .milliseconds(200)
      options.poll = .milliseconds(50)
      change(&options)
      try body(scene, root, Inbox(at: root, spool: scene.spool, names: names, options: options))
    }
  }

  private func drop(_ text: String, _ path: String, _ root: URL) throws {
    let url = root.appendingPathComponent(path)
    try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: url)
  }

  private func answer(_ path: String, _ root: URL) throws -> [String: Any] {
    let data = try Data(contentsOf: root.appendingPathComponent(path + ".pellucid.json"))
    return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
  }

  @Test("a sweep takes what lies there, answers each drop, and finds nothing to do the next time")
  func sweep() throws {
    try with { scene, root, inbox in
      try drop("one", "a.txt", root)
      try drop("bad", "deep/er/b.txt", root)
      let summary = try scene.runner(source: inbox).run()
      #expect(summary.committed.count == 1 && summary.quarantined.count == 1)
      #expect(try answer("a.txt", root)["status"] as? String == "committed")
      #expect(try answer("a.txt", root)["result"] as? String == "cases/\(summary.committed[0])")
      #expect(try answer("deep/er/b.txt", root)["code"] as? Int == 65)
      #expect(try String(contentsOf: root.appendingPathComponent("a.txt"), encoding: .utf8) == "one")
      let again = try Inbox(at: root, spool: scene.spool, names: names)
      #expect(try scene.runner(source: again).run().replies.isEmpty)
    }
  }

  @Test("the same content under many names is computed once and answered each time")
  func duplicates() throws {
    try with { scene, root, inbox in
      for number in 0..<50 { try drop("same", "copy\(number).txt", root) }
      let summary = try scene.runner(source: inbox).run()
      #expect(summary.committed.count == 1)
      for number in 0..<50 { #expect(try answer("copy\(number).txt", root)["status"] as? String == "committed") }
    }
  }

  @Test("a name whose content changes is another drop")
  func changed() throws {
    try with { scene, root, inbox in
      try drop("first", "a.txt", root)
      _ = try scene.runner(source: inbox).run()
      let first = try #require(try answer("a.txt", root)["job"] as? String)
      try drop("second", "a.txt", root)
      _ = try scene.runner(source: Inbox(at: root, spool: scene.spool, names: names, options: quick)).run()
      #expect(try answer("a.txt", root)["job"] as? String != first)
      #expect(try scene.spool.results.committed().count == 2)
    }
  }

  private var quick: InboxOptions {
    var options = InboxOptions()
    options.settle = .milliseconds(200)
    options.poll = .milliseconds(50)
    return options
  }

  @Test("what is announced is taken at the first look, what is not has to settle")
  func announced() throws {
    try with({ $0.settle = .seconds(3600) }) { _, root, inbox in
      try drop("1", "new/a.txt", root)
      try drop("2", "b.txt", root)
      try drop("", "b.txt.done", root)
      try drop("3", "c.txt", root)
      #expect(try inbox.look().map(\.path.lastName) == ["b.txt", "a.txt"])
      #expect(try inbox.look().isEmpty)
    }
  }

  @Test("a file that changes, that is not whole, or that lacks its other half is not taken")
  func incomplete() throws {
    try with { scene, root, inbox in
      try drop("header", "pair.hdr", root)
      try drop("part of it", "p.txt", root)
      #expect(try inbox.look().isEmpty)
      usleep(250_000)
      #expect(try inbox.look().map(\.path.lastName) == ["p.txt"])
      inbox.hear(.incomplete("only a part"), about: IntakeRequest(folder: "", path: RelativePath("p.txt")))
      #expect(try inbox.look().isEmpty)
      // It changes: the clock starts again.
      try drop("part of it and more", "p.txt", root)
      #expect(try inbox.look().isEmpty)
      try drop("image", "pair.img", root)
      _ = try inbox.look()
      usleep(250_000)
      #expect(try inbox.look().map(\.path.lastName) == ["p.txt", "pair.hdr"])
    }
  }

  @Test("a file that stays incomplete is refused in the end, also by sweeps that each look once")
  func patience() throws {
    try with { scene, root, _ in
      try drop("part", "p.txt", root)
      var sweeps = 0
      while (try? answer("p.txt", root)) == nil, sweeps < 40 {
        sweeps += 1
        var options = quick
        options.settle = .milliseconds(20)
        _ = try scene.runner(source: Inbox(at: root, spool: scene.spool, names: names, options: options)).run()
      }
      #expect(sweeps > 1 && sweeps < 40)
      #expect(try answer("p.txt", root)["code"] as? Int == 65)
      #expect(try scene.spool.list().isEmpty)
    }
  }

  @Test("a file that brings its reader down is refused, and the next one is taken")
  func deadly() throws {
    try with { scene, root, inbox in
      try drop("die", "a.txt", root)
      try drop("fine", "b.txt", root)
      #expect(try scene.runner(source: inbox).run().committed.count == 1)
      #expect(try answer("a.txt", root)["status"] as? String == "failed")
    }
  }

  @Test("a reader that was killed once is started again, and one that stands still costs nobody his drop")
  func killedOnce() throws {
    try with { scene, root, inbox in
      try drop("falter", "a.txt", root)
      #expect(try scene.runner(source: inbox).run().committed.count == 1)
      try drop("stand", "b.txt", root)
      let desk = IntakeDesk(scene.launch, firstSequence: 1, patience: .milliseconds(1))
      defer { desk.stop() }
      desk.add([IntakeRequest(folder: root.path, path: RelativePath("b.txt"))])
      try desk.work()
      var reply: IntakeReply?
      while reply == nil { reply = desk.hear()?.1 }
      guard case .later = reply else {
        Issue.record("\(String(describing: reply))")
        return
      }
      #expect(desk.isIdle)
    }
  }

  @Test("a drop that was refused for the site's sake is taken anew when the site has changed, and not before")
  func siteFault() throws {
    try with({ $0.site = { "1" } }) { scene, root, inbox in
      try drop("site", "a.txt", root)
      #expect(try scene.runner(source: inbox).run().replies.count == 1)
      for (site, count) in [("1", 0), ("2", 1), ("2", 0)] {
        var options = quick
        options.site = { site }
        let again = try Inbox(at: root, spool: scene.spool, names: names, options: options)
        #expect(try scene.runner(source: again).run().replies.count == count)
      }
    }
  }

  @Test("links, pipes, hidden files and half-made names are left alone")
  func others() throws {
    try with { scene, root, inbox in
      try drop("secret", "../secret.txt", root)
      symlink("../secret.txt", root.appendingPathComponent("link.txt").path)
      symlink("..", root.appendingPathComponent("up").path)
      mkfifo(root.appendingPathComponent("pipe.txt").path, 0o600)
      for name in [".hidden.txt", "x.txt.part", "~x.txt", "y.tmp", "tmp/z.txt", "done/d.txt", "failed/f.txt", "z.doc"] {
        try drop("no", name, root)
      }
      #expect(try scene.runner(source: inbox).run().replies.isEmpty)
      #expect(try scene.spool.list().isEmpty)
    }
  }

  @Test("done drops are moved or deleted when that is asked for, failed ones never deleted")
  func onDone() throws {
    try with({ $0.onDone = .move }) { scene, root, inbox in
      try drop("1", "sub/a.txt", root)
      try drop("bad", "b.txt", root)
      try drop("old", "done/sub/a.txt", root)
      _ = try scene.runner(source: inbox).run()
      #expect(try scene.names("inbox/done/sub") == ["a.2.txt", "a.2.txt.pellucid.json", "a.txt"])
      #expect(try scene.names("inbox/failed") == ["b.txt", "b.txt.pellucid.json"])
      #expect(try scene.names("inbox/sub").isEmpty)
    }
    try with({ $0.onDone = .delete }) { scene, root, inbox in
      try drop("1", "a.txt", root)
      try drop("bad", "b.txt", root)
      _ = try scene.runner(source: inbox).run()
      #expect(
        try scene.names("inbox") == [".pellucid-inbox", "a.txt.pellucid.json", "b.txt", "b.txt.pellucid.json", "new"])
    }
  }

  @Test("the image of a pair goes where its header goes", arguments: ["move", "delete"])
  func pairs(_ rule: String) throws {
    try with({ $0.onDone = InboxOptions.OnDone(rawValue: rule)! }) { scene, root, inbox in
      try drop("header", "p.hdr", root)
      try drop("image", "p.img", root)
      #expect(try scene.runner(source: inbox).run().committed.count == 1)
      let left = try scene.names("inbox").filter { !["done", "new", ".pellucid-inbox"].contains($0) }
      #expect(left == (rule == "move" ? [] : ["p.hdr.pellucid.json"]))
      if rule == "move" { #expect(try scene.names("inbox/done") == ["p.hdr", "p.hdr.pellucid.json", "p.img"]) }
    }
  }

  @Test("a drop that failed and stays is answered once, and not at every look")
  func answeredOnce() throws {
    try with({ $0.onDone = .delete }) { scene, root, inbox in
      try drop("bad", "b.txt", root)
      _ = try scene.runner(source: inbox).run()
      let answer = root.appendingPathComponent("b.txt.pellucid.json").path
      let before = try FileManager.default.attributesOfItem(atPath: answer)[.systemFileNumber] as? Int
      let keep = open(answer, O_RDONLY)
      defer { close(keep) }
      #expect(try inbox.look().isEmpty)
      #expect(try FileManager.default.attributesOfItem(atPath: answer)[.systemFileNumber] as? Int == before)
    }
  }

  @Test("one drop that cannot be answered ends no sweep, keeps no other back and is told of once")
  func unanswerable() throws {
    try with { scene, root, inbox in
      try drop("1", "a.txt", root)
      try drop("2", "b.txt", root)
      try drop("in the way", "a.txt.pellucid.json/file", root)
      var troubles = 0
      let runner = try scene.runner(source: inbox) { if case .trouble = $0 { troubles += 1 } }
      #expect(try runner.run().committed.count == 2)
      #expect(try answer("b.txt", root)["status"] as? String == "committed")
      #expect(inbox.unanswered != nil && troubles == 1)
      try FileManager.default.removeItem(at: root.appendingPathComponent("a.txt.pellucid.json"))
      let again = try Inbox(at: root, spool: scene.spool, names: names, options: quick)
      _ = try scene.runner(source: again).run()
      #expect(try answer("a.txt", root)["status"] as? String == "committed" && again.unanswered == nil)
    }
  }

  @Test("a results tree or a spool that lies in an inbox holds no drops")
  func resultsInside() throws {
    try with { scene, root, inbox in
      _ = try Spool(for: root.appendingPathComponent("tree"), at: root.appendingPathComponent("queue"))
      _ = try Spool(for: root.appendingPathComponent("another"))
      for path in ["tree/cases/x/output.txt", "queue/input/aa/copy.txt", "another/cases/y/output.txt"] {
        try drop(path, path, root)
      }
      try drop("1", "a.txt", root)
      #expect(try scene.runner(source: inbox).run().replies.map(\.request.path.lastName) == ["a.txt"])
    }
  }

  @Test("what lies beside a drop may have its whole name or its stem, and the options go where the drop goes")
  func besides() throws {
    try with({
      $0.onDone = .move
      $0.ready = .sentinel
    }) { scene, root, inbox in
      try drop("1", "a.txt", root)
      try drop("", "a.txt.done", root)
      try drop("two: 2", "a.txt.pellucid.yaml", root)
      try drop("2", "b.txt", root)
      try drop("", "b.done", root)
      try drop("two: 2", "b.pellucid.yaml", root)
      let requests = try inbox.look()
      #expect(requests.map { $0.options?.lastName } == ["a.txt.pellucid.yaml", "b.pellucid.yaml"])
      let again = try Inbox(at: root, spool: scene.spool, names: names, options: quickMove)
      _ = try scene.runner(source: again).run()
      #expect(
        try scene.names("inbox/done")
          == ["a", "b"].flatMap { stem in
            ["", ".pellucid.json", ".pellucid.yaml"].map { "\(stem).txt\($0)" }
          })
      #expect(try scene.names("inbox") == [".pellucid-inbox", "done", "new"])
    }
  }

  @Test("what two drops share by their stem stays when one of them is moved")
  func sharedStem() throws {
    try with({
      $0.onDone = .move
      $0.ready = .sentinel
    }) { scene, root, inbox in
      try drop("1", "a.txt", root)
      try drop("2", "a.hdr", root)
      try drop("", "a.done", root)
      _ = try scene.runner(source: inbox).run()
      // The header waits for its image, and has been announced.
      #expect(try scene.names("inbox") == [".pellucid-inbox", "a.done", "a.hdr", "done", "new"])
      #expect(try scene.names("inbox/done") == ["a.txt", "a.txt.pellucid.json"])
    }
  }

  private var quickMove: InboxOptions {
    var options = quick
    options.onDone = .move
    return options
  }

  @Test("a folder without the marker is no inbox, also when the marker goes while it is watched")
  func unmounted() throws {
    try with { scene, root, inbox in
      try drop("1", "a.txt", root)
      try FileManager.default.removeItem(at: root.appendingPathComponent(InboxMarker.name))
      #expect(throws: QueueError.self) { try inbox.look() }
      #expect(throws: QueueError.self) { try Inbox(at: root, spool: scene.spool, names: names) }
      #expect(try scene.spool.list().isEmpty)
    }
  }

  @Test("names that are no text, or hold escapes and line breaks, are taken and answered like others")
  func hostileNames() throws {
    try with { scene, root, inbox in
      let hostile: [[UInt8]] = [
        Array("line\nbreak.txt".utf8), [0xff, 0xfe] + Array(".txt".utf8), Array("-rf %s $(x) \u{1B}[2J.txt".utf8),
      ]
      for (number, name) in hostile.enumerated() {
        let path = Array(root.path.utf8) + [47] + name + [0]
        let file = path.withUnsafeBytes {
          open($0.assumingMemoryBound(to: CChar.self).baseAddress!, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
        }
        let text = Array("content \(number)".utf8)
        #expect(file >= 0 && write(file, text, text.count) == text.count)
        close(file)
      }
      #expect(try scene.runner(source: inbox).run().committed.count == 3)
      let folder = try BoundFolder(root)
      for name in hostile { #expect(folder.holds(RelativePath().appending(name + Array(".pellucid.json".utf8)))) }
    }
  }
}
