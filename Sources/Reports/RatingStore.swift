import DurableFiles
public import Foundation

/// Ratings of a results folder: they are copied into `.pellucid/ratings/CASE/`, so that every later page has them.
public enum RatingStore {
  private static let folder = ".pellucid/ratings"
  private static let mostFiles = 100_000

  /// What became of the files.
  public struct Collected: Codable, Sendable, Equatable {
    /// Ratings that are new.
    public var new = 0
    /// Ratings that were there already.
    public var known = 0
    /// Files about cases that the results do not have: `NAME: CASE`.
    public var unknownCases: [String] = []
    /// Files about another run of a case than the one that stands: `NAME: CASE`.
    public var otherRuns: [String] = []

    /// Nothing yet.
    public init() {}
  }

  /// Takes ratings into a results folder: `sources` are files, or folders with files whose name holds `rating` and ends in
  /// `.json`.
  ///
  /// All are read before one is taken. What is about no case, or another run of one, is left out and named. Throws
  /// `RatingError` for the first file that is no rating, and `FileError`.
  public static func collect(_ sources: [URL], into results: URL) throws -> Collected {
    let read = try sources.flatMap(files).map { (name: $0.lastPathComponent, rating: try CaseRating.read($0)) }
    var out = Collected()
    for (name, rating) in read {
      let label = "\(FileError.printable(name, limit: 80)): \(rating.case)"
      guard let standing = try CohortReport.subject(of: rating.case, in: results) else {
        out.unknownCases.append(label)
        continue
      }
      guard standing == rating.manifest else {
        out.otherRuns.append(label)
        continue
      }
      if try keep(rating, in: results) { out.new += 1 } else { out.known += 1 }
    }
    return out
  }

  /// Ratings of a case in order of time, those about the run with the digest `subject` only.
  static func ratings(of caseID: String, subject: String, in results: URL) -> [CaseRating] {
    let place = results.appendingPathComponent("\(folder)/\(caseID)")
    let names = ((try? FolderChanges.names(in: place)) ?? []).sorted()
    return names.compactMap { try? CaseRating.read(place.appendingPathComponent($0)) }
      .filter { $0.case == caseID && $0.manifest == subject }.sorted { $0.time < $1.time }
  }

  /// False if it was there.
  private static func keep(_ rating: CaseRating, in results: URL) throws -> Bool {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
    let data = try encoder.encode(rating) + Data("\n".utf8)
    var place = results
    for name in (folder + "/" + rating.case).split(separator: "/") {
      place.appendPathComponent(String(name))
      _ = try FolderChanges.make(place)
    }
    // The name follows from the content: the same rating is one file, however often it is collected.
    let file = place.appendingPathComponent("\(ContentDigest.sha256(of: data).prefix(16)).json")
    guard !FolderChanges.exists(file) else { return false }
    try AtomicFile.write(data, to: file)
    return true
  }

  private static func files(_ source: URL) throws -> [URL] {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: source.path, isDirectory: &isFolder), isFolder.boolValue else {
      return [source]
    }
    let names = try FolderChanges.names(in: source).filter { $0.contains("rating") && $0.hasSuffix(".json") }.sorted()
    guard names.count <= mostFiles else {
      throw RatingError(
        description: "more than \(mostFiles) files in \(source.lastPathComponent); give fewer at a time")
    }
    return names.map { source.appendingPathComponent($0) }
  }
}
