import Foundation
import Models
import Testing

@Suite("A process takes the memory that was planned for its network")
struct MemoryTests {
  @Test("larger images take as much more as planned, within a tenth")
  func growth() throws {
    try Scene.with { scene in
      let network = try UNet(ModelFile.readCard(scene.model).architecture)
      // What the process takes beside its network, and how threads share the work, is the same for both sizes.
      func peak(_ size: Int) throws -> Int {
        let outcome = try scene.execute([
          "bench", "--model", scene.model.path, "--size", "\(size)", "--batch", "2", "--repeats", "1", "--json",
        ])
        #expect(outcome.exitCode == 0, "\(outcome.standardError)")
        let json = try JSONSerialization.jsonObject(with: Data(outcome.standardOutput.utf8)) as? [String: Any]
        return try #require(json?["peakResidentBytes"] as? Int)
      }
      func planned(_ size: Int) -> Int {
        // With the input, two channels, and the output.
        network.evaluationBytes(batch: 2, rows: size, columns: size) + 2 * 3 * size * size * 4
      }
      let (measured, expected) = (try peak(320) - peak(128), planned(320) - planned(128))
      #expect(abs(Double(measured) / Double(expected) - 1) < 0.1, "\(measured) bytes, planned \(expected)")
    }
  }
}
