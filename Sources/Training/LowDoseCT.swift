import TensorCore
public import Volumes

/// Simulates a CT scan at a fraction of its dose by noise insertion in the projection domain.
///
/// Each axial slice is projected (parallel beam), every ray's photons are counted with Poisson and electronic noise,
/// and only the *change* of the line integrals is reconstructed by filtered back-projection and added to the slice:
///
///     p = ∫ μ,  μ = 0.0192 / mm · (1 + HU / 1000)
///     N = Poisson(photons · dose · e^−p) + electronic noise,  p' = −ln(max(N, 1) / (photons · dose))
///     low = slice + HU of FBP(p' − p)
///
/// So the anatomy is not blurred by our own projector, while streaks and the correlation of the noise are those of a
/// real reconstruction. Simplified against a scanner: parallel rays, one energy, no bow-tie filter, and the noise
/// that the scan already has stays in it. HU below −1000 count as air. Voxels at or below −1024 (outside the scan
/// circle) stay as they were; no other voxel is clipped.
public struct LowDoseCT: Sendable, Equatable {
  /// Fraction of the normal dose, in (0, 1].
  public var dose: Double
  /// Photons per ray in air at the normal dose.
  public var photons: Double
  /// Views over half a turn.
  public var views: Int
  /// Standard deviation of the detector's noise, in photons.
  public var electronicNoise: Double
  /// Smoothing of the ramp filter: 0 plain, 1 Hann to the Nyquist frequency (a soft-tissue kernel).
  public var apodisation: Double

  /// Attenuation of water at the effective energy of a chest CT (about 70 keV), per mm.
  static let waterAttenuation = 0.0192

  /// A simulation; throws `TrainingError` when a parameter is out of range.
  ///
  /// With the defaults the noise within the body (above −200 HU) has a standard deviation of 18 to 32 HU at a quarter of
  /// the dose in a chest scan with 0.57 mm pixels, 19 to 45 HU in a stouter one with 0.70 mm.
  public init(
    dose: Double, photons: Double = 1.2e6, views: Int = 720, electronicNoise: Double = 5, apodisation: Double = 0
  ) throws {
    guard dose > 0, dose <= 1 else {
      throw TrainingError(.parameter, "a dose of \(dose) makes no sense: give a fraction of normal, such as 0.25")
    }
    guard photons >= 100, photons <= 1e9, views >= 1, views <= 10_000, electronicNoise >= 0, electronicNoise <= 1e6,
      (0...1).contains(apodisation)
    else {
      throw TrainingError(
        .parameter,
        "low-dose CT needs photons in 100...1e9, views in 1...10000, electronicNoise in 0...1e6 and apodisation in 0...1"
      )
    }
    self.dose = dose
    self.photons = photons
    self.views = views
    self.electronicNoise = electronicNoise
    self.apodisation = apodisation
  }

  /// A simulation from a card's parameters; what it does not name keeps its default.
  init(dose: Double, parameters: [String: Double]) throws {
    try self.init(dose: dose)
    for (name, value) in parameters.sorted(by: { $0.key < $1.key }) {
      switch name {
      case "photons": photons = value
      case "views": views = Int(exactly: value) ?? 0
      case "electronicNoise": electronicNoise = value
      case "apodisation": apodisation = value
      default:
        throw TrainingError(
          .data, "low-dose-ct has no parameter \"\(name)\": it knows photons, views, electronicNoise, apodisation")
      }
    }
    try self.init(
      dose: dose, photons: photons, views: views, electronicNoise: electronicNoise, apodisation: apodisation)
  }

  var parameters: [String: Double] {
    [
      "photons": photons, "views": Double(views), "electronicNoise": electronicNoise, "apodisation": apodisation,
    ]
  }

  /// The volume at this dose, in HU.
  public func apply(to volume: Volume, seed: UInt64) throws -> Volume {
    try apply(to: volume, draws: [Draw(dose: dose, seed: seed)])[0]
  }

  /// One dose and one seed: the noise of one simulated scan.
  struct Draw: Sendable {
    var dose: Double
    var seed: UInt64
  }

  /// Several simulated scans of one volume; the projection of the clean slices is shared.
  ///
  /// `progress` hears of done and all slices now and then, from the calling thread.
  func apply(to volume: Volume, draws: [Draw], progress: (Int, Int) -> Void = { _, _ in }) throws -> [Volume] {
    let spacing = volume.spacing
    guard volume.rows == volume.columns, volume.rows >= 2, abs(spacing[0] - spacing[1]) <= 0.01 * spacing[0] else {
      throw TrainingError(
        .data,
        "low-dose CT needs square slices of square pixels, this volume has \(volume.columns) × \(volume.rows) pixels of "
          + "\(spacing[0]) × \(spacing[1]) mm: crop or resample it first")
    }
    let radon = RadonTransform(size: volume.rows, views: views, apodisation: apodisation)
    let slices = volume.frames * volume.slices
    let pixels = volume.rows * volume.columns
    var scans = Tensor.concatenate(draws.map { _ in volume.voxels })
    scans.withUnsafeMutableBuffer { buffer in
      guard let base = buffer.baseAddress else { return }
      let target = SharedPointer(base)
      // In batches, so that progress can be told without locking.
      let batch = 4 * Parallel.threadCount
      for first in stride(from: 0, to: slices, by: batch) {
        progress(first, slices)
        Parallel.forEach(min(batch, slices - first)) { offset in
          let slice = first + offset
          let image = self.slice(slice, of: volume)
          let noises = noise(for: image, pixelSize: spacing[0], slice: slice, radon: radon, draws: draws)
          for (draw, noise) in noises.enumerated() {
            Self.add(noise, to: image, into: target + (draw * slices + slice) * pixels)
          }
        }
      }
    }
    progress(slices, slices)
    return draws.indices.map { draw in
      let range = draw * volume.frames..<(draw + 1) * volume.frames
      return Volume(voxels: scans.slice(range), affine: volume.affine, header: volume.header)
    }
  }

  private func slice(_ index: Int, of volume: Volume) -> Tensor {
    volume.voxels.reshaped([volume.frames * volume.slices, volume.rows, volume.columns]).slice(index..<index + 1)
      .reshaped([volume.rows, volume.columns])
  }

  /// The noise in HU that each draw adds to one slice.
  private func noise(for image: Tensor, pixelSize: Double, slice: Int, radon: RadonTransform, draws: [Draw])
    -> [Tensor]
  {
    // Attenuation per pixel, so that the transform's sums are line integrals without further factors.
    let perPixel = Float(Self.waterAttenuation * pixelSize)
    var attenuation = image
    attenuation.withUnsafeMutableBuffer { values in
      for i in values.indices { values[i] = perPixel * (1 + max(values[i], -1000) / 1000) }
    }
    let lineIntegrals = radon.project(attenuation)
    return draws.map { draw in
      let counting = PhotonCounting(photons: photons * draw.dose, electronicNoise: electronicNoise)
      let change = counting.noise(on: lineIntegrals, seed: draw.seed, stream: UInt64(slice))
      var noise = radon.filteredBackProjection(change)
      noise.withUnsafeMutableBuffer { values in
        for i in values.indices { values[i] *= 1000 / perPixel }
      }
      return noise
    }
  }

  private static func add(_ noise: Tensor, to image: Tensor, into target: UnsafeMutablePointer<Float>) {
    noise.withUnsafeBuffer { noise in
      image.withUnsafeBuffer { image in
        for i in image.indices where image[i] > -1024 { target[i] = image[i] + noise[i] }
      }
    }
  }
}
