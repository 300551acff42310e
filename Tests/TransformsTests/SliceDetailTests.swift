import TensorCore
import Testing

@testable import Transforms

@Suite("Differences of neighbouring slices") struct SliceDetailTests {
  private static let shape = [1, 40, 24, 24]

  /// 100 and waves along the stack, of 3 to 20 slices and another phase in each pixel.
  private func anatomy() -> Tensor {
    let waves = PhiloxRandomSource(seed: 3, stream: 0).normal(shape: [1, 2, 24, 24]).values
    let pixels = 24 * 24
    return Tensor(
      (0..<40 * pixels).map { i in
        let (z, pixel) = (Float(i / pixels), i % pixels)
        let length: Float = 3 + 17 * Float(pixel) / Float(pixels)
        return 100 + 10 * waves[pixel] * sinCurve(6.2832 * z / length + 3 * waves[pixels + pixel])
      }, shape: Self.shape)
  }

  /// A parabola of period 2π between -1 and 1: smooth enough for anatomy.
  private func sinCurve(_ phase: Float) -> Float {
    let turn = phase / 6.283_185
    let part = turn - turn.rounded(.down)
    return part < 0.5 ? 16 * part * (0.5 - part) : -16 * (part - 0.5) * (1 - part)
  }

  private func noise(_ sigma: Float) -> Tensor {
    var out = PhiloxRandomSource(seed: 9, stream: 1).normal(shape: Self.shape)
    out.withUnsafeMutableBuffer { for i in $0.indices { $0[i] *= sigma } }
    return out
  }

  private func differences(_ x: Tensor) -> Double {
    let (values, pixels) = (x.values, x.shape[2] * x.shape[3])
    return (0..<values.count - pixels).reduce(0) { sum, i in
      let change = Double(values[i + pixels] - values[i])
      return sum + change * change
    }
  }

  /// With a quarter less of each voxel, and an eighth more of both its neighbours along the stack.
  private func smoothed(_ x: Tensor) -> Tensor {
    var out = x
    out.amplifySliceDetail(by: -0.5)
    return out
  }

  @Test(
    "a smoothed stack gets back the energy that the noisy one has without its noise", arguments: [0, 2, 5] as [Float])
  func matched(sigma: Float) {
    let (truth, noise) = (anatomy(), noise(sigma))
    let input = Tensor.linearCombination([(1, truth), (1, noise)])
    var result = smoothed(truth)
    let before = differences(result) / differences(truth)
    let gain = SliceDetail.gain(for: result, of: input, noise: Double(sigma))
    let blurred = result
    result.amplifySliceDetail(by: gain)
    #expect(before < 0.8 && gain > 0.1 && gain < SliceDetail.largestGain)
    // But for the extremes, which are kept; against the truth with the chance in the sum of the squares of noise.
    let wanted = differences(input) - 2 * Double(sigma) * Double(sigma) * Double(39 * 24 * 24)
    #expect(abs(differences(result) / wanted - 1) < 3e-3)
    #expect(abs(differences(result) / differences(truth) - 1) < (sigma > 0 ? 0.05 : 2e-3))
    func error(_ x: Tensor) -> Double {
      Tensor.linearCombination([(1, x), (-1, truth)]).values.reduce(0) { $0 + Double($1) * Double($1) }
    }
    #expect(error(result) < error(blurred))
  }

  @Test(
    "magnitudes: where the noise of weak signals is not what it is of strong ones, too", arguments: [6, 12] as [Float])
  func magnitudes(sigma: Float) {
    var truth = anatomy()
    // From a fifth of the brightest on: at σ = 12 hardly more than the noise.
    truth.withUnsafeMutableBuffer { for i in $0.indices { $0[i] *= Float(20 + i % 24 * 3) / 90 } }
    let (real, imaginary) = (noise(sigma), PhiloxRandomSource(seed: 9, stream: 2).normal(shape: Self.shape))
    let input = Tensor(
      zip(zip(truth.values, real.values), imaginary.values).map {
        ((($0.0 + $0.1) * ($0.0 + $0.1)) + sigma * sigma * $1 * $1).squareRoot()
      }, shape: Self.shape)
    var result = smoothed(truth)
    let before = differences(result) / differences(truth)
    // What `NoiseLevel` finds where anatomy is smooth: the deviation of the magnitudes of bright voxels.
    let ends = Percentiles.of(input, at: [0, 99.9])
    let bright = truth.values.map(Double.init).filter { $0 > ends[0] + (ends[1] - ends[0]) / 4 }
    let moments = RicianMoments(sigma: Double(sigma))
    let variance = bright.map(moments.variance).reduce(0, +) / Double(bright.count)
    result.amplifySliceDetail(by: SliceDetail.gain(for: result, of: input, noise: variance.squareRoot()))
    #expect(before < 0.8 && abs(differences(result) / differences(truth) - 1) < 0.06)
  }

