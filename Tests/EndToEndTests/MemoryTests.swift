import Foundation
import Models
import Provenance
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

  @Test("a volume that does not fit the bound is restored within it, to the same voxels")
  func volumes() throws {
    try Scene.with { scene in
      let input = try scene.input("large.nii", NIfTIBytes.phantom([256, 256, 200]).data)
      func run(_ name: String, _ more: String...) throws -> (outcome: Executable.Outcome, peak: Int, voxels: String?) {
        let (outcome, peak) = try Executable.runMeasuringMemory(
          ["run", input, "-o", scene.output(name + ".nii"), "--model", scene.model.path, "--steps", "1"] + more,
          in: scene.folder)
        let manifest = try? Manifest.read(URL(fileURLWithPath: scene.output(name + ".manifest.json")))
        return (outcome, peak, manifest?.outputs[0].sha256Voxels)
      }
      let free = try run("free")
      let bound = try run("bound", "--memory", "230M")
      #expect(free.outcome.exitCode == 0 && bound.outcome.exitCode == 0, "\(free.outcome) \(bound.outcome)")
      #expect(free.voxels != nil && bound.voxels == free.voxels)
      // Five volumes of 52 MB, beside program and network.
      #expect(free.peak > 280 << 20 && bound.peak < 230 << 20, "\(free.peak) and \(bound.peak) bytes")
    }
  }
}
