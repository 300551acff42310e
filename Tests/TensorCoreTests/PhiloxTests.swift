import TensorCore
import Testing

@Suite("Philox random numbers")
struct PhiloxTests {
  @Test("Known answers of Philox4x32-10 (Random123's kat_vectors)")
  func knownAnswers() {
    let zero = PhiloxRandomSource(seed: 0).block(0)
    #expect([zero.0, zero.1, zero.2, zero.3] == [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8])
    let ones = PhiloxRandomSource(seed: .max, stream: .max).block(.max)
    #expect([ones.0, ones.1, ones.2, ones.3] == [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd])
    let pi = PhiloxRandomSource(seed: 0x299f_31d0_a409_3822, stream: 0x0370_7344_1319_8a2e).block(0x85a3_08d3_243f_6a88)
    #expect([pi.0, pi.1, pi.2, pi.3] == [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1])
  }

  @Test("A range of elements is the same wherever the range starts")
  func indexed() {
    let source = PhiloxRandomSource(seed: 7, stream: 3)
    let whole = source.normal(shape: [101]).values
    for first in [1, 2, 3, 4, 50] {
      #expect(source.normal(shape: [20], firstIndex: UInt64(first)).values == Array(whole[first..<first + 20]))
    }
    #expect(PhiloxRandomSource(seed: 7, stream: 4).normal(shape: [101]).values != whole)
  }

  @Test("Normal numbers have mean 0, variance 1, kurtosis 3; neighbours are uncorrelated")
  func moments() {
    let n = 400_000
    let z = PhiloxRandomSource(seed: 11).normal(shape: [n]).values.map { Double($0) }
    let mean = z.reduce(0, +) / Double(n)
    let variance = z.reduce(0) { $0 + $1 * $1 } / Double(n)
    let fourth = z.reduce(0) { $0 + $1 * $1 * $1 * $1 } / Double(n)
    let neighbours = zip(z, z.dropFirst()).reduce(0) { $0 + $1.0 * $1.1 } / Double(n)
    #expect(abs(mean) < 0.008)
    #expect(abs(variance - 1) < 0.012)
    #expect(abs(fourth - 3) < 0.08)
    #expect(abs(neighbours) < 0.008)
  }

  @Test("Integers below a bound reach every value and nothing else")
  func integers() {
    let source = PhiloxRandomSource(seed: 5)
    let drawn = Set((0..<2000).map { source.integer(below: 11, at: UInt64($0)) })
    #expect(drawn == Set(0..<11))
  }
}
