import DurableFiles
import Foundation

/// What a file's name says about its content.
struct VolumeFileName {
  enum Kind { case nifti, pairHeader, pairImage, png, unknown }

  let url: URL
  let kind: Kind
  /// The name ends in `.gz`.
  let isCompressed: Bool

  init(_ url: URL) {
    self.url = url
    var name = url.lastPathComponent.lowercased()
    isCompressed = name.hasSuffix(".gz")
    if isCompressed { name.removeLast(3) }
    kind =
      if name.hasSuffix(".nii") { .nifti } else if name.hasSuffix(".hdr") { .pairHeader } else if name.hasSuffix(".img")
      { .pairImage } else if name.hasSuffix(".png") && !isCompressed { .png } else { .unknown }
  }

  /// The other file of a pair, `.hdr` for `.img` and the reverse, compressed or not; capitals stay capitals.
  func companion(compressed: Bool) -> URL {
    var stem = url.lastPathComponent
    if isCompressed { stem.removeLast(3) }
    let capitals = stem.last?.isUppercase ?? false
    stem.removeLast(4)
    let ending = (kind == .pairImage ? ".hdr" : ".img") + (compressed ? ".gz" : "")
    return url.deletingLastPathComponent().appendingPathComponent(stem + (capitals ? ending.uppercased() : ending))
  }

  /// The companion that exists; the one compressed like this file is preferred.
  func existingCompanion() throws -> RegularFile {
    do { return try RegularFile(companion(compressed: isCompressed)) } catch let error where error.kind == .notFound {
      guard let other = try? RegularFile(companion(compressed: !isCompressed)) else { throw error }
      return other
    }
  }
}
