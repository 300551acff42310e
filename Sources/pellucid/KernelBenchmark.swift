import Foundation
import TensorCore

/// Times the ways of computing typical layers: direct, F(2x2), F(4x4), and OpenBLAS where a matrix product does it.
struct KernelBenchmark: Encodable {
  /// One layer by one method.
  struct Row: Encodable {
    var layer: String
    var method: String
    /// The best of the repeats.
    var seconds: Double
    /// Of the direct form.
    var gigaflopPerSecond: Double
    /// Largest difference from the direct method over the largest value.
    var difference: Double
  }

  var threads = Parallel.threadCount
  var isa = ComputeBackend.instructionSet.rawValue
  var blasCore = ComputeBackend.blasCore
  var rows: [Row] = []

  /// Rows and columns, channels in and out.
  private static let shapes3x3 = [
    (256, 128, 128), (256, 256, 128), (128, 256, 128), (64, 256, 256), (64, 512, 256), (32, 512, 256), (16, 512, 512),
    (8, 512, 512), (256, 32, 32), (64, 64, 64),
  ]
  private static let shapes1x1 = [(256, 256, 128), (64, 512, 256), (16, 512, 512), (256, 64, 32)]

  /// Times everything; each figure is the best of `repeats`.
  init(repeats: Int) {
    for (size, inputs, outputs) in Self.shapes3x3 {
      let images = Self.images(size, inputs)
      let weights = Self.weights(3, inputs, outputs)
      var expected: Tensor?
      for method in [PackedConvolution.Method.direct, .winograd(tile: 2), .winograd(tile: 4)] {
        let packed = PackedConvolution(.same3x3, weights: weights, method: method)
        add(packed, images, "3x3, \(size) x \(size), \(inputs) -> \(outputs)", Self.name(method), repeats, &expected)
      }
    }
    for (size, inputs, outputs) in Self.shapes1x1 {
      let layer = "1x1, \(size) x \(size), \(inputs) -> \(outputs)"
      var expected: Tensor?
      let packed = PackedConvolution(.pointwise, weights: Self.weights(1, inputs, outputs))
      add(packed, Self.images(size, inputs), layer, "direct", repeats, &expected)
      let seconds = ComputeBackend.secondsForGEMM(rows: size * size, inner: inputs, columns: outputs, repeats: repeats)
      let operations = 2 * Double(size * size * inputs) * Double(outputs)
      rows.append(
        Row(
          layer: layer, method: "OpenBLAS", seconds: seconds, gigaflopPerSecond: operations / seconds / 1e9,
          difference: 0))
    }
  }

  private mutating func add(
    _ packed: PackedConvolution, _ images: FusedImages, _ layer: String, _ method: String, _ repeats: Int,
    _ expected: inout Tensor?
  ) {
    var result = packed(images).images
    let reference = expected ?? result
    expected = reference
    let seconds = (0..<repeats).map { _ in
      ContinuousClock().measure { result = packed(images).images } / .seconds(1)
    }
    let best = seconds.min() ?? 0
    let scale = reference.values.reduce(0) { max($0, abs($1)) }
    let difference = zip(result.values, reference.values).reduce(0) { max($0, abs($1.0 - $1.1)) }
    rows.append(
      Row(
        layer: layer, method: method, seconds: best,
        gigaflopPerSecond: Double(packed.operations(on: images.shape)) / best / 1e9,
        difference: Double(difference / scale)))
  }

  private static func images(_ size: Int, _ channels: Int) -> FusedImages {
    FusedImages([PhiloxRandomSource(seed: 1).normal(shape: [1, size, size, channels])])
  }

  private static func weights(_ kernel: Int, _ inputs: Int, _ outputs: Int) -> Tensor {
    PhiloxRandomSource(seed: 2).normal(shape: [kernel, kernel, inputs, outputs])
  }

  private static func name(_ method: PackedConvolution.Method) -> String {
    switch method {
    case .direct: "direct"
    case .winograd(let tile): "F(\(tile)x\(tile))"
    }
  }

  /// A Markdown table.
  var text: String {
    var lines = [
      "\(threads) threads, \(isa), BLAS core \(blasCore)", "",
      "| layer | method | ms | GFLOP/s, direct form | difference |", "| --- | --- | ---: | ---: | ---: |",
    ]
    lines += rows.map {
      "| \($0.layer) | \($0.method) | "
        + String(format: "%.2f | %.0f | %.1e |", $0.seconds * 1000, $0.gigaflopPerSecond, $0.difference)
    }
    return lines.joined(separator: "\n")
  }
}
