import Evaluation
import Foundation
import TensorCore
import Testing

struct BaselineTests {
  /// A step edge with noise of deviation 10, and the truth.
  static let scene: (input: Tensor, truth: Tensor) = {
    let truth = Tensor((0..<4 * 48 * 48).map { $0 % 48 < 20 ? 0 : 200 }, shape: [4, 48, 48])
    let noise = PhiloxRandomSource(seed: 2).normal(shape: truth.shape)
    return (Tensor.linearCombination([(1, truth), (10, noise)]), truth)
  }()

  @Test func `filters have the values of direct summation and of scipy, borders included`() throws {
    let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/filters.json")
    let table = try JSONDecoder().decode([[String: Double]].self, from: Data(contentsOf: file))
    #expect(table.count == 8)
    let x = MetricTests.image(seed: 1)
    let outputs = [
      "nlm": x.nonLocalMeans(h: 20, sigma: 10, patchRadius: 2, searchRadius: 4),
      "blur": x.gaussianBlurred(sigma: 0.8),
    ]
    for place in table {
      let (row, column) = (Int(try #require(place["row"])), Int(try #require(place["column"])))
      for (name, output) in outputs {
        let found = Double(output[flat: row * 48 + column])
        let expected = try #require(place[name])
        #expect(abs(found - expected) < 1e-3, "\(name) at \(row), \(column): \(found), not \(expected)")
      }
    }
  }

  @Test func `filters leave a constant alone up to the borders`() {
    let flat = Tensor(repeating: 7, shape: [2, 16, 17])
    for out in [flat.nonLocalMeans(h: 1), flat.gaussianBlurred(sigma: 1.5)] {
      #expect(out.values.allSatisfy { abs($0 - 7) < 1e-5 })
    }
    #expect(flat.gaussianBlurred(sigma: 0) == flat)
  }

  @Test func `tuned non-local means beat tuned blur at an edge, and both beat the input`() throws {
    let (input, truth) = Self.scene
    let blur = ClassicalBaseline.gaussian(input, truth: truth, window: -100...300)
    let means = try #require(ClassicalBaseline.nonLocalMeans(input, truth: truth, window: -100...300))
    let values = [input, blur.output, means.output].map { PSNR.mean($0, against: truth, dataRange: 200) }
    #expect(values[0] < values[1] && values[1] + 3 < values[2], "\(values)")
    #expect(means.description.hasPrefix("non-local means, h "))
  }

  @Test func `parameters come from the middle of the slices, whatever their size`() throws {
    // Wide slices with the scene in the middle and bare noise-free background around it.
    let (input, truth) = Self.scene
    func framed(_ stack: Tensor) -> Tensor {
      var values = [Float](repeating: 0, count: 4 * 300 * 280)
      for i in 0..<stack.count {
        values[(i / 48 / 48) * 300 * 280 + (126 + i / 48 % 48) * 280 + 116 + i % 48] = stack[flat: i]
      }
      return Tensor(values, shape: [4, 300, 280])
    }
    let blur = ClassicalBaseline.gaussian(framed(input), truth: framed(truth), window: -100...300)
    #expect(blur.output.shape == [4, 300, 280])
    let gain =
      PSNR.mean(blur.output, against: framed(truth), dataRange: 200)
      - PSNR.mean(framed(input), against: framed(truth), dataRange: 200)
    #expect(gain > 0.8, "\(gain)")
  }

  @Test func `noise at the window's lower end is averaged before it is clipped`() throws {
    // Air at the end of the window: clipped first, its noise of deviation 10 would leave a bias of 4 after blurring.
    let air = Tensor(repeating: -100, shape: [2, 48, 48])
    let noise = PhiloxRandomSource(seed: 5).normal(shape: air.shape)
    let input = Tensor.linearCombination([(1, air), (10, noise)])
    let output = ClassicalBaseline.gaussian(input, truth: air, window: -100...300).output.clamped(to: -100...300)
    #expect(AbsoluteError.mean(output, against: air) < 1)
  }

  @Test func `without noise there is nothing to remove`() {
    let truth = Self.scene.truth
    #expect(ClassicalBaseline.nonLocalMeans(truth, truth: truth, window: -100...300) == nil)
    #expect(ClassicalBaseline.gaussian(truth, truth: truth, window: -100...300).output == truth)
  }

  @Test func `figures compare an output with truth and input inside the window`() throws {
    let (input, truth) = Self.scene
    let half = Tensor.linearCombination([(0.5, input), (0.5, truth)])
    let figures = RestorationFigures(output: half, input: input, truth: truth, window: -100...300)
    #expect(abs(figures.psnrGain - 20 * log10(2.0)) < 1e-4)
    #expect(abs(figures.psnr - PSNR.mean(half, against: truth, dataRange: 400)) < 1e-9)
    #expect(abs(figures.absoluteError - AbsoluteError.mean(half, against: truth)) < 1e-9)
    #expect(abs(figures.noise - 5) < 0.3)
    #expect(abs(try #require(figures.errorFlicker) - 1) < 0.1)
    // Outside the window nothing counts.
    let window = 0.0...50.0
    let spoilt = Tensor(half.values.map { $0 > 100 ? $0 + 1000 : $0 }, shape: half.shape)
    #expect(
      RestorationFigures(output: spoilt, input: input, truth: truth, window: window)
        == RestorationFigures(output: half, input: input, truth: truth, window: window))
  }

  @Test func `the worst slice is named`() {
    let (input, truth) = Self.scene
    let worse = Tensor.linearCombination([(2, input), (-1, truth)])
    let output = Tensor.concatenate([truth.slice(0..<2), worse.slice(2..<3), truth.slice(3..<4)])
    let figures = RestorationFigures(output: output, input: input, truth: truth, window: -500...500)
    #expect(figures.worstSlice == 2 && abs(figures.worstSliceGain + 20 * log10(2.0)) < 1e-4)
    let perfect = RestorationFigures(output: truth, input: truth, truth: truth, window: -500...500)
    #expect(perfect.psnr == .infinity && perfect.psnrGain == 0 && perfect.worstSliceGain == 0)
  }

  @Test func `a slice whose input is the truth leaves the means to the others`() {
    let (input, truth) = Self.scene
    let given = Tensor.concatenate([truth.slice(0..<1), input.slice(1..<4)])
    let half = Tensor.linearCombination([(0.5, given), (0.5, truth)])
    let touched = Tensor.concatenate([input.slice(0..<1), half.slice(1..<4)])
    for output in [half, touched] {
      let figures = RestorationFigures(output: output, input: given, truth: truth, window: -500...500)
      #expect(abs(figures.psnrGain - 20 * log10(2.0)) < 1e-4 && abs(figures.worstSliceGain - 20 * log10(2.0)) < 1e-4)
      #expect(abs(figures.psnr - PSNR.mean(half.slice(1..<4), against: truth.slice(1..<4), dataRange: 1000)) < 1e-9)
      #expect(figures.worstSlice > 0)
    }
  }

  @Test func `figures of several seeds are averaged, the worst slice is the worst of all`() throws {
    let (input, truth) = Self.scene
    let figures = [0.5, 1.5].map {
      RestorationFigures(
        output: Tensor.linearCombination([($0, input), (1 - $0, truth)]), input: input, truth: truth,
        window: -500...500)
    }
    let both = RestorationFigures(averaging: figures)
    #expect(abs(both.psnr - (figures[0].psnr + figures[1].psnr) / 2) < 1e-12)
    let similarities = figures.compactMap(\.ssim)
    #expect(similarities.count == 2)
    #expect(abs(try #require(both.ssim) - similarities.reduce(0, +) / 2) < 1e-12)
    #expect(both.worstSliceGain == figures[1].worstSliceGain && both.worstSliceGain < 0)
  }
}
