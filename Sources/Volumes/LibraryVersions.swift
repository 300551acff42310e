import CNIfTI
import CPNG
import CZlib

extension VolumeFile {
  /// The versions of the libraries that files pass through, as they were loaded, by name.
  public static let libraryVersions: [String: String] = [
    "libnifti": String(cString: cnifti_version()), "libpng": String(cString: cpng_version()),
    "zlib": String(cString: zlibVersion()),
  ].filter { !$0.value.isEmpty }
}
