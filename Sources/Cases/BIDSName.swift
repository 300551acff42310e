import DurableFiles
import Foundation

/// The place and name of an image in a BIDS dataset, such as `sub-01/ses-2/anat/sub-01_ses-2_run-1_T1w.nii.gz`
/// (BIDS 1.11.1, "File name structure").
struct BIDSName: Codable, Equatable {
  /// Folders from the dataset's root: subject, at will session, data type.
  let folders: [String]
  /// `sub-01`, `ses-2`, `run-1`, in their order.
  let entities: [String]
  /// Such as `T1w`.
  let suffix: String
  /// `.nii` or `.nii.gz`.
  let ending: String

  /// A name from a path below the dataset's root; nil for a path that is none.
  init?(_ path: RelativePath) {
    guard path.isText, (3...4).contains(path.names.count) else { return nil }
    let names = path.names.map { String(decoding: $0, as: UTF8.self) }
    let folders = Array(names.dropLast())
    guard let match = names.last?.wholeMatch(of: /((?:[a-z]+-[A-Za-z0-9+]+_)+)([A-Za-z0-9]+)(\.nii(?:\.gz)?)/),
      folders[0].wholeMatch(of: /sub-[A-Za-z0-9+]+/) != nil,
      folders.count == 2 || folders[1].wholeMatch(of: /ses-[A-Za-z0-9+]+/) != nil,
      folders.last!.wholeMatch(of: /[a-z]+/) != nil
    else { return nil }
    let entities = match.1.split(separator: "_").map(String.init)
    // A file lies where its name says.
    guard entities.first == folders[0], folders.count == 2 || entities.dropFirst().first == folders[1] else {
      return nil
    }
    self.folders = folders
    self.entities = entities
    suffix = String(match.2)
    ending = String(match.3)
  }

  /// Its path below the dataset's root.
  var path: String { (folders + [(entities + [suffix]).joined(separator: "_") + ending]).joined(separator: "/") }

  /// The name of a derivative, without an ending: `desc` comes last and is never a raw name's.
  func derivative(_ description: String) -> String {
    let kept = entities.filter { !$0.hasPrefix("desc-") }
    return (folders + [(kept + ["desc-\(description)", suffix]).joined(separator: "_")]).joined(separator: "/")
  }

  /// Whether a folder is the root of a BIDS dataset.
  static func isDataset(_ folder: BoundFolder) -> Bool { folder.holds(RelativePath("dataset_description.json")) }
}
