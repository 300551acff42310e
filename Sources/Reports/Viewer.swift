import DurableFiles
public import Foundation

/// The interactive viewer (NiiVue) for a case page.
public enum Viewer: Sendable, Equatable {
  /// Not asked for.
  case off
  /// Asked for, but its file is not there; the page says so.
  case missing
  /// The viewer's program: a JavaScript module, gzip-compressed.
  case program(Data)

  /// Where the file lies: a folder beside that of the models, as `Workflows/viewer` is beside `Workflows/models`.
  static let file = "viewer/niivue.js.gz"
  /// What is in it: the module that `make viewer` takes out of the package ipyniivue 2.4.4.
  static let sha256 = "83bdbf5309e1432fc9595c5eacd3731844a24d59a8c9d50c4a498c5197e5031f"
  private static let largest = 16 << 20

  /// The viewer, looked for beside folders of models, the first folder first.
  ///
  /// A file with anything else in it than the one known module is passed over: its program runs in people's browsers.
  public static func find(besides modelFolders: [URL]) -> Viewer {
    for folder in modelFolders {
      let url = folder.deletingLastPathComponent().appendingPathComponent(file)
      guard let data = try? read(url), isKnown(data) else { continue }
      return .program(data)
    }
    return .missing
  }

  private static func read(_ url: URL) throws -> Data {
    let file = try RegularFile(url)
    return Data(try file.read(at: 0, count: min(file.byteCount, largest)))
  }

  private static func isKnown(_ data: Data) -> Bool {
    GzipData.inflated(data, limit: largest).map { ContentDigest.sha256(of: $0) == sha256 } ?? false
  }
}
