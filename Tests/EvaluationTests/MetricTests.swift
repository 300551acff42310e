import Evaluation
import Foundation
import TensorCore
import Testing

struct MetricTests {
  /// The images of Fixtures/make_metrics.py.
  static func image(seed: UInt32) -> Tensor {
    var state = seed
    let values = (0..<64 * 48).map { i -> Float in
      state = state &* 1_664_525 &+ 1_013_904_223
      return Float(120 + 3 * (i / 48 / 8) - 2 * (i % 48 / 6)) + Float(state >> 24) / 4
    }
    return Tensor(values, shape: [1, 64, 48])
  }

  static let truth = image(seed: 2)

  @Test(arguments: ["independent", "half", "constant"])
  func `PSNR and SSIM are those of scikit-image`(_ name: String) throws {
    let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/metrics.json")
    let table = try JSONDecoder().decode([String: [String: Double]].self, from: Data(contentsOf: file))
    let expected = try #require(table[name])
    let x = Self.image(seed: 1)
    let image =
      switch name {
      case "independent": x
      case "half": Tensor.linearCombination([(0.5, x), (0.5, Self.truth)])
      default: Tensor(repeating: 128, shape: Self.truth.shape)
      }
    let psnr = PSNR.mean(image, against: Self.truth, dataRange: 255)
    let ssim = SSIM.mean(image, against: Self.truth, window: 0...255)
    #expect(abs(psnr - (try #require(expected["psnr"]))) < 1e-9)
    #expect(abs(ssim - (try #require(expected["ssim"]))) < 1e-9)
  }

  @Test func `equal images have infinite PSNR and SSIM one`() {
    #expect(PSNR.mean(Self.truth, against: Self.truth, dataRange: 255) == .infinity)
    #expect(abs(SSIM.mean(Self.truth, against: Self.truth, window: 0...255) - 1) < 1e-12)
  }

  @Test func `PSNR is taken per slice and over the volume`() {
    let truth = Tensor(repeating: 0, shape: [2, 4, 5])
    let image = Tensor.concatenate([Tensor(repeating: 1, shape: [1, 4, 5]), Tensor(repeating: 0.1, shape: [1, 4, 5])])
    let values = PSNR.perSlice(image, against: truth, dataRange: 10)
    #expect(abs(values[0] - 20) < 1e-6 && abs(values[1] - 40) < 1e-6)
    #expect(abs(PSNR.mean(image, against: truth, dataRange: 10) - 30) < 1e-6)
    #expect(abs(PSNR.ofVolume(image, against: truth, dataRange: 10) - 10 * log10(100 / 0.505)) < 1e-6)
    #expect(abs(AbsoluteError.mean(image, against: truth) - 0.55) < 1e-7)
  }

  @Test func `SSIM depends neither on the unit nor on where its zero is, and clips to the window`() {
    let x = Self.image(seed: 1)
    let whole = SSIM.mean(x, against: Self.truth, window: 0...255)
    let one = Tensor(repeating: 1, shape: x.shape)
    let moved = [x, Self.truth].map { Tensor.linearCombination([(4, $0), (-1000, one)]) }
    #expect(abs(SSIM.mean(moved[0], against: moved[1], window: -1000...20) - whole) < 1e-9)
    let narrow = [x, Self.truth].map { $0.clamped(to: 120...150) }
    #expect(
      SSIM.mean(x, against: Self.truth, window: 120...150)
        == SSIM.mean(narrow[0], against: narrow[1], window: 120...150))
  }

  @Test func `slices are measured one by one`() {
    let x = Self.image(seed: 1)
    let stack = Tensor.concatenate([x, Self.truth, Self.image(seed: 3)])
    let truths = Tensor.concatenate([Self.truth, Self.truth, Self.truth])
    let values = SSIM.perSlice(stack, against: truths, window: 0...255)
    #expect(values.count == 3)
    #expect(values[0] == SSIM.mean(x, against: Self.truth, window: 0...255))
    #expect(abs(values[1] - 1) < 1e-12 && values[2] < 0.9)
  }
}
