import DurableFiles
import Foundation
import Provenance

/// A file that is no rating.
public struct RatingError: Error, Equatable, CustomStringConvertible {
  /// What is wrong and what to do, for people.
  public let description: String
}

/// What a person thought of a result: the file that a case page saves as `CASE.rating.json`.
///
/// It is read strictly: a key too many, too few or of another kind refuses the file.
public struct CaseRating: Codable, Sendable, Equatable {
  /// What is to become of the result.
  public enum Verdict: String, Codable, Sendable, CaseIterable {
    case accept
    case exclude
    case uncertain
  }
  /// What was seen in the result.
  public enum Artefact: String, Codable, Sendable, CaseIterable {
    case noiseLeft = "noise-left"
    case blur
    case anatomyRemoved = "anatomy-removed"
    case structureInvented = "structure-invented"
    case slicesDisagree = "slices-disagree"
    case brightnessShifted = "brightness-shifted"
    case other

    /// In words.
    var title: String { rawValue.replacing("-", with: " ") }
  }

  /// The format's name and version.
  public let schema: String
  /// The case: 16 hexadecimal digits.
  public let `case`: String
  /// Digest of the run that was looked at; see `subject(of:)`.
  public let manifest: String
  /// The verdict.
  public let rating: Verdict
  /// What was seen, each once.
  public let artefacts: [Artefact]
  /// The rater's own words, at most 2000 characters; may be empty.
  public let notes: String
  /// When, in UTC with milliseconds, such as `2026-11-21T10:00:00.000Z`.
  public let time: String

  static let currentSchema = "pellucid-rating/1"
  static let longestNotes = 2000
  /// Notes are short; a larger file is none of ours.
  private static let largestFile = 64 << 10

  /// Digest of what a rating is about: the run's id, its job and its images, as canonical JSON.
  ///
  /// The whole manifest cannot be digested in a page that the manifest lists.
  static func subject(of manifest: Manifest) throws -> String {
    let images = manifest.outputs.filter { $0.role != "report" && $0.role != "thumbnail" }.map(\.sha256)
    return try CanonicalJSON.digest(of: Subject(id: manifest.id, jobKey: manifest.jobKey, outputs: images))
  }

  private struct Subject: Encodable {
    let id: String
    let jobKey: String
    let outputs: [String]
  }

  /// Reads a rating; throws `RatingError` for what is none and `FileError` for what cannot be read.
  static func read(_ url: URL) throws -> CaseRating {
    let file = try RegularFile(url)
    let name = FileError.printable(url.lastPathComponent, limit: 80)
    guard file.byteCount <= largestFile else {
      throw RatingError(description: "\(name) is too large to be a rating; give files that a case page saved")
    }
    do {
      return try JSONDecoder().decode(CaseRating.self, from: Data(try file.read(at: 0, count: file.byteCount)))
    } catch let error as RatingError {
      throw RatingError(description: "\(name) is no rating: \(error.description); give files that a case page saved")
    } catch is DecodingError {
      throw RatingError(description: "\(name) is no rating, or a damaged one; give files that a case page saved")
    }
  }

  /// Reads the object and refuses what a page would not have written.
  public init(from decoder: any Decoder) throws {
    let known = ["schema", "case", "manifest", "rating", "artefacts", "notes", "time"]
    for key in try decoder.container(keyedBy: AnyKey.self).allKeys where !known.contains(key.stringValue) {
      throw RatingError(description: "unknown key \"\(FileError.printable(key.stringValue, limit: 40))\"")
    }
    let values = try decoder.container(keyedBy: CodingKeys.self)
    func text(_ key: CodingKeys, _ isValid: (String) -> Bool) throws -> String {
      guard let text = try? values.decode(String.self, forKey: key), isValid(text) else {
        throw RatingError(description: "\(key.stringValue) is missing or not what it should be")
      }
      return text
    }
    func isHexadecimal(_ text: String, _ count: Int) -> Bool {
      text.utf8.count == count && text.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
    }
    schema = try text(.schema) { $0 == Self.currentSchema }
    self.case = try text(.case) { isHexadecimal($0, 16) }
    manifest = try text(.manifest) { isHexadecimal($0, 64) }
    let verdict = try text(.rating) { Verdict(rawValue: $0) != nil }
    rating = Verdict(rawValue: verdict) ?? .uncertain
    guard let seen = try? values.decode([Artefact].self, forKey: .artefacts), Set(seen).count == seen.count else {
      throw RatingError(description: "artefacts is missing or not a list of known ones, each once")
    }
    artefacts = seen
    // As a browser counts what may be typed.
    notes = try text(.notes) { $0.utf16.count <= Self.longestNotes }
    time = try text(.time) { $0.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil }
  }

  private struct AnyKey: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init?(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }
}
