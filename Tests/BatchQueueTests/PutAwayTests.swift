import DurableFiles
import Foundation
import Testing

@testable import BatchQueue

@Suite("What is answered is put away, and nothing else")
struct PutAwayTests {
  private static let names = DropNames(endings: [".txt", ".hdr"], companions: [".hdr": [".img"]])
  private let answer = Data("{}".utf8)

  private struct Scene {
    var root: URL
    var folder: BoundFolder

    func write(_ text: String, _ path: String) throws {
      let url = root.appendingPathComponent(path)
      try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(text.utf8).write(to: url)
    }

    func text(_ path: String) throws -> String {
      try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    }

    func files(_ path: String = "") throws -> [String] {
      try FileManager.default.contentsOfDirectory(atPath: root.appendingPathComponent(path).path).sorted()
    }

    func drop(_ name: String) throws -> Drop {
      let path = RelativePath(name)
      return Drop(path: path, signature: [try folder.file(path).signature()], isAnnounced: true)
    }

    func archive(_ rule: InboxOptions.OnDone, namesakes: Int = 10_000) -> DropArchive {
      DropArchive(folder, rule, PutAwayTests.names, namesakes: namesakes)
    }
  }

  private func with(_ body: (Scene) throws -> Void) throws {
    try QueueScene.with { scene in
      let root = scene.folder.appendingPathComponent("inbox")
      try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
      try body(Scene(root: root, folder: BoundFolder(root)))
    }
  }

  @Test(
    "a scan that took the name of an answered one stays, and so does what announces it", arguments: ["move", "delete"])
  func renamedOver(_ rule: String) throws {
    try with { scene in
      try scene.write("old", "a.txt")
      try scene.write("", "a.txt.done")
      let seen = try scene.drop("a.txt")
      try scene.write("new", ".spare")
      #expect(rename(scene.root.path + "/.spare", scene.root.path + "/a.txt") == 0)
      let rule = try #require(InboxOptions.OnDone(rawValue: rule))
      #expect(try !scene.archive(rule).putAway(seen, answer, succeeded: true))
      #expect(try scene.text("a.txt") == "new" && scene.text("a.txt.done").isEmpty)
      #expect(try !scene.files().contains("done"))
    }
  }

  @Test("a drop that somebody writes is put back with all that lies beside it", arguments: ["move", "delete"])
  func written(_ rule: String) throws {
    try with { scene in
      try scene.write("old", "a.txt")
      try scene.write("", "a.txt.done")
      let writer = open(scene.root.path + "/a.txt", O_WRONLY | O_CLOEXEC)
      defer { close(writer) }
      let rule = try #require(InboxOptions.OnDone(rawValue: rule))
      #expect(try !scene.archive(rule).putAway(scene.drop("a.txt"), answer, succeeded: true))
      #expect(try Set(scene.files()).subtracting(["a.txt.pellucid.json"]) == ["a.txt", "a.txt.done"])
    }
  }

  @Test("what a crash left aside is put back, beside what has its name now")
  func crash() throws {
    try with { scene in
      let aside = DropArchive.asidePrefix + "\(DropArchive.owner)"
      #expect(DropArchive.isAbandoned(Array(aside.utf8)) == true && DropArchive.isAbandoned(Array("x".utf8)) == nil)
      try scene.write("old", aside + "/a.txt")
      try scene.write("options", aside + "/a.txt.pellucid.yaml")
      try scene.archive(.delete).putBack(RelativePath(aside))
      #expect(try scene.files() == ["a.txt", "a.txt.pellucid.yaml"])
      try scene.write("older", aside + "/a.txt")
      try scene.write("", aside + "/a.txt.done")
      try scene.archive(.delete).putBack(RelativePath(aside))
      #expect(try scene.files() == ["a.2.txt", "a.2.txt.done", "a.txt", "a.txt.pellucid.yaml"])
      #expect(try scene.text("a.txt") == "old" && scene.text("a.2.txt") == "older")
      // Where the drop was put away, what lay beside it has nothing to announce any more.
      try scene.write("", aside + "/b.txt.done")
      try scene.archive(.delete).putBack(RelativePath(aside))
      #expect(try scene.files().count == 4)
    }
  }

  @Test("an inbox puts back what it finds aside, and takes it")
  func found() throws {
    try QueueScene.with { scene in
      let root = scene.folder.appendingPathComponent("inbox")
      try InboxMarker.make(in: root)
      let aside = "new/" + DropArchive.asidePrefix + "\(DropArchive.owner)"
      try Scene(root: root, folder: BoundFolder(root)).write("old", aside + "/a.txt")
      let inbox = try Inbox(at: root, spool: scene.spool, names: Self.names)
      #expect(try inbox.look().map(\.path.lastName) == ["a.txt"])
      #expect(try scene.names("inbox/new") == ["a.txt"])
    }
  }

  @Test("of two sweeps the one that comes second leaves no answer without a drop")
  func second() throws {
    try with { scene in
      try scene.write("1", "a.txt")
      let seen = try scene.drop("a.txt")
      #expect(try scene.archive(.move).putAway(seen, answer, succeeded: true))
      #expect(try !scene.archive(.move).putAway(seen, answer, succeeded: true))
      #expect(try scene.files("done") == ["a.txt", "a.txt.pellucid.json"])
    }
  }

  @Test("an archive with too many files of a name is an error, and the drop stays")
  func namesakes() throws {
    try with { scene in
      for name in ["a.txt", "done/a.txt", "done/a.2.txt"] { try scene.write(name, name) }
      #expect(throws: FileError.self) {
        try scene.archive(.move, namesakes: 2).putAway(scene.drop("a.txt"), answer, succeeded: true)
      }
      #expect(try scene.text("a.txt") == "a.txt" && scene.files() == ["a.txt", "done"])
    }
  }

  @Test("an answer in the archive is never replaced by another's")
  func answers() throws {
    try with { scene in
      try scene.write("1", "a.txt")
      try scene.write("another's", "done/a.txt.pellucid.json")
      #expect(try scene.archive(.move).putAway(scene.drop("a.txt"), answer, succeeded: true))
      #expect(try scene.text("done/a.txt.pellucid.json") == "another's")
      #expect(try scene.files("done") == ["a.2.txt", "a.2.txt.pellucid.json", "a.txt.pellucid.json"])
    }
  }
}
