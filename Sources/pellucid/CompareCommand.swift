import ArgumentParser
import DurableFiles
import Foundation
import Pipeline
import TensorCore
import Volumes

/// Measures images against a reference.
struct CompareCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare", abstract: "Measure images against a reference on the same grid.",
    discussion: """
      PSNR and SSIM are means over slices, within the window; slices that equal the reference, as those that \
      super-resolution was given, count for the slice difference alone. Sharpness is the mean gradient as a multiple of the \
      reference's (noise raises it as edges do); edges is the share of the reference's gradients that the image has; \
      slice difference is the mean squared difference of neighbouring slices as a multiple of the reference's. Evaluations \
      and seconds come from the manifest beside an image, where there is one. Images that lie elsewhere than the reference, by \
      more than rounding, and images with voxels that are no numbers are refused with code 65.
      """)

  @Argument(help: "Images to measure.") var images: [String]

  @Option(help: "The image that they should resemble.") var reference: String

  // Unconditional, because a lower end such as -1000 looks like a flag.
  @Option(
    parsing: .unconditional,
    help: "Intensities that count, such as -1000,1000; others are clipped. Default: all of the reference's.")
  var window: Window?

  @Option(help: "Also write a PNG of the middle slice: images, first minus second, reference.") var picture: String?

  @Option(help: "If the picture exists: fail or replace.") var ifExists: DegradeCommand.ReplaceChoice = .fail

  @Option(parsing: .unconditional, help: "Intensities shown as black and white. Default: the window.")
  var pictureWindow: Window?

  @Flag(help: "Compare voxel by voxel images that lie in different places.") var ignoreGeometry = false

  @Flag(help: "Print JSON.") var json = false

  func validate() throws {
    guard let picture else { return }
    guard picture.lowercased().hasSuffix(".png") else { throw ValidationError("The picture's name must end in .png.") }
    if (images + [reference]).contains(where: {
      leadToSameFile(URL(fileURLWithPath: $0), URL(fileURLWithPath: picture))
    }) {
      throw ValidationError("The picture must not be one of the images: give another name.")
    }
  }

  func run() throws {
    let truth = try VolumeFile.read(URL(fileURLWithPath: reference))
    guard let range = window?.range ?? Window.whole(of: truth) else {
      throw PipelineError(
        .unsuitableInput,
        "\(URL(fileURLWithPath: reference).lastPathComponent) has one value only, so there is no range to measure in; give "
          + "--window")
    }
    let rows = try images.map { path in
      let url = URL(fileURLWithPath: path)
      let image = try VolumeFile.read(url)
      try GridAgreement.check(
        image, named: url.lastPathComponent, against: truth, named: URL(fileURLWithPath: reference).lastPathComponent,
        ignoringGeometry: ignoreGeometry)
      return ImageComparison(image, at: url, against: truth, window: range)
    }
    if let picture {
      let volumes = try images.map { try VolumeFile.read(URL(fileURLWithPath: $0)) }
      let image = SideBySide(
        images: volumes, reference: truth, window: pictureWindow?.range ?? range,
        differences: (range.upperBound - range.lowerBound) / 20
      ).picture()
      _ = try VolumeFile.write(
        image, to: URL(fileURLWithPath: picture),
        options: VolumeWriteOptions(ifExists: ifExists == .fail ? .fail : .replace))
    }
    if json {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      encoder.nonConformingFloatEncodingStrategy = .convertToString(
        positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
      print(String(decoding: try encoder.encode(rows), as: UTF8.self))
    } else {
      print(ImageComparison.table(rows))
    }
  }
}

/// Two intensities, the lower first, written `LOW,HIGH`.
struct Window: ExpressibleByArgument {
  let range: ClosedRange<Double>

  init?(argument: String) {
    let ends = argument.split(separator: ",", omittingEmptySubsequences: false).map { Double($0) }
    guard ends.count == 2, let low = ends[0], let high = ends[1], low.isFinite, high.isFinite, low < high else {
      return nil
    }
    range = low...high
  }

  /// What the container can hold for a PNG; from the smallest to the largest finite voxel otherwise, nil if they are one.
  static func whole(of volume: Volume) -> ClosedRange<Double>? {
    if volume.header.format == .png { return 0...(volume.header.dataType == .uint8 ? 255 : 65535) }
    let ends = volume.voxels.withUnsafeBuffer { voxels in
      voxels.reduce(into: (low: Float.infinity, high: -Float.infinity)) { ends, value in
        guard value.isFinite else { return }
        ends = (min(ends.low, value), max(ends.high, value))
      }
    }
    return ends.low < ends.high ? Double(ends.low)...Double(ends.high) : nil
  }
}
