public import BatchQueue
import DurableFiles
import Foundation
import Provenance

/// The results under BIDS names, for inputs that came out of a BIDS dataset.
///
/// Cases lie in `cases/` as all do; this gives their images second names (hard links), each with its sidecar, and makes the
/// results tree a derivative dataset. It is made from what stands on the disk and can be made again at any time.
public enum BIDSView {
  /// What is remembered of a file of a dataset.
  struct Place: Codable {
    var name: BIDSName
    /// How the results lead to the dataset; nil where they do not lie in it.
    var raw: String?
  }

  /// Remembers that a job's input was a file of a BIDS dataset; other files are passed over.
  static func remember(_ path: RelativePath, of folder: BoundFolder, as job: JobID, in spool: Spool) throws {
    guard BIDSName.isDataset(folder), let name = BIDSName(path) else { return }
    let file = places(spool).appendingPathComponent(
      "\(job)/\(ContentDigest.sha256(of: Data(path.bytes)).prefix(16)).json")
    guard !FolderChanges.exists(file) else { return }
    try makeFolder(file.deletingLastPathComponent())
    let raw = way(from: spool.results.root, upTo: folder.url)
    try AtomicFile.write(try JSONEncoder().encode(Place(name: name, raw: raw)), to: file)
  }

  private static func places(_ spool: Spool) -> URL { spool.root.appendingPathComponent("bids") }

  /// `../..` from a folder to one that holds it.
  private static func way(from inner: URL, upTo outer: URL) -> String? {
    let (a, b) = (inner.resolvingSymlinksInPath().pathComponents, outer.resolvingSymlinksInPath().pathComponents)
    guard a.starts(with: b), a.count > b.count else { return nil }
    return Array(repeating: "..", count: a.count - b.count).joined(separator: "/")
  }

  /// Gives every committed case that came out of a BIDS dataset its BIDS names; returns how many were new.
  ///
  /// Throws `FileError`.
  @discardableResult
  public static func update(_ spool: Spool) throws -> Int {
    var count = 0
    for name in try FolderChanges.names(in: places(spool)) {
      guard let job = JobID(name), try spool.results.isCommitted(job),
        let manifest = try? Manifest.read(spool.results.manifest(of: job))
      else { continue }
      let folder = places(spool).appendingPathComponent(name)
      for file in try FolderChanges.names(in: folder) {
        guard let data = try? Data(contentsOf: folder.appendingPathComponent(file)),
          let place = try? JSONDecoder().decode(Place.self, from: data)
        else { continue }
        if try publish(manifest, job, place, spool.results) { count += 1 }
      }
    }
    return count
  }

  /// False if it was there.
  private static func publish(_ manifest: Manifest, _ job: JobID, _ place: Place, _ results: ResultsTree) throws -> Bool
  {
    guard let image = manifest.outputs.first(where: { $0.role == "image" && !$0.name.contains("/") }) else {
      return false
    }
    // The name of a synthetic image must say which contrast or resolution was made, and no record does.
    guard !manifest.marking.synthetic else { return false }
    let source = results.caseFolder(of: job).appendingPathComponent(image.name)
    // One whose files are gone, or still on their way, keeps no other from its name.
    guard FolderChanges.exists(source) else { return false }
    let ending = Manifest.ending(of: source)
    // Two treatments of one image have two names: the second one's tells which job it is.
    for description in ["denoised", "denoised" + String(job.description.prefix(8))] {
      let name = place.name.derivative(description)
      let target = results.root.appendingPathComponent(name + ending)
      if FolderChanges.exists(target) {
        if leadToSameFile(target, source) { return false }
        continue
      }
      try describeDataset(manifest, place, results)
      // Through no link: nothing may be written outside the results.
      let tree = try BoundFolder(results.root)
      try tree.makeFolders(RelativePath(name).folder)
      let sources = place.raw == nil ? [] : ["bids:raw:\(place.name.path)"]
      try tree.write(try manifest.bidsSidecar(sources: sources), to: RelativePath(name + ".json"))
      do { try tree.link(source, as: RelativePath(name + ending)) } catch {
        // Another process was quicker.
        guard error.kind == .exists, leadToSameFile(target, source) else { throw error }
        return false
      }
      return true
    }
    return false
  }

  private static func describeDataset(_ manifest: Manifest, _ place: Place, _ results: ResultsTree) throws {
    let description = results.root.appendingPathComponent("dataset_description.json")
    if !FolderChanges.exists(description) {
      try AtomicFile.write(try manifest.bidsDatasetDescription(raw: place.raw), to: description)
    }
    let readme = results.root.appendingPathComponent("README")
    if !FolderChanges.exists(readme) {
      let text = "\(manifest.marking.text)\nEach image's record lies in cases/; index.html lists them.\n"
      try AtomicFile.write(Data(text.utf8), to: readme)
    }
    let ignored = results.root.appendingPathComponent(".bidsignore")
    if !FolderChanges.exists(ignored) {
      let names = ["cases", "index.html", "cohort.tsv", "cohort.json", "batch.json", ""]
      try AtomicFile.write(Data(names.joined(separator: "\n").utf8), to: ignored)
    }
  }
}
