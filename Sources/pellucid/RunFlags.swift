public import ArgumentParser
import Diffusion
import Foundation
public import Pipeline
public import Transforms
import Volumes

/// How a model is sampled, on the command line.
struct SamplingFlags: ParsableArguments {
  @Option(help: "ddim, ddim:ETA, ddpm, or pfdiff-K_L such as pfdiff-1_1.")
  var sampler = "ddim"
  @Option(
    within: 1...1000, help: "The K of the label set, such as 10 (default: the labels that the model was trained on).")
  var steps: Int?
  // Unconditional, so that -1 is refused for what it is and not taken for a flag.
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Seed of all noise, or auto for a new one each time.", valueName: "n|auto"))
  var seed = "0"
  @Option(
    within: 1...1000, help: "Samples per slice: their mean is the result, and OUT.sd.nii.gz their standard deviation.")
  var samples = 1
  @Option(help: ArgumentHelp("Starting noise: a float NIfTI with the input's stored dimensions.", valueName: "file"))
  var noise: String?
  @Option(help: "How the noise of neighbouring slices is related: shared, correlated or independent.")
  var noiseField = NoiseField.Sharing.shared
  @Option(
    help: """
      Which slices the network sees: auto (as acquired where voxels are clearly longest along one axis, else axial), axial, coronal, \
      sagittal, stored, or all: the mean of axial, coronal and sagittal at every step, for voxels that are nearly cubes; \
      all-if-cubic: auto where they are not.
      """)
  var plane = SlicingPlane.Choice.auto
  @Option(
    within: 64...4096,
    help: ArgumentHelp(
      "Show the network overlapping tiles of this size of what is larger, to save memory (default: whole slices).",
      valueName: "pixels"))
  var tile: Int?
  @Option(
    help: """
      For MR with white noise: differences of neighbouring slices are as predicted, or matched to those of the input without its \
      noise.
      """)
  var sliceDetail = SliceDetail.Choice.predicted
  @Option(
    help: ArgumentHelp(
      "For super-resolution: steps between slices for one before, 2, 4, 8 or 16.", valueName: "factor"))
  var sliceFactor = 2
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Standard deviation of the input's noise in its own unit, for models that are told it (default: an estimate).",
      valueName: "number"))
  var noiseLevel: Double?
  @Flag(
    inversion: .prefixedNo, help: "Clamp predicted images to the model's range (default: as the model's card says).")
  var clamp: Bool?

  func validate() throws {
    if seed != "auto", UInt64(seed) == nil {
      throw ValidationError("--seed must be auto or a whole number from 0 to \(UInt64.max), not '\(seed)'.")
    }
    guard [2, 4, 8, 16].contains(sliceFactor) else { throw ValidationError("--slice-factor takes 2, 4, 8 or 16.") }
    if let noiseLevel, !(noiseLevel.isFinite && noiseLevel >= 0 && noiseLevel < 1e9) {
      throw ValidationError("--noise-level must be a number from 0 on.")
    }
    if noise != nil, samples > 1 {
      throw ValidationError("--noise fixes the noise of one sample; leave out --samples.")
    }
  }

  func options() throws -> SamplingOptions {
    // Seeds of our own choice fit into every JSON reader's numbers.
    let number = UInt64(seed) ?? UInt64.random(in: 0..<1 << 53)
    return SamplingOptions(
      sampler: try Sampler(parsing: sampler), steps: steps, seed: number, samples: samples, noiseField: noiseField,
      plane: plane, tile: tile, sliceDetail: sliceDetail, sliceFactor: sliceFactor, noiseLevel: noiseLevel,
      clampData: clamp)
  }
}

/// How a result is stored, on the command line.
struct ResultFlags: ParsableArguments {
  /// Voxel types that can be asked for.
  enum DataType: String, CaseIterable, ExpressibleByArgument {
    case input, float32, int16

    var choice: VolumeWriteOptions.DataTypeChoice {
      switch self {
      case .input: .input
      case .float32: .float32
      case .int16: .int16
      }
    }
  }

  @Option(help: "How voxels are stored: input (as in the input), float32 or int16.")
  var dtype = DataType.input
  @Option(
    help: """
      When the output exists: fail, skip, replace, or version to write OUT.2.nii.gz and so on (default: skip the same intact \
      result, else fail; version skips it too).
      """)
  var ifExists: ExistingOutput?
  @Flag(help: "Also make OUT.report.html: one page with pictures, figures and provenance.")
  var report = false
  @Flag(inversion: .prefixedNo, help: "Put the interactive viewer into the report, where it is installed.")
  var viewer = true
  @Flag(help: "End with code 20 if the work is done but there were warnings.")
  var strict = false
}

extension ExistingOutput: ExpressibleByArgument {}
extension NoiseField.Sharing: ExpressibleByArgument {}
extension SliceDetail.Choice: ExpressibleByArgument {}
extension SlicingPlane.Choice: ExpressibleByArgument {}
