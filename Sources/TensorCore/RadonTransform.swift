import CKernels

/// Parallel-beam projection of a square slice and filtered back-projection, in units of one pixel.
///
/// View v of `views` looks along the angle πv / `views`; bins are one pixel wide and cover the diagonal of the slice.
/// Projection is Joseph's (IEEE Trans. Med. Imaging 1(3), 1982); the ramp filter is the band-limited one of
/// Ramachandran and Lakshminarayanan (PNAS 68(9), 1971), convolved in space, so nothing wraps around. One call runs
/// on one thread: parallelise over slices.
public struct RadonTransform: Sendable {
  /// Rows and columns of the slice.
  public let size: Int
  /// Views over half a turn.
  public let views: Int
  /// Detector bins per view.
  public let bins: Int
  private let kernel: [Float]

  /// A transform for slices of `size` × `size` pixels.
  ///
  /// `apodisation` in 0...1 weighs the ramp with a raised cosine: 0 is the plain ramp, 1 the Hann window that falls
  /// to zero at the Nyquist frequency, between them a generalised Hamming window.
  public init(size: Int, views: Int, apodisation: Double = 0) {
    precondition(size > 0 && views > 0 && (0...1).contains(apodisation))
    self.size = size
    self.views = views
    bins = Int((Double(size) * 2.0.squareRoot()).rounded(.up)) + 4
    kernel = (1 - bins..<bins).map { Float(Self.rampFilter(offset: $0, apodisation: apodisation)) }
  }

  /// The filter at a whole offset.
  ///
  /// In space the raised cosine is a three-point average of the plain ramp.
  static func rampFilter(offset: Int, apodisation: Double) -> Double {
    func ramp(_ n: Int) -> Double {
      if n == 0 { return 0.25 }
      return n % 2 == 0 ? 0 : -1 / (Double.pi * Double.pi * Double(n * n))
    }
    return (1 - apodisation / 2) * ramp(offset) + apodisation / 4 * (ramp(offset - 1) + ramp(offset + 1))
  }

  /// Line integrals of an image `[size, size]`, shape `[views, bins]`, in image units × pixels.
  public func project(_ image: Tensor) -> Tensor {
    precondition(image.shape == [size, size], "the transform is for \(size) × \(size)")
    var scratch = Tensor(uninitialized: [ck_radon_scratch_count(size)])
    var sinogram = Tensor(uninitialized: [views, bins])
    image.withUnsafeBuffer { source in
      scratch.withUnsafeMutableBuffer { scratch in
        sinogram.withUnsafeMutableBuffer { target in
          ck_radon_project(source.baseAddress!, size, views, bins, scratch.baseAddress!, target.baseAddress!)
        }
      }
    }
    return sinogram
  }

  /// The image `[size, size]` whose line integrals are `sinogram` `[views, bins]`.
  public func filteredBackProjection(_ sinogram: Tensor) -> Tensor {
    precondition(sinogram.shape == [views, bins], "the transform has \(views) views of \(bins) bins")
    var filtered = Tensor(uninitialized: sinogram.shape)
    var image = Tensor(uninitialized: [size, size])
    sinogram.withUnsafeBuffer { source in
      filtered.withUnsafeMutableBuffer { target in
        ck_radon_filter(source.baseAddress!, views, bins, kernel, target.baseAddress!)
      }
    }
    filtered.withUnsafeBuffer { source in
      image.withUnsafeMutableBuffer { target in
        ck_radon_back_project(source.baseAddress!, size, views, bins, .pi / Float(views), target.baseAddress!)
      }
    }
    return image
  }
}

/// What counting photons does to measured line integrals.
public struct PhotonCounting: Sendable, Equatable {
  /// Photons per ray in air.
  public var photons: Double
  /// Standard deviation of the detector's own noise, in photons.
  public var electronicNoise: Double

  /// A detector that sees `photons` per ray in air.
  public init(photons: Double, electronicNoise: Double) {
    precondition(photons > 0 && electronicNoise >= 0)
    self.photons = photons
    self.electronicNoise = electronicNoise
  }

  /// The change of each line integral p: with N = Poisson(photons · e^−p) + electronic noise, the result is
  /// −ln(max(N, 1) / photons) − p.
  public func noise(on lineIntegrals: Tensor, seed: UInt64, stream: UInt64) -> Tensor {
    var out = Tensor(uninitialized: lineIntegrals.shape)
    lineIntegrals.withUnsafeBuffer { source in
      out.withUnsafeMutableBuffer { target in
        ck_photon_noise(
          seed, stream, source.count, source.baseAddress!, photons, electronicNoise, target.baseAddress!)
      }
    }
    return out
  }
}

extension PhiloxRandomSource {
  /// Poisson numbers of the given means; exact below a mean of 100, a corrected normal approximation above.
  public func poisson(means: Tensor) -> Tensor {
    var out = Tensor(uninitialized: means.shape)
    means.withUnsafeBuffer { source in
      out.withUnsafeMutableBuffer { target in
        guard let base = target.baseAddress else { return }
        ck_poisson(seed, stream, source.count, source.baseAddress!, base)
      }
    }
    return out
  }
}
