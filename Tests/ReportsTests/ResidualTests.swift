import Foundation
import TensorCore
import Testing
import Volumes

@testable import Reports

/// White noise of standard deviation 1, and the mean of 2 × 2 neighbours of it.
private func noise(_ shape: [Int], seed: UInt64 = 4) -> (white: Tensor, averaged: Tensor) {
  let wide = [shape[0], shape[1], shape[2] + 1, shape[3] + 1]
  let source = PhiloxRandomSource(seed: seed).normal(shape: wide)
  func cut(_ value: (Int) -> Float) -> Tensor {
    var out: [Float] = []
    for plane in 0..<shape[0] * shape[1] {
      for row in 0..<shape[2] {
        for column in 0..<shape[3] { out.append(value((plane * wide[2] + row) * wide[3] + column)) }
      }
    }
    return Tensor(out, shape: shape)
  }
  return source.withUnsafeBuffer { s in
    (cut { s[$0] }, cut { (s[$0] + s[$0 + 1] + s[$0 + wide[3]] + s[$0 + wide[3] + 1]) / 4 })
  }
}

@Suite("Structure in the residual") struct ResidualTests {
  private let shape = [1, 6, 96, 96]

  private func structure(_ residual: Tensor, result: Tensor? = nil) -> ResidualStructure {
    ResidualStructure(residual, inside: ObjectMask(result ?? Tensor(repeating: 1, shape: residual.shape)))
  }

  @Test("white noise gives 0 within its bound, the mean of 2 × 2 neighbours of it a half, a slow wave nearly 1")
  func knownAnswers() {
    let (white, averaged) = noise(shape)
    let found = structure(white)
    #expect(abs(found.autocorrelation) < found.whiteNoiseBound)
    // ½ √(1/n₁ + 1/n₂), twice.
    let pairs = 6.0 * 96 * 95
    #expect(abs(found.whiteNoiseBound - (2 / pairs).squareRoot()) < 1e-12)
    #expect(abs(structure(averaged).autocorrelation - 0.5) < 0.01)
    let wave = Tensor((0..<6 * 96 * 96).map { Float(sin(Double($0 % 96) / 9)) }, shape: shape)
    #expect(structure(wave).autocorrelation > 0.98)
    let nothing = structure(Tensor(repeating: 0, shape: shape))
    #expect(nothing.autocorrelation == 0 && nothing.deviation == 0 && nothing.whiteNoiseBound == 0)
  }

  @Test("for white noise the bound is two standard deviations: it holds nineteen times of twenty, not always")
  func bound() {
    let within = (0..<200).count { seed in
      let found = structure(noise([1, 1, 24, 24], seed: UInt64(seed)).white)
      return abs(found.autocorrelation) < found.whiteNoiseBound
    }
    #expect((180..<200).contains(within))
  }

  @Test("what lies around the object does not count, nor do pairs across its edge")
  func inside() {
    let white = noise(shape).white
    let result = ball(columns: 96, rows: 96, slices: 6)
    // Around the ball a slow wave of ten times the strength was removed.
    let mask = ObjectMask(result)
    let residual = Tensor(
      white.withUnsafeBuffer { w in
        w.indices.map { mask.voxels[$0] ? w[$0] : 10 * Float(sin(Double($0 % 96) / 9)) }
      }, shape: shape)
    let (inner, all) = (structure(residual, result: result), structure(residual))
    #expect(abs(inner.autocorrelation) < inner.whiteNoiseBound && all.autocorrelation > 0.8)
    #expect(inner.whiteNoiseBound > all.whiteNoiseBound)
    #expect(inner.deviation == all.deviation)
  }

  @Test("a single row or voxel has what pairs it has, and no bound but from them")
  func small() {
    let row = structure(noise([1, 1, 1, 4000]).averaged)
    // The mean of two neighbours in a row, and of two rows that are seen once: a half along the row.
    #expect(abs(row.autocorrelation - 0.5) < 0.05 && abs(row.whiteNoiseBound - 2 / 3999.0.squareRoot()) < 1e-12)
    #expect(structure(Tensor([3], shape: [1, 1, 1, 1])).autocorrelation == 0)
  }

  @Test("a spectrum: white noise is flat at its variance, and a mean of neighbours falls as its transfer function says")
  func spectrum() throws {
    let (white, averaged) = noise([1, 8, 128, 128])
    let strong = Tensor.linearCombination([(5, white)])
    let mask = ObjectMask(Tensor(repeating: 1, shape: white.shape))
    let found = try #require(PowerSpectrum([strong, averaged], inside: mask))
    #expect(found.side == 32 && found.power.allSatisfy { $0.count == 16 } && found.frequency(15) == 0.5)
    // Below, the block's mean was taken out of the first ring.
    for power in found.power[0].dropFirst() { #expect(abs(power / 25 - 1) < 0.2, "\(power)") }
    for k in 2...12 {
      // cos²(πu) cos²(πv), mean over the ring.
      var (sum, count) = (0.0, 0.0)
      for u in -16..<16 {
        for v in -16..<16 where Int(hypot(Double(u), Double(v)).rounded()) == k {
          sum += pow(cos(.pi * Double(u) / 32) * cos(.pi * Double(v) / 32), 2)
          count += 1
        }
      }
      #expect(abs(found.power[1][k - 1] / (sum / count) - 1) < 0.25, "\(k)")
    }
  }

  @Test("a wave of four voxels has its power at a quarter of a cycle per voxel, whatever surrounds the object")
  func wave() throws {
    let image = Tensor((0..<64 * 64).map { Float(cos(Double($0 % 64) * .pi / 2)) }, shape: [1, 1, 64, 64])
    let found = try #require(PowerSpectrum([image], inside: ObjectMask(Tensor(repeating: 0, shape: image.shape))))
    let strongest = found.power[0].indices.max { found.power[0][$0] < found.power[0][$1] }
    #expect(strongest.map(found.frequency) == 0.25)
    // One block is inside: the wave of two voxels outside is not seen.
    let isInside = (0..<64 * 64).map { $0 % 64 >= 32 && $0 / 64 < 32 }
    let half = Tensor(isInside.map { $0 ? 1 : 0 }, shape: image.shape)
    let mixed = image.withUnsafeBuffer { wave in
      Tensor(wave.indices.map { isInside[$0] ? wave[$0] : Float($0 % 2) * 100 }, shape: image.shape)
    }
    let inner = try #require(PowerSpectrum([mixed], inside: ObjectMask(half)))
    #expect(inner.power[0][15] < inner.power[0][7] / 100)
    let tiny = Tensor(repeating: 0, shape: [1, 1, 7, 64])
    #expect(PowerSpectrum([tiny], inside: ObjectMask(tiny)) == nil)
  }

  @Test(
    "the page draws both spectra and states the figure beside what white noise gives; no drawing where nothing went")
  func page() throws {
    let page = String(decoding: try testPage().html(), as: UTF8.self)
    let (isDrawn, isStated) = (
      page.contains("class=\"line-input\"") && page.contains("class=\"line-rest\""),
      page.contains("White noise gives 0 ±")
    )
    #expect(isDrawn && isStated)
    let still = try testPage(noise: 0)
    #expect(!String(decoding: try still.html(), as: UTF8.self).contains("class=\"line-rest\""))
    #expect(ReportNumbers(before: still.before.voxels, after: still.after).metrics["whiteNoiseAutocorrelation"] == 0)
  }
}
