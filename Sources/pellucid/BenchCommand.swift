import ArgumentParser
import DurableFiles
import Foundation
import Models
import TensorCore

/// Times the network of a model on this machine.
struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench", abstract: "Time a model's network on this machine, layer by layer.",
    discussion: """
      Evaluates the network alone (no sampler, no files) on a fixed input: one evaluation to warm up, then the timed \
      ones, of which the median counts. GFLOP/s are effective: operations of the direct form of each layer by the time \
      that it took, whatever was saved on the way. With --training a step is forward, backward, Adam and moving average \
      on random numbers of that size; the model's weights are not changed.
      """)

  @Option(help: "A model's name or path.") var model = "ct-denoise"
  @Option(within: 1...8192, help: "Rows and columns of the images, in pixels.") var size = 256
  @Option(within: 1...4096, help: "Images per evaluation.") var batch = 1
  @Option(within: threadCounts, help: "Threads; 0 for one per processor.") var threads = 0
  @Option(within: 1...1000, help: "Timed evaluations, after one to warm up.") var repeats = 5
  @Flag(help: "Time training steps instead of evaluations.") var training = false
  @Flag(help: "With --training: compute activations again on the way back, as train --recompute does.")
  var recompute = false
  @Flag(help: "Time the ways of computing typical layers instead; no model is read.") var kernels = false
  @Flag(help: "Print JSON.") var json = false
  @Option(
    help: ArgumentHelp(
      "Write the raw output, little-endian float32 [image, row, column, channel], of the fixed input.",
      valueName: "file"))
  var saveOutput: String?

  func validate() throws {
    guard !training || !kernels else { throw ValidationError("--training and --kernels exclude each other.") }
    guard training || !recompute else { throw ValidationError("--recompute goes with --training.") }
    guard !(training || kernels) || saveOutput == nil else {
      throw ValidationError("--save-output goes with evaluations only.")
    }
  }

  func run() throws {
    ComputeSettings.apply(threads: threads)
    if kernels {
      let result = KernelBenchmark(repeats: repeats)
      return print(json ? try Self.json(result) : result.text)
    }
    let url = try SettingsInForce.model(model)
    if training {
      let result = try TrainingBenchmark(url, size: size, batch: batch, repeats: repeats, recomputing: recompute)
      print(json ? try Self.json(result) : result.text)
    } else {
      let (result, output) = try EvaluationBenchmark.run(url, size: size, batch: batch, repeats: repeats)
      if let saveOutput { try AtomicFile.write(BenchInput.bytes(of: output), to: URL(fileURLWithPath: saveOutput)) }
      print(json ? try Self.json(result) : result.text)
    }
  }

  private static func json(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }
}

/// The fixed input of benchmarks.
enum BenchInput {
  /// Images `[batch, size, size, channels]`: sin(0.013 (row + 1) (channel + 1) + 0.029 (column + 1) + 0.5 image), counted
  /// from zero, so that other programs can make the same.
  static func images(batch: Int, size: Int, channels: Int) -> Tensor {
    var out = Tensor(uninitialized: [batch, size, size, channels])
    out.withUnsafeMutableBuffer { target in
      var i = 0
      for image in 0..<batch {
        for row in 0..<size {
          for column in 0..<size {
            for channel in 0..<channels {
              target[i] = Float(
                sin(0.013 * Double((row + 1) * (channel + 1)) + 0.029 * Double(column + 1) + 0.5 * Double(image)))
              i += 1
            }
          }
        }
      }
    }
    return out
  }

  static func bytes(of tensor: Tensor) -> Data {
    tensor.values.withUnsafeBufferPointer { values in
      var data = Data(capacity: values.count * 4)
      for value in values { withUnsafeBytes(of: value.bitPattern.littleEndian) { data.append(contentsOf: $0) } }
      return data
    }
  }
}
