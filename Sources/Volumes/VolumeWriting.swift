public import DurableFiles
public import Foundation

/// How a volume is stored.
public struct VolumeWriteOptions: Sendable, Equatable {
  /// The choice of a voxel type.
  public enum DataTypeChoice: Sendable, Equatable {
    /// The type of the input file.
    case input
    /// This type.
    case type(VoxelDataType)

    /// 32-bit floats.
    public static let float32 = DataTypeChoice.type(.float32)
    /// 16-bit signed integers.
    public static let int16 = DataTypeChoice.type(.int16)
  }

  /// Voxel type.
  ///
  /// Floats store the values themselves. An integer type that is the input's own keeps the input's slope and intercept
  /// if every value then fits; another integer type stores whole numbers that fit as they are. Otherwise slope and
  /// intercept spread the range of the values over the type. The report says what that cost.
  public var dataType: DataTypeChoice
  /// What to do if the file exists.
  public var ifExists: AtomicFile.IfExists
  /// zlib's level for `.gz` and PNG, 0 (none) to 9 (smallest).
  public var compressionLevel: Int

  /// Options from their parts.
  public init(
    dataType: DataTypeChoice = .input, ifExists: AtomicFile.IfExists = .fail, compressionLevel: Int = 6
  ) {
    precondition((0...9).contains(compressionLevel))
    self.dataType = dataType
    self.ifExists = ifExists
    self.compressionLevel = compressionLevel
  }
}

/// What was written, after it was read back and found right.
public struct WriteReport: Sendable, Equatable, Codable {
  /// One file on disk.
  public struct File: Sendable, Equatable, Codable {
    /// The name without its folder.
    public var name: String
    /// Length.
    public var bytes: Int
    /// SHA-256 of the file, hexadecimal.
    public var sha256: String
  }

  /// The file asked for, or header and image of a pair.
  public var files: [File]
  /// SHA-256 over the voxel values as read back, as little-endian 32-bit floats in stored order.
  public var sha256Voxels: String
  /// How voxels are stored.
  public var dataType: VoxelDataType
  /// Stored value to voxel value: `value = stored * slope + intercept`.
  public var slope: Double
  /// See `slope`.
  public var intercept: Double
  /// The greatest difference between a finite value asked for and the same read back.
  public var roundTripError: Double
  /// Voxels that had no stored value (outside the type's range, NaN or infinite) and got the nearest.
  public var clampedCount: Int

  /// Name of the first file.
  public var fileName: String { files[0].name }
  /// Length of the first file.
  public var bytes: Int { files[0].bytes }
  /// SHA-256 of the first file.
  public var sha256: String { files[0].sha256 }
}

/// A volume that is on the disk whole, read back and compared, but not yet under its name.
///
/// What is not committed is removed when the value goes.
public struct StagedVolume {
  /// What will stand there.
  public let report: WriteReport
  /// The files, in the order in which they get their names: a pair's image before the header that announces it.
  public let files: [AtomicFile]

  /// Gives every file its name; throws `FileError`, and then some files may be in place (`AtomicFile.isInPlace`).
  public func commit() throws {
    for file in files { try file.commit() }
  }

  /// Takes back what `commit` put in place before it failed.
  public func withdraw() {
    for file in files {
      file.discard()
      if file.isInPlace { unlink(file.url.path) }
    }
  }
}

extension VolumeFile {
  /// The files that a volume of this name consists of: two for a pair, whose other half is named as it would be written.
  public static func files(of url: URL) -> [URL] {
    let name = VolumeFileName(url)
    switch name.kind {
    case .pairHeader, .pairImage: return [url, name.companion(compressed: name.isCompressed)]
    case .nifti, .png, .unknown: return [url]
    }
  }

  /// The files that are read for a volume: one, or for a pair its header and its image, whichever is named.
  public static func existingFiles(of url: URL) -> [URL] {
    let name = VolumeFileName(url)
    guard name.kind == .pairHeader || name.kind == .pairImage else { return [url] }
    let same = name.companion(compressed: name.isCompressed)
    let other = name.companion(compressed: !name.isCompressed)
    let companion = FileManager.default.fileExists(atPath: same.path) ? same : other
    return name.kind == .pairHeader ? [url, companion] : [companion, url]
  }

  /// Writes a volume in the format that the name asks for: `.nii`, `.nii.gz`, `.hdr` or `.img` (a pair; `.gz` too) or
  /// `.png`.
  ///
  /// Files appear whole or not at all, after they were read back and compared. On the input's grid every geometry byte
  /// of its header is kept; text fields and extensions are not. A pair's image gets its name before its header. Throws
  /// `FileError` (exists, disk full, …) or `VolumeError`.
  @discardableResult
  public static func write(
    _ volume: Volume, to url: URL, options: VolumeWriteOptions = .init()
  ) throws -> WriteReport {
    let staged = try stage(volume, to: url, options: options)
    do { try staged.commit() } catch {
      if options.ifExists == .fail { staged.withdraw() }
      throw error
    }
    return staged.report
  }

  /// Writes a volume under temporary names, reads it back and compares it, as `write` does before the last step.
  public static func stage(
    _ volume: Volume, to url: URL, options: VolumeWriteOptions = .init()
  ) throws -> StagedVolume {
    let name = VolumeFileName(url)
    switch name.kind {
    case .nifti, .pairHeader, .pairImage: return try NIfTIWriter(volume, options: options).stage(to: name)
    case .png: return try PNGWriter(volume, options: options).stage(to: url)
    case .unknown:
      throw VolumeError(
        .wrongExtension,
        "cannot write \(FileError.printable(url.path(percentEncoded: false))): the name's ending says no format; use "
          + ".nii, .nii.gz, .hdr, .img or .png")
    }
  }
}

/// Compares what was written with what was asked for, piece by piece.
struct ReadBack {
  private var digest = ContentDigest()
  private(set) var roundTripError = 0.0

  /// `expected` is what an undamaged file must give for an asked value.
  mutating func take(
    _ read: UnsafeBufferPointer<Float>, asked: UnsafeBufferPointer<Float>, expected: (Float) -> Float
  ) throws {
    for i in 0..<read.count {
      let want = expected(asked[i])
      guard read[i].bitPattern == want.bitPattern || (read[i].isNaN && want.isNaN) || read[i] == want else {
        throw VolumeError(
          .verification, "a voxel written as \(want) reads back as \(read[i]); check the disk and try again")
      }
      if asked[i].isFinite { roundTripError = max(roundTripError, abs(Double(read[i]) - Double(asked[i]))) }
    }
    #if _endian(little)
      digest.update(UnsafeRawBufferPointer(read))
    #else
      read.map(\.bitPattern.littleEndian).withUnsafeBytes { digest.update($0) }
    #endif
  }

  var sha256: String { digest.hex }
}

extension WriteReport.File {
  /// Describes a sealed file, from the bytes on disk.
  init(_ file: AtomicFile) throws {
    self.init(
      name: file.url.lastPathComponent, bytes: file.byteCount, sha256: try ContentDigest.sha256(of: file.temporaryURL))
  }
}
