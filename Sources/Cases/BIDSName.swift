import DurableFiles
import Foundation

/// The place and name of a raw image in a BIDS dataset, such as `sub-01/ses-2/anat/sub-01_ses-2_run-1_T1w.nii.gz`
/// (BIDS 1.11.1, "Filenames" and "Magnetic Resonance Imaging").
///
/// Only images are known whose results can say all that the standard asks of them: structural images, maps, and what scanners
/// compute from diffusion. Others need facts of their acquisition in their sidecars (PET, perfusion, functional series), or
/// tables beside them (diffusion series), or are not in the standard (CT); what was preprocessed before (`space-`, `res-`,
/// `desc-`) may be stripped of its skull, and nothing here knows.
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
    // A longer name is legal, and leaves no room for what a derivative adds to it.
    guard let name = names.last, name.utf8.count <= 200,
      let match = name.wholeMatch(of: /((?:[a-z]+-[A-Za-z0-9+]+_)+)([A-Za-z0-9]+)(\.nii(?:\.gz)?)/)
    else { return nil }
    let entities = match.1.split(separator: "_").map(String.init)
    let suffix = String(match.2)
    guard Kind.of(suffix, in: folders.last ?? "")?.allows(entities) == true else { return nil }
    // A file lies where its name says.
    let named = entities.prefix { $0.hasPrefix("sub-") || $0.hasPrefix("ses-") }
    guard named.first?.hasPrefix("sub-") == true, folders.dropLast().elementsEqual(named) else { return nil }
    self.folders = folders
    self.entities = entities
    self.suffix = suffix
    ending = String(match.3)
  }

  private enum CodingKeys: CodingKey { case folders, entities, suffix, ending }

  /// Reads a name that was remembered; one that is none, whoever wrote it, is refused.
  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    let folders = try container.decode([String].self, forKey: .folders)
    let entities = try container.decode([String].self, forKey: .entities)
    let file = (entities + [try container.decode(String.self, forKey: .suffix)]).joined(separator: "_")
    let path = (folders + [file + (try container.decode(String.self, forKey: .ending))]).joined(separator: "/")
    guard let name = BIDSName(RelativePath(path)), name.folders == folders, name.entities == entities else {
      throw DecodingError.dataCorruptedError(forKey: .folders, in: container, debugDescription: "not a BIDS name")
    }
    self = name
  }

  /// Its path below the dataset's root.
  var path: String { (folders + [(entities + [suffix]).joined(separator: "_") + ending]).joined(separator: "/") }

  /// The path of a derivative, without an ending: `desc` is the last entity, and no raw name has it.
  func derivative(_ description: String) -> String {
    (folders + [(entities + ["desc-\(description)", suffix]).joined(separator: "_")]).joined(separator: "/")
  }

  /// Whether a folder is the root of a BIDS dataset.
  static func isDataset(_ folder: BoundFolder) -> Bool { folder.holds(RelativePath("dataset_description.json")) }
}

/// Images with one set of rules for their names.
private struct Kind {
  /// The data type: the folder that they lie in.
  let folder: String
  let suffixes: Set<String>
  /// Keys of the entities that they may have, in the standard's order.
  let keys: [String]

  private static let all = [
    Kind(
      folder: "anat",
      suffixes: [
        "T1w", "T2w", "PDw", "T2starw", "FLAIR", "inplaneT1", "inplaneT2", "PDT2", "angio", "T2star", "FLASH", "PD",
      ], keys: ["sub", "ses", "task", "acq", "ce", "rec", "run", "echo", "part", "chunk"]),
    Kind(
      folder: "anat",
      suffixes: [
        "T1map", "T2map", "T2starmap", "R1map", "R2map", "R2starmap", "PDmap", "MTRmap", "MTsat", "UNIT1", "T1rho",
        "MWFmap", "MTVmap", "Chimap", "S0map", "M0map",
      ], keys: ["sub", "ses", "task", "acq", "ce", "rec", "run", "chunk"]),
    Kind(
      folder: "dwi", suffixes: ["ADC", "FA", "S0map", "expADC", "trace"],
      keys: ["sub", "ses", "acq", "rec", "dir", "run", "chunk"]),
  ]

  static func of(_ suffix: String, in folder: String) -> Kind? {
    all.first { $0.folder == folder && $0.suffixes.contains(suffix) }
  }

  /// Whether entities are of known keys, each once, in order, with values of their kind.
  func allows(_ entities: [String]) -> Bool {
    var rest = keys[...]
    return entities.allSatisfy { entity in
      guard let dash = entity.firstIndex(of: "-"), let place = rest.firstIndex(of: String(entity[..<dash])) else {
        return false
      }
      let key = rest[place]
      rest = rest[(place + 1)...]
      let value = entity[entity.index(after: dash)...]
      return switch key {
      case "run", "echo", "chunk": value.utf8.allSatisfy { (48...57).contains($0) }
      case "part": ["mag", "phase", "real", "imag"].contains(value)
      default: true
      }
    }
  }
}
