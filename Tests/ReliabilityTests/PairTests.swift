import Foundation
import Testing

@Suite("P2: a scan in two files is one job, and waits for both")
struct PairTests {
  @Test("a header is taken when its image is there, and the two are found beside one another in the spool")
  func pair() throws {
    try QueueScene.with { scene in
      try scene.makeInbox()
      for number in 0..<4 {
        var header = QueueScene.scan(number).prefix(348)
        header.replaceSubrange(108..<112, with: [0, 0, 0, 0])
        header.replaceSubrange(344..<348, with: Data("ni1\0".utf8))
        try header.write(to: scene.drops.appendingPathComponent("scan-\(number).hdr"))
        try Data().write(to: scene.drops.appendingPathComponent("scan-\(number).hdr.done"))
      }
      #expect(try Subject.run(scene.watch("--once", "--settle", "200ms")).code == 0)
      #expect(ResultsCheck(scene).manifests().isEmpty)
      for number in 0..<4 {
        let image = QueueScene.scan(number).dropFirst(352)
        try image.write(to: scene.drops.appendingPathComponent("scan-\(number).img"))
      }
      let ending = try Subject.run(scene.watch("--once", "--settle", "200ms"))
      #expect(ending.code == 0, "\(ending)")
      #expect(ResultsCheck(scene).manifests().count == 4 && ResultsCheck(scene).atAnyMoment() == [])
    }
  }
}
