import DurableFiles
import Foundation

/// What names mean in an inbox.
public struct DropNames: Sendable {
  /// Endings of files that are drops, in small letters, the longest first.
  public let endings: [String]
  /// Endings of drops that need a second file beside them, with that file's endings.
  public let companions: [String: [String]]

  /// Names from their parts.
  public init(endings: [String], companions: [String: [String]] = [:]) {
    self.endings = endings.sorted { $0.count > $1.count }
    self.companions = companions
  }

  /// Whoever writes a file under such a name will rename it.
  private static let unfinished = [".tmp", ".part", ".partial", ".filepart", ".crdownload", ".swp"]

  /// Folders in an inbox that hold no drops; `tmp` as in a Maildir, the others are ours.
  private static let ignoredFolders = ["tmp", "done", "failed"]

  /// What stands beside a drop when it is complete.
  public static let sentinel = ".done"
  /// What stands beside a drop and changes its treatment.
  public static let options = ".pellucid.yaml"
  /// What we put beside a drop to say what became of it.
  public static let answer = ".pellucid.json"

  /// Whether a folder is looked into.
  func isSearched(_ folder: RelativePath) -> Bool {
    let name = folder.lastName
    return !name.hasPrefix(".") && !(folder.names.count == 1 && Self.ignoredFolders.contains(name))
      && folder.names.count <= 8
  }

  /// Whether a file is a drop.
  func isDrop(_ name: String) -> Bool {
    let lower = name.lowercased()
    guard !name.hasPrefix("."), !name.hasPrefix("~"), !Self.unfinished.contains(where: lower.hasSuffix) else {
      return false
    }
    return ending(of: name) != nil
  }

  /// What a file beside a drop may be called: `scan.nii.gz.done`, or `scan.done`; the first one that is there counts.
  func besides(_ name: [UInt8], _ suffix: String) -> [[UInt8]] {
    let ending = ending(of: String(decoding: name, as: UTF8.self)).map { Array(name.dropLast($0.utf8.count)) }
    return ([name] + (ending.map { [$0] } ?? [])).map { $0 + Array(suffix.utf8) }
  }

  /// The known ending of a name, in small letters.
  public func ending(of name: String) -> String? {
    let lower = name.lowercased()
    return endings.first { lower.hasSuffix($0) && lower.utf8.count > $0.utf8.count }
  }
}
