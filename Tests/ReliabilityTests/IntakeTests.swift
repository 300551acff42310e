import BatchQueue
import CPosix
import DurableFiles
import Foundation
import Glibc
import Testing

@Suite("P1, P2: a file is taken when it is whole, and refused only for its own fault")
struct IntakeTests {
  private func writePair(_ scene: QueueScene) throws -> (header: URL, image: URL) {
    var header = QueueScene.scan(1).prefix(348)
    header.replaceSubrange(108..<112, with: [0, 0, 0, 0])
    header.replaceSubrange(344..<348, with: Data("ni1\0".utf8))
    let urls = (scene.drops.appendingPathComponent("s.hdr"), scene.drops.appendingPathComponent("s.img"))
    try header.write(to: urls.0)
    try QueueScene.scan(1).dropFirst(352).write(to: urls.1)
    return urls
  }

  @Test("a pair is not taken while its image is being written")
  func imageWriter() throws {
    try QueueScene.with { scene in
      try scene.makeInbox()
      let writer = open(try writePair(scene).image.path, O_WRONLY | O_CLOEXEC)
      #expect(try Subject.run(scene.watch("--once", "--settle", "100ms")).code == 0)
      #expect(try scene.digestsOfJobs().isEmpty)
      close(writer)
      #expect(try Subject.run(scene.watch("--once", "--settle", "100ms")).code == 0)
      #expect(try scene.digestsOfJobs().count == 2)
    }
  }

  @Test("whoever opens a file for writing at the very moment when writers are asked for ends nobody's process")
  func signal() throws {
    try QueueScene.with { scene in
      try scene.addSources(1)
      let file = open(scene.sources.path + "/scan-1.nii", O_RDONLY | O_CLOEXEC)
      defer { close(file) }
      // The signal of a broken lease would end this process.
      let writer = Thread {
        for _ in 0..<5000 { close(open(scene.sources.path + "/scan-1.nii", O_WRONLY | O_CLOEXEC)) }
      }
      writer.start()
      var answers = Set<Int32>()
      while !writer.isFinished { answers.insert(cposix_has_writer(file)) }
      #expect(answers.isSubset(of: [0, 1]) && !answers.isEmpty)
    }
  }

  @Test("a drop that was refused because a model was missing is taken when the model is there")
  func missingModel() throws {
    try QueueScene.with { scene in
      try scene.makeInbox()
      let workflows = scene.folder.appendingPathComponent("workflows")
      try FileManager.default.createDirectory(at: workflows, withIntermediateDirectories: true)
      let model = scene.folder.appendingPathComponent("late.safetensors")
      try Data("name: tiny\nmodel: \(model.path)\nsampler: ddim\nreport: false\n".utf8).write(
        to: workflows.appendingPathComponent("tiny.yaml"))
      try scene.drop(1)
      let sweep = [
        "watch", "--once", "--settle", "100ms", "--inbox", scene.inbox.path, "--results", scene.results.path,
        "--workflows", workflows.path, "--threads", "1", "--quiet",
      ]
      #expect(try Subject.run(sweep).code == 69)
      #expect(try Subject.run(sweep).code == 0)
      #expect(ResultsCheck(scene).manifests().isEmpty)
      try FileManager.default.copyItem(at: QueueScene.model, to: model)
      let ending = try Subject.run(sweep)
      #expect(ending.code == 0 && ResultsCheck(scene).manifests().count == 1, "\(ending)")
    }
  }

  @Test("nothing is copied where the setting says that the room must stay free")
  func minimumFreeSpace() throws {
    try QueueScene.with { scene in
      try scene.makeInbox()
      try scene.drop(1)
      let ending = try Subject.run(scene.watch("--once"), environment: ["PELLUCID_MINIMUM_FREE_SPACE": "1000TiB"])
      #expect(ending.code == 74, "\(ending)")
      #expect(try scene.digestsOfJobs().isEmpty)
      #expect(try Subject.run(scene.watch("--once")).code == 0)
      #expect(ResultsCheck(scene).manifests().count == 1)
    }
  }

  @Test("an inbox and results that lie in one another are refused")
  func nested() throws {
    try QueueScene.with { scene in
      try scene.makeInbox()
      let inside = scene.inbox.appendingPathComponent("results").path
      let first = try Subject.run(["watch", "--once", "--inbox", scene.inbox.path, "--results", inside])
      #expect(first.code == 64 && !FileManager.default.fileExists(atPath: inside), "\(first)")
      let spool = ["--spool", scene.inbox.appendingPathComponent("spool").path]
      #expect(try Subject.run(scene.watch("--once") + spool).code == 64)
      let outside = ["watch", "--once", "--inbox", scene.inbox.path, "--results", scene.folder.path]
      #expect(try Subject.run(outside).code == 64)
    }
  }

  @Test("a folder of the inbox that cannot be flushed is told of, and its drop answered again")
  func flush() throws {
    try QueueScene.with { scene in
      try scene.makeInbox()
      try scene.drop(1)
      // The first flush of an answer is that of the file.
      let fault = Fault(action: .fail(EIO), at: 2, operations: ["fsync"], path: "/inbox/")
      let (ending, _, hits) = try fault.arm(scene.folder) { try Subject.run(scene.watch("--once"), environment: $0) }
      #expect(hits == 1 && ending.code == 0 && ending.messages.contains("could not be answered"), "\(ending)")
      #expect(ResultsCheck(scene).answers().count == 1)
    }
  }
}