  @Test("signals as weak as their noise: what it takes from their differences is counted with the gain") func weak() {
    let (sigma, frames): (Float, Int) = (20, 8)
    let truth = Tensor(anatomy().values.map { max(0, 45 + 4 * ($0 - 100)) }, shape: Self.shape)
    // Frames of one truth, so that little is left to chance in the energy of the noise.
    let shape = [frames] + Self.shape.dropFirst()
    let (real, imaginary) = (
      PhiloxRandomSource(seed: 9, stream: 1).normal(shape: shape).values,
      PhiloxRandomSource(seed: 9, stream: 2).normal(shape: shape).values
    )
    let (values, count) = (truth.values, truth.count)
    let input = real.indices.map { i in
      let channel = values[i % count] + sigma * real[i]
      return (channel * channel + sigma * sigma * imaginary[i] * imaginary[i]).squareRoot()
    }
    let blurred = smoothed(truth).values
    let result = Tensor((0..<frames).flatMap { _ in blurred }, shape: shape)
    let ends = Percentiles.of(Tensor(input, shape: shape), at: [0, 99.9])
    let bright = values.map(Double.init).filter { $0 > ends[0] + (ends[1] - ends[0]) / 4 }
    let moments = RicianMoments(sigma: Double(sigma))
    let variance = bright.map(moments.variance).reduce(0, +) / Double(bright.count)
    var one = smoothed(truth)
    one.amplifySliceDetail(
      by: SliceDetail.gain(for: result, of: Tensor(input, shape: shape), noise: variance.squareRoot()))
    let (before, after) = (differences(smoothed(truth)) / differences(truth), differences(one) / differences(truth))
    #expect(before < 0.8 && abs(after - 1) < 0.04)
  }

  @Test("the gain weighs a slice against its neighbours, and no voxel leaves the range that was there") func weights() {
    var stack = Tensor([8, 0, 4, 0, -8, 0], shape: [2, 3, 1, 1])
    stack.amplifySliceDetail(by: 0.5)
    // 8 + ½(16 − 8 − 0)/4, at the ends with the end itself for what is missing; the other frame for itself.
    #expect(stack.values == [8, -1.5, 4.5, 1, -8, 1])
    var rising = Tensor([1, 2, 3, 4], shape: [1, 4, 1, 1])
    rising.amplifySliceDetail(by: 1)
    #expect(rising.values == [1, 2, 3, 4])
  }

  @Test("nothing is added where nothing is missing, told from the noise, or bright") func nothing() {
    let truth = anatomy()
    #expect(SliceDetail.gain(for: truth, of: truth, noise: 0) == 0)
    #expect(SliceDetail.gain(for: truth, of: smoothed(truth), noise: 0) == 0)
    #expect(SliceDetail.gain(for: smoothed(truth), of: truth, noise: 20) == 0)
    let slice = truth.reshaped([40, 1, 24, 24])
    #expect(SliceDetail.gain(for: slice, of: slice, noise: 0) == 0)
    // What is beside the object must not count: noise in the air of one in eight voxels.
    var (input, result) = (truth, smoothed(truth))
    let clean = SliceDetail.gain(for: result, of: input, noise: 0)
    for i in 0..<input.count where i % 24 < 3 {
      input.withUnsafeMutableBuffer { $0[i] = Float(i % 7) }
      result.withUnsafeMutableBuffer { $0[i] = 3 }
    }
    #expect(abs(SliceDetail.gain(for: result, of: input, noise: 0) - clean) < 0.03)
    // A flat result has no detail that could be amplified; one that is nearly flat not without end.
    let flat = Tensor(repeating: 100, shape: Self.shape)
    #expect(SliceDetail.gain(for: flat, of: truth, noise: 0) == 0)
    let faint = Tensor.linearCombination([(0.9, flat), (0.1, truth)])
    #expect(SliceDetail.gain(for: faint, of: truth, noise: 0) == SliceDetail.largestGain)
    // Nor do values at the ends of what a float can hold upset it.
    for size in [8 * Float.leastNonzeroMagnitude, 1e-37, 3e38] {
      let wild = Tensor((0..<truth.count).map { Float($0 * 31 % 17 - 8) / 8 * size }, shape: Self.shape)
      #expect((0...SliceDetail.largestGain).contains(SliceDetail.gain(for: wild, of: wild, noise: Double(size) / 9)))
    }
    // Results that are no numbers are refused later on, and must get there.
    for wrong in [Float.infinity, -.infinity, .nan] {
      var broken = smoothed(truth)
      broken.withUnsafeMutableBuffer { $0[700] = wrong }
      let gain = SliceDetail.gain(for: broken, of: truth, noise: 1)
      broken.amplifySliceDetail(by: gain)
      #expect((0...SliceDetail.largestGain).contains(gain) && !broken.values[700].isFinite)
    }
  }
}
