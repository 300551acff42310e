import Foundation

/// A volume could not be read or written because of what is in it (the operating system's refusals are `FileError`s).
public struct VolumeError: Error, Equatable, CustomStringConvertible {
  /// What went wrong, as far as a program needs to tell cases apart.
  public enum Kind: String, Sendable, CaseIterable {
    /// The file has no bytes.
    case empty
    /// The content is no format that is read here.
    case unrecognised
    /// The file name's ending says another format than the content.
    case wrongExtension
    /// The file ends before the data that its header declares.
    case truncated
    /// A checksum, a length or the structure is wrong.
    case corrupt
    /// A NIfTI header that contradicts itself or the standard.
    case badHeader
    /// A valid file of a kind that is refused: colour, complex numbers, five dimensions …
    case unsupported
    /// More voxels than the limit allows.
    case tooLarge
    /// The chosen output format cannot hold this volume.
    case notRepresentable
    /// What was written does not read back as it should.
    case verification
  }

  /// What went wrong.
  public let kind: Kind
  /// One line: which file, what is wrong and what to do.
  public let description: String

  /// An error with its own words.
  public init(_ kind: Kind, _ description: String) {
    self.kind = kind
    self.description = description
  }
}

extension VolumeError {
  /// What is wrong, without the path of the file.
  public var shortReason: String {
    guard let colon = description.range(of: ": ") else { return description }
    return String(description[colon.upperBound...])
  }
}
