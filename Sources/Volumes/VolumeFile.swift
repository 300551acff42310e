import DurableFiles
public import Foundation

/// Limits and permissions for reading.
public struct VolumeReadOptions: Sendable, Equatable {
  /// The most bytes that the voxels may take in memory (four each), 16 GiB unless told otherwise.
  ///
  /// Larger volumes are refused before any of it is allocated.
  public var maximumBytes: Int
  /// Turn colour PNGs into grey (luma of ITU-R BT.601, alpha dropped) instead of refusing them.
  public var convertColour: Bool

  /// Options from their parts.
  public init(maximumBytes: Int = 16 << 30, convertColour: Bool = false) {
    self.maximumBytes = maximumBytes
    self.convertColour = convertColour
  }
}

/// Reading and writing volumes: the one door to all formats.
public enum VolumeFile {
  /// Reads a NIfTI-1 or -2 file (`.nii`, `.nii.gz`), a pair (`.hdr` and `.img`, either may be named, either may end in
  /// `.gz`) or a PNG.
  ///
  /// The content decides what a file is; a name that says otherwise is refused. Throws `FileError` if the operating
  /// system refuses and `VolumeError` if the content is not whole, not sound or not supported.
  public static func read(_ url: URL, options: VolumeReadOptions = .init()) throws -> Volume {
    switch try open(url) {
    case .png(let reader): try reader.volume(options)
    case .nifti(let reader): try reader.volume(maximumBytes: options.maximumBytes)
    }
  }

  /// Reads and checks a whole file as `read` does, refuses what it refuses, and keeps no voxel.
  ///
  /// A NIfTI file of any size takes about 10 MiB; a PNG, which is one slice, is decoded as a whole. Throws as `read`
  /// does.
  public static func inspect(_ url: URL, options: VolumeReadOptions = .init()) throws -> VolumeInspection {
    switch try open(url) {
    case .png(let reader): try reader.inspection(options)
    case .nifti(let reader): try reader.inspection(maximumBytes: options.maximumBytes)
    }
  }

  private enum Opened {
    case png(PNGReader)
    case nifti(NIfTIReader)
  }

  /// Finds out what a file is, and checks all that comes before its voxels.
  private static func open(_ url: URL) throws -> Opened {
    let name = VolumeFileName(url)
    let file = name.kind == .pairImage ? try name.existingCompanion() : try RegularFile(url)
    let source = try byteSource(file)
    if source is PlainSource, try PNGReader.recognises(file) {
      guard name.kind == .png || name.kind == .unknown && !name.isCompressed else { throw contradiction(name, "PNG") }
      return .png(PNGReader(file))
    }
    if name.kind == .png && source is PlainSource {
      let first = try file.read(at: 0, count: 4)
      throw NIfTILayout(firstBytes: first) == nil
        ? VolumeError(.unrecognised, "\(file.name): not a PNG; give a NIfTI or PNG file") : contradiction(name, "NIfTI")
    }
    if name.kind != .pairImage { try checkCompression(name, source) }
    let reader = try NIfTIReader(source: source) { header in
      switch name.kind {
      case .pairHeader:
        let image = try name.existingCompanion()
        return try pairImage(image, header, compressed: image.name.lowercased().hasSuffix(".gz"))
      case .pairImage: return try pairImage(RegularFile(url), header, compressed: name.isCompressed)
      case .nifti, .png, .unknown: throw contradiction(name, "the header of a NIfTI pair")
      }
    }
    if !reader.header.isPair && (name.kind == .pairHeader || name.kind == .pairImage) {
      throw contradiction(name, "single-file NIfTI")
    }
    return .nifti(reader)
  }

  private static func checkCompression(_ name: VolumeFileName, _ source: any ByteSource) throws {
    let isGzip = source is GzipSource
    guard name.kind != .unknown || name.isCompressed, isGzip != name.isCompressed else { return }
    throw contradiction(name, isGzip ? "gzip-compressed" : "not compressed")
  }

  /// The voxels of a pair, which begin with no mark of their own: what looks like gzip are voxels if the name does not say
  /// that they are compressed and the file is as long as they should be.
  static func pairImage(_ file: RegularFile, _ header: NIfTIHeader, compressed: Bool) throws -> any ByteSource {
    let (length, overflow) = header.voxelOffset.addingReportingOverflow(header.voxelBytes)
    return !compressed && !overflow && file.byteCount == length ? PlainSource(file) : try byteSource(file)
  }

  private static func contradiction(_ name: VolumeFileName, _ content: String) -> VolumeError {
    VolumeError(
      .wrongExtension,
      "\(FileError.printable(name.url.path(percentEncoded: false))): the content is \(content), which the file "
        + "name's ending contradicts; rename the file")
  }
}
