import DurableFiles
import Foundation

/// Looks at a results tree with its own eyes: JSON and digests, nothing of the queue's own code.
struct ResultsCheck {
  let scene: QueueScene
  private let files = FileManager.default

  init(_ scene: QueueScene) { self.scene = scene }

  /// What must hold at any moment, also right after a kill: what stands under a final name is whole, and who says "done"
  /// is right.
  func atAnyMoment() -> [String] {
    var wrong: [String] = []
    let committed = Set(manifests())
    for manifest in committed {
      if object(manifestURL(manifest)) == nil { wrong.append("the manifest of \(manifest) is no JSON") }
    }
    for job in names("cases") {
      if !committed.contains(job) { wrong.append("case \(job) has no manifest") }
      wrong += problems(of: job)
    }
    for job in names(".pellucid/spool/done") where !committed.contains(job) {
      wrong.append("\(job) is done without a manifest")
    }
    for (answer, content) in answers() {
      guard let content else {
        wrong.append("the answer \(answer) is no JSON")
        continue
      }
      guard content["status"] as? String == "committed" else { continue }
      let job = content["job"] as? String ?? "?"
      if !committed.contains(job) || !problems(of: job).isEmpty { wrong.append("\(answer) says committed, and is not") }
    }
    return wrong
  }

  /// What must hold once the work is done: these jobs, each once, with these bytes; nothing left over.
  func afterTheWork(_ expected: [String: String], answered: Int? = nil) -> [String] {
    var wrong = atAnyMoment()
    let digests = outputDigests()
    if digests != expected { wrong.append("results \(digests) instead of \(expected)") }
    let committed = manifests()
    if committed != expected.keys.sorted() {
      wrong.append("manifests \(committed) instead of \(expected.keys.sorted())")
    }
    for job in committed
    where !files.contentsEqual(
      atPath: manifestURL(job).path, andPath: scene.results.path + "/cases/\(job)/output.manifest.json")
    {
      wrong.append("the case of \(job) is of another attempt than its manifest")
    }
    for place in [".staging", ".pellucid/spool/ready", ".pellucid/spool/claimed", ".pellucid/spool/failed"] {
      let left = names(place)
      if !left.isEmpty { wrong.append("left in \(place): \(left)") }
    }
    let given = names(".pellucid/spool/quarantine")
    if !given.isEmpty { wrong.append("given up: \(given)") }
    if let answered {
      let good = answers().filter { $0.1?["status"] as? String == "committed" }.count
      if good != answered { wrong.append("\(good) answers instead of \(answered)") }
    }
    return wrong
  }

  /// The digest of each case's output.
  func outputDigests() -> [String: String] {
    var digests: [String: String] = [:]
    for job in names("cases") {
      let output = scene.results.appendingPathComponent("cases/\(job)/output.nii.gz")
      digests[job] = (try? ContentDigest.sha256(of: output)) ?? "missing"
    }
    return digests
  }

  /// Files of ours that are neither result nor record: temporary names left by a kill.
  func litter() -> [String] {
    let all = (try? files.subpathsOfDirectory(atPath: scene.folder.path)) ?? []
    return all.filter { $0.hasSuffix(".tmp") || $0.contains("/.making-") }.sorted()
  }

  // MARK: Reading

  private func names(_ path: String) -> [String] {
    ((try? files.contentsOfDirectory(atPath: scene.results.appendingPathComponent(path).path)) ?? []).sorted()
  }

  func manifestURL(_ job: String) -> URL {
    scene.results.appendingPathComponent(".pellucid/manifests/\(job.prefix(2))/\(job).json")
  }

  /// The jobs that have a manifest.
  func manifests() -> [String] {
    names(".pellucid/manifests").flatMap { names(".pellucid/manifests/\($0)") }.filter { $0.hasSuffix(".json") }
      .map { String($0.dropLast(5)) }.sorted()
  }

  func object(_ url: URL) -> [String: Any]? {
    guard let data = try? Data(contentsOf: url) else { return nil }
    return (try? JSONSerialization.jsonObject(with: data)) as? [String: Any]
  }

  private func problems(of job: String) -> [String] {
    let folder = scene.results.appendingPathComponent("cases/\(job)")
    return Self.problems(manifest: folder.appendingPathComponent("output.manifest.json"))
  }

  /// What a manifest and the files beside it contradict one another in.
  static func problems(manifest url: URL) -> [String] {
    let name = url.deletingLastPathComponent().lastPathComponent
    guard let data = try? Data(contentsOf: url),
      let manifest = (try? JSONSerialization.jsonObject(with: data)) as? [String: Any],
      let outputs = manifest["outputs"] as? [[String: Any]], !outputs.isEmpty
    else { return ["\(name): its manifest is missing or broken"] }
    return outputs.compactMap { output in
      let file = url.deletingLastPathComponent().appendingPathComponent(output["name"] as? String ?? "?")
      let digest = try? ContentDigest.sha256(of: file)
      return digest == output["sha256"] as? String
        ? nil : "\(name): \(file.lastPathComponent) is not what its manifest says"
    }
  }

  /// Every answer in the inbox.
  func answers() -> [(String, [String: Any]?)] {
    let paths = ((try? files.subpathsOfDirectory(atPath: scene.inbox.path)) ?? []).sorted()
    return paths.filter { $0.hasSuffix(".pellucid.json") }.map {
      ($0, object(scene.inbox.appendingPathComponent($0)))
    }
  }
}
