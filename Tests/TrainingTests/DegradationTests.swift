import Foundation
import Models
import TensorCore
import TestSupport
import Testing
import Training
import Volumes

@Suite(.serialized) struct DegradationTests {
  static let water = Phantoms.disc(size: 64, radius: 24, inside: 0, outside: -1000, slices: 3)

  static func lowDose(_ dose: Double, photons: Double = 1e8) throws -> LowDoseCT {
    try LowDoseCT(dose: dose, photons: photons, views: 90, electronicNoise: 0)
  }

  static func noise(_ lowDose: LowDoseCT, seed: UInt64 = 5) throws -> [Float] {
    let volume = Phantoms.volume(water, spacing: [2, 2, 3])
    let noisy = try lowDose.apply(to: volume, seed: seed)
    return zip(noisy.voxels.values, water.values).map { $0 - $1 }
  }

  @Test func `the noise of a CT dose has mean zero and a variance that goes with one over the dose`() throws {
    let full = try Self.noise(Self.lowDose(1)), quarter = try Self.noise(Self.lowDose(0.25))
    #expect(abs(Phantoms.mean(full)) < 0.05 * Phantoms.variance(full).squareRoot())
    let ratio = Phantoms.variance(quarter) / Phantoms.variance(full)
    #expect(abs(ratio - 4) < 0.4)
  }

  @Test func `the noise at the centre of a water disc has the variance that theory gives`() throws {
    // For N counts per ray behind the disc, σ_μ² = (π / (V d))² V Σ h² / N with the ramp's Σ h² = 1/16 + 1/48 = 1/12
    // before the linear interpolation. At the centre of an even grid bins lie half-way between: the mean of two
    // neighbours, so Σ becomes ½ (r₀ + r₁) with r the filter's autocorrelation, r₀ = 1/12, r₁ = −1/(2π²).
    let lowDose = try LowDoseCT(dose: 1, photons: 1e7, views: 90, electronicNoise: 0, apodisation: 0)
    let volume = Phantoms.volume(
      Phantoms.disc(size: 64, radius: 24, inside: 0, outside: -1000, slices: 300), spacing: [2, 2, 3])
    let noisy = try lowDose.apply(to: volume, seed: 9).voxels.values
    var centre: [Float] = []
    for slice in 0..<300 {
      for pixel in [31 * 64 + 31, 32 * 64 + 32] { centre.append(noisy[slice * 4096 + pixel]) }
    }
    let counts = 1e7 * exp(-0.0192 * 96)
    let interpolated = 0.5 * (1.0 / 12 - 1 / (2 * Double.pi * Double.pi))
    let deviation = Double.pi / 2 * (interpolated / (90 * counts)).squareRoot() * 1000 / 0.0192
    // Off the middle of the grid by half a pixel, the interpolation weights vary from view to view; the variance lies
    // between that of half-way bins and that of whole ones.
    let whole = Double.pi / 2 * ((1.0 / 12) / (90 * counts)).squareRoot() * 1000 / 0.0192
    let measured = Phantoms.variance(centre).squareRoot()
    #expect(measured > 0.9 * deviation && measured < 1.1 * whole, "\(deviation) \(measured) \(whole)")
  }

  @Test func `voxels outside the scan circle stay as they were`() throws {
    var voxels = Self.water
    voxels[flat: 0] = -2048
    voxels[flat: 70] = -1024
    let noisy = try Self.lowDose(0.1, photons: 1e5).apply(to: Phantoms.volume(voxels), seed: 1).voxels
    #expect(noisy[flat: 0] == -2048)
    #expect(noisy[flat: 70] == -1024)
    #expect(noisy[flat: 71] != voxels[flat: 71])
  }

  @Test func `every degradation gives the same bits for one, two and three threads`() throws {
    let volume = Phantoms.volume(Phantoms.disc(size: 32, radius: 12, inside: 40, outside: -900, slices: 7))
    let head = Phantoms.volume(Phantoms.disc(size: 32, radius: 12, inside: 100, outside: 0, slices: 7))
    let cases: [(Degradation, Volume)] = [
      (.lowDoseCT(try Self.lowDose(0.1, photons: 1e4)), volume), (.rician(try RicianNoise(sigma: 0.1)), head),
      (.thickSlices(try ThickSlices(factor: 3)), head),
    ]
    for (degradation, volume) in cases {
      let results = try [1, 2, 3].map { threads in
        try Parallel.using(threads: threads) { try degradation.apply(to: volume, seed: 3).voxels }
      }
      #expect(results[0] == results[1])
      #expect(results[0] == results[2])
      #expect(results[0] != volume.voxels)
    }
  }

