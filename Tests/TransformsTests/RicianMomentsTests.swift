import Testing

@testable import Transforms

@Suite("Moments of magnitudes") struct RicianMomentsTests {
  /// Signal in units of σ, mean and variance, as `scipy.stats.rice` 1.17.1 has them.
  static let published: [(signal: Double, mean: Double, variance: Double)] = [
    (0, 1.253_314_137_315_5, 0.429_203_673_205_1), (0.5, 1.330_447_340_610_7, 0.479_909_873_861_9),
    (1, 1.548_572_460_551_1, 0.601_923_334_422_6), (2, 2.272_383_428_068_7, 0.836_273_555_838_6),
    (3, 3.172_577_287_900_7, 0.934_735_352_296_5), (5, 5.101_069_639_492_1, 0.979_088_533_051_7),
    (7.9, 7.963_551_094_461_7, 0.991_853_965_898_2), (8.1, 8.161_969_259_597_4, 0.992_257_805_368_7),
    (20, 20.025_015_684_057_2, 0.998_746_853_262_5),
  ]

  @Test("mean and variance are scipy's, in any unit", arguments: [1, 3.7])
  func moments(sigma: Double) {
    let moments = RicianMoments(sigma: sigma)
    for known in Self.published {
      #expect(abs(moments.mean(of: sigma * known.signal) / sigma - known.mean) < 2e-5)
      #expect(abs(moments.variance(of: sigma * known.signal) / sigma / sigma - known.variance) < 2e-4)
    }
    #expect(moments.mean(of: -5) == moments.mean(of: 0))
  }

  @Test(
    "noise adds twice its variance to a difference of strong signals, less to one of weak ones, and nothing if there is none"
  )
  func excess() {
    let moments = RicianMoments(sigma: 2)
    #expect(abs(moments.excess(of: 300, 300) - 8) < 1e-3)
    #expect(abs(moments.excess(of: 0, 0) - 8 * (2 - Double.pi / 2)) < 1e-3)
    // (m₃ − m₁)² + v₃ + v₁ − (3 − 1)², of the figures above, in σ².
    #expect(abs(moments.excess(of: 6, 2) - 4 * 0.174_050) < 1e-3)
    #expect(RicianMoments(sigma: 0).excess(of: 3, 5) == 0)
  }
}
