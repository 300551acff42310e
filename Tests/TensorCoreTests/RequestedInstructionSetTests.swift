import TensorCore
import Testing

@Suite("What is said about PELLUCID_ISA")
struct RequestedInstructionSetTests {
  @Test("A set that the processor has, and none, need no word", arguments: ["", "portable", "avx2"])
  func followed(_ name: String) {
    #expect(ComputeBackend.warning(aboutRequested: name, best: .avx2) == nil)
  }

  @Test("An unknown name is named with those that there are", arguments: ["neon", "AVX2", "avx2 "])
  func unknown(_ name: String) throws {
    let warning = try #require(ComputeBackend.warning(aboutRequested: name, best: .portable))
    #expect(warning.hasPrefix("PELLUCID_ISA=\(name) ") && warning.contains("portable, avx2, avx512"), "\(warning)")
    #expect(warning.contains("portable is used"), "\(warning)")
  }

  @Test("A set that the processor lacks is named with those that it has")
  func lacking() throws {
    let warning = try #require(ComputeBackend.warning(aboutRequested: "avx512", best: .avx2))
    #expect(warning.contains("lacks") && warning.contains("avx2 is used"), "\(warning)")
    #expect(warning.contains("one of portable, avx2,"), "\(warning)")
  }
}