  @Test func `another seed gives other noise`() throws {
    #expect(try Self.noise(Self.lowDose(0.5), seed: 1) != Self.noise(Self.lowDose(0.5), seed: 2))
  }

  @Test func `Rician noise has its known means without signal and far above the noise`() throws {
    // One bright half fixes the robust maximum at 1000, so sigma 0.02 is 20.
    let half = 16 * 64 * 64 / 2
    let voxels = Tensor((0..<2 * half).map { $0 < half ? 0 : 1000 }, shape: [1, 16, 64, 64])
    let noisy = try RicianNoise(sigma: 0.02).apply(to: Phantoms.volume(voxels), seed: 2).voxels.values
    let dark = Phantoms.mean(Array(noisy[..<half])), bright = Phantoms.mean(Array(noisy[half...]))
    #expect(abs(dark - 20 * (Double.pi / 2).squareRoot()) < 0.3)
    // E ≈ v + σ² / 2v.
    #expect(abs(bright - (1000 + 400 / 2000)) < 0.5)
    #expect(abs(Phantoms.variance(Array(noisy[half...])).squareRoot() - 20) < 0.5)
  }

  @Test func `thick slices of a ramp are the ramp at their middles, and the affine says where`() throws {
    let voxels = Tensor((0..<11).flatMap { z in [Float](repeating: Float(z), count: 6) }, shape: [1, 11, 2, 3])
    var affine = Affine.scaling([1, 1, 2.5])
    affine.rows[2][3] = -7
    affine.rows[0][2] = 0.5
    let volume = Volume(voxels: voxels, affine: affine, header: VolumeHeader(format: .nifti1, dataType: .float32))
    let thick = try ThickSlices(factor: 3).apply(to: volume)
    #expect(thick.voxels == Tensor([1, 4, 7].flatMap { [Float](repeating: $0, count: 6) }, shape: [1, 3, 2, 3]))
    // Thick slice 0 lies where thin slice 1 was, thick slice 1 where thin slice 4 was.
    #expect(thick.affine.rows[2] == [0, 0, 7.5, -7 + 2.5])
    #expect(thick.affine.rows[0] == [1, 0, 1.5, 0.5])
  }

  @Test func `a record in a model card gives the degradation back`() throws {
    let degradation = Degradation.lowDoseCT(
      try LowDoseCT(dose: 0.1, photons: 3e4, views: 100, electronicNoise: 7, apodisation: 0.5))
    #expect(try Degradation(degradation.record(levels: [0.25, 0.1]), level: 0.1) == degradation)
    let rician = Degradation.rician(try RicianNoise(sigma: 0.05))
    #expect(try Degradation(rician.record(levels: [0.05]), level: 0.05) == rician)
  }

  @Test func `what makes no sense is refused`() throws {
    #expect(throws: TrainingError.self) { try LowDoseCT(dose: 0) }
    #expect(throws: TrainingError.self) { try LowDoseCT(dose: 0.5, photons: 1) }
    #expect(throws: TrainingError.self) { try ThickSlices(factor: 1) }
    #expect(throws: TrainingError.self) { try RicianNoise(sigma: -1) }
    #expect(throws: TrainingError.self) {
      try Degradation(DegradationRecord(kind: "low-dose-ct", levels: [0.5], parameters: ["photon": 1]), level: 0.5)
    }
    #expect(throws: TrainingError.self) {
      try Degradation(DegradationRecord(kind: "blur", levels: [1]), level: 1)
    }
    let oblong = Phantoms.volume(Tensor(shape: [1, 1, 8, 9]))
    #expect(throws: TrainingError.self) { try LowDoseCT(dose: 0.5).apply(to: oblong, seed: 0) }
    #expect(throws: TrainingError.self) { try ThickSlices(factor: 2).apply(to: oblong) }
    #expect(throws: TrainingError.self) { try RicianNoise(sigma: 0.1).apply(to: oblong, seed: 0) }
  }
}
