import Foundation
import Models
import TensorCore
import Testing

@Suite("bench says what it measured, and computes the same bits however it does so")
struct BenchTests {
  /// What `bench --json` must say.
  private struct Report: Decodable {
    struct Layer: Decodable {
      var kind: String
      var count: Int
      var gigaflop: Double
    }
    var model: String
    var size: Int
    var batch: Int
    var threads: Int
    var isa: String
    var blasCore: String
    var secondsPerEvaluation: Double
    var secondsEach: [Double]
    var gigaflopPerEvaluation: Double
    var peakResidentBytes: Int
    var bytesAllocatedAfterWarmUp: Int
    var layers: [Layer]
  }

  private static let size = 32

  /// A scene whose network has every kind of layer, attention too.
  private func withScene(_ body: (Scene) throws -> Void) throws {
    try Scene.with { scene in
      try TinyModel.write(to: scene.model) { $0.architecture.bottleneckAttention = true }
      try body(scene)
    }
  }

  private func bench(_ scene: Scene, _ more: [String], environment: [String: String] = [:]) throws -> Executable.Outcome
  {
    let arguments = ["bench", "--model", scene.model.path, "--size", "\(Self.size)", "--repeats", "1"]
    return try scene.execute(arguments + more, environment: environment)
  }

  /// The bytes that `--save-output` writes.
  private func output(_ scene: Scene, _ more: [String], isa: String = "") throws -> Data {
    let url = scene.outputs.appendingPathComponent("raw")
    let outcome = try bench(scene, more + ["--save-output", url.path], environment: ["PELLUCID_ISA": isa])
    #expect(outcome.exitCode == 0, "\(outcome.standardError)")
    return try Data(contentsOf: url)
  }

  @Test("the JSON has times, memory, threads, instruction set and the operations of every kind of layer")
  func report() throws {
    try withScene { scene in
      let outcome = try bench(
        scene, ["--batch", "2", "--threads", "2", "--repeats", "3", "--json"], environment: ["PELLUCID_ISA": "portable"]
      )
      #expect(outcome.exitCode == 0 && outcome.standardError.isEmpty, "\(outcome.standardError)")
      let report = try JSONDecoder().decode(Report.self, from: Data(outcome.standardOutput.utf8))
      #expect(report.model.hasPrefix("tiny ") && report.size == Self.size && report.batch == 2)
      #expect(report.threads == 2 && report.isa == "portable" && !report.blasCore.isEmpty)
      #expect(report.secondsEach.count == 3 && report.secondsEach.allSatisfy { $0 > 0 })
      #expect(report.secondsPerEvaluation == report.secondsEach.sorted()[1])
      #expect(report.peakResidentBytes > 0)
      #expect(report.bytesAllocatedAfterWarmUp == 0)
      #expect(report.layers.count > 3 && report.layers.allSatisfy { !$0.kind.isEmpty && $0.count > 0 })
      let sum = report.layers.reduce(0) { $0 + $1.gigaflop }
      #expect(sum > 0 && abs(sum / report.gigaflopPerEvaluation - 1) < 1e-9)
    }
  }

  @Test("twice the images are twice the operations, and the text names what the JSON does")
  func operations() throws {
    try withScene { scene in
      let counts = try ["1", "2"].map { batch in
        try JSONDecoder().decode(
          Report.self, from: Data(try bench(scene, ["--batch", batch, "--json"]).standardOutput.utf8)
        ).gigaflopPerEvaluation
      }
      #expect(abs(counts[1] / counts[0] - 2) < 0.01, "\(counts)")
      let text = try bench(scene, ["--threads", "1"])
      #expect(text.exitCode == 0, "\(text.standardError)")
      for word in ["tiny", "1 x 32 x 32", "s per evaluation", "GFLOP/s", "0 bytes of tensors", "layers"] {
        #expect(text.standardOutput.contains(word), "\(word)")
      }
    }
  }

  @Test("the output is the same bytes for any number of threads, run after run, and for an image alone or in a batch")
  func sameBytes() throws {
    try withScene { scene in
      let reference = try output(scene, ["--batch", "3"])
      #expect(reference.count == 3 * Self.size * Self.size * 4)
      #expect(Set(Self.values(reference)).count > 1000, "an image, not a constant")
      #expect(try output(scene, ["--batch", "3"]) == reference)
      for threads in 1...3 {
        #expect(try output(scene, ["--batch", "3", "--threads", "\(threads)"]) == reference, "\(threads) threads")
      }
      let alone = try output(scene, [])
      #expect(alone == reference.prefix(alone.count) && alone.count == reference.count / 3)
    }
  }

  @Test("every instruction set that the processor has agrees with the portable one")
  func instructionSets() throws {
    try withScene { scene in
      let portable = Self.values(try output(scene, [], isa: "portable"))
      let largest = portable.map(abs).max() ?? 0
      #expect(largest > 0)
      for set in ComputeBackend.InstructionSet.allCases.dropFirst() {
        if set == .avx512 && ComputeBackend.best != .avx512 || ComputeBackend.best == .portable { continue }
        let found = Self.values(try output(scene, [], isa: set.rawValue))
        #expect(found.count == portable.count)
        // Other bodies, other last bits: equal ones would mean that the set was not followed.
        #expect(found != portable, "\(set)")
        #expect(zip(found, portable).allSatisfy { abs($0 - $1) <= 1e-4 * largest }, "\(set)")
      }
    }
  }

  @Test("training steps are timed on request")
  func training() throws {
    try withScene { scene in
      let outcome = try bench(scene, ["--training", "--batch", "2", "--threads", "1", "--repeats", "2", "--json"])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      let report = try #require(
        try JSONSerialization.jsonObject(with: Data(outcome.standardOutput.utf8)) as? [String: Any])
      #expect(try #require(report["samplesPerSecond"] as? Double) > 0)
      #expect((report["secondsEach"] as? [Double])?.count == 2)
      #expect(report["batch"] as? Int == 2 && report["threads"] as? Int == 1)
    }
  }

  @Test("an output that exists is replaced as a whole, and one that cannot be written leaves nothing behind")
  func replaced() throws {
    try withScene { scene in
      let url = scene.outputs.appendingPathComponent("raw")
      let linked = scene.folder.appendingPathComponent("linked")
      try Data("old".utf8).write(to: linked)
      try FileManager.default.createSymbolicLink(at: url, withDestinationURL: linked)
      #expect(try output(scene, []).count == Self.size * Self.size * 4)
      // A new file took the name; what stood behind it was not written over.
      #expect(try Data(contentsOf: linked) == Data("old".utf8))
      #expect(try contents(of: scene.outputs) == ["raw"])
      let nowhere = try bench(scene, ["--save-output", scene.output("none/raw")])
      #expect(nowhere.exitCode == 73 && nowhere.errorLines.count == 1, "\(nowhere.standardError)")
      #expect(try contents(of: scene.outputs) == ["raw"])
    }
  }

  private static func values(_ data: Data) -> [Float] {
    data.withUnsafeBytes { bytes in
      (0..<bytes.count / 4).map {
        Float(bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self)))
      }
    }
  }
}
