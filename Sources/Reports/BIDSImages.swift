import DurableFiles
import Foundation

/// The images of a results tree that have BIDS names too: `sub-01/anat/sub-01_desc-denoised_T1w.nii.gz` beside
/// `cases/CASE/`, as `dataset_description.json` announces.
///
/// Their sidecars say which job made them, so that a copied tree, whose hard links are gone, is read as well.
enum BIDSImages {
  private static let endings = [".nii.gz", ".nii"]
  private static let largestSidecar = 1 << 20
  /// Subject, session, data type.
  private static let deepest = 3

  /// Paths of images relative to the results folder, in order, by case.
  static func paths(in results: URL) -> [String: [String]] {
    let subjects = names(in: results).filter { $0.hasPrefix("sub-") }
    var out: [String: [String]] = [:]
    for subject in subjects { search(subject, results, depth: 1, &out) }
    return out.mapValues { $0.sorted() }
  }

  private static func search(_ path: String, _ results: URL, depth: Int, _ out: inout [String: [String]]) {
    let folder = results.appendingPathComponent(path)
    // Not through links: they may lead anywhere, and in circles.
    guard kind(of: folder) == .typeDirectory else { return }
    for name in names(in: folder) {
      let inner = "\(path)/\(name)"
      if name.hasSuffix(".json") {
        guard let job = job(of: results.appendingPathComponent(inner)) else { continue }
        let stem = String(inner.dropLast(".json".count))
        if let image = endings.map({ stem + $0 }).first(where: {
          kind(of: results.appendingPathComponent($0)) == .typeRegular
        }) {
          out[job, default: []].append(image)
        }
      } else if depth < deepest, !name.contains(".") {
        search(inner, results, depth: depth + 1, &out)
      }
    }
  }

  /// The case that a sidecar names.
  private static func job(of sidecar: URL) -> String? {
    struct Facts: Decodable { let PellucidJobKey: String }
    guard let file = try? RegularFile(sidecar), file.byteCount <= largestSidecar,
      let bytes = try? file.read(at: 0, count: file.byteCount),
      let facts = try? JSONDecoder().decode(Facts.self, from: Data(bytes))
    else { return nil }
    return String(facts.PellucidJobKey.prefix(16))
  }

  private static func kind(of url: URL) -> FileAttributeType? {
    (try? FileManager.default.attributesOfItem(atPath: url.path))?[.type] as? FileAttributeType
  }

  private static func names(in folder: URL) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).sorted()
  }
}
