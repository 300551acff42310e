import DurableFiles
public import Foundation

/// What a file system really does, tried in a temporary folder: the queue relies on renames and links that replace
/// nothing, and network file systems differ.
public struct DiskTrial: Sendable, Equatable {
  /// What the queue relies on and does not get here, one line each; empty where all is well.
  public private(set) var problems: [String] = []
  /// How long it takes until a small file is safe on the disk, in seconds; the median of several.
  public private(set) var secondsPerFlush = 0.0
  /// How far the disk's clock is ahead of ours, in seconds.
  public private(set) var clockOffset = 0.0
  /// Bytes that are free; nil if the system does not say.
  public let freeBytes: Int?

  /// What is tried; tests put in what bad file systems do.
  struct Operations {
    var move: (URL, URL) throws -> Void = { try FolderChanges.move($0, to: $1) }
    var link: (URL, URL) throws -> Void = { try FolderChanges.link($0, to: $1) }
  }

  /// Tries a folder, and leaves nothing in it; throws `FileError` where nothing can be written at all.
  public init(in folder: URL) throws { try self.init(in: folder, Operations()) }

  init(in folder: URL, _ operations: Operations) throws {
    freeBytes = FolderChanges.freeBytes(at: folder)
    let unique = String(UInt64.random(in: .min ... .max), radix: 16)
    let place = folder.appendingPathComponent(".pellucid-trial-\(unique)", isDirectory: true)
    defer { try? FolderChanges.remove(place) }
    try FolderChanges.make(place)
    try tryFiles(in: place, operations)
    try tryFolders(in: place, operations)
    try measure(in: place)
  }

  private mutating func expect(_ holds: Bool, _ problem: String) { if !holds { problems.append(problem) } }

  /// Whether an action is refused as `kind`.
  private static func fails(_ kind: FileError.Kind, _ action: () throws -> Void) -> Bool {
    do { try action() } catch { return (error as? FileError)?.kind == kind }
    return false
  }

  /// A commit is a link that replaces nothing; an output is renamed to a name that must be free.
  private mutating func tryFiles(in place: URL, _ disk: Operations) throws {
    let (one, two, third) = (place / "one", place / "two", place / "three")
    try AtomicFile.write(Data("1".utf8), to: one)
    try AtomicFile.write(Data("2".utf8), to: two)
    guard Self.fails(.exists, { try disk.move(one, two) }), (try? Data(contentsOf: two)) == Data("2".utf8) else {
      return problems.append("a rename replaces a file that is there")
    }
    do {
      try disk.link(one, third)
      expect(leadToSameFile(one, third), "a hard link is another file")
      expect(
        Self.fails(.exists) { try disk.link(two, third) }
          && (try? Data(contentsOf: third)) == Data("1".utf8), "a hard link replaces a file that is there")
    } catch { problems.append("hard links are not possible (\(error))") }
    try disk.move(one, place / "four")
    expect(!FolderChanges.exists(one), "a file that was renamed stays under its old name too")
    expect(
      Set(try FolderChanges.names(in: place)).isSuperset(of: ["two", "four"]),
      "a folder does not list what was just written")
  }

  /// A claim is the rename of a folder, which one of many wins.
  private mutating func tryFolders(in place: URL, _ disk: Operations) throws {
    let (ticket, claim) = (place / "ticket", place / "claim")
    try FolderChanges.make(ticket)
    try disk.move(ticket, claim)
    expect(
      Self.fails(.notFound) { try disk.move(ticket, place / "other") },
      "a folder can be renamed twice: two workers would win one claim")
    try AtomicFile.write(Data("1".utf8), to: claim / "held")
    try FolderChanges.make(ticket)
    expect(
      Self.fails(.exists) { try disk.move(ticket, claim) } && FolderChanges.exists(claim / "held"),
      "a rename replaces a folder that is there")
  }

  private mutating func measure(in place: URL) throws {
    var times: [Double] = []
    for number in 0..<5 {
      let start = ContinuousClock.now
      try AtomicFile.write(Data(count: 4096), to: place / "flush-\(number)")
      times.append((.now - start) / .seconds(1))
    }
    secondsPerFlush = times.sorted()[times.count / 2]
    var status = stat()
    let probe = place / "clock"
    try AtomicFile.write(Data(), to: probe)
    let now = Date().timeIntervalSince1970
    guard stat(probe.path(percentEncoded: false), &status) == 0 else { return }
    clockOffset = Double(status.st_ctim.tv_sec) + Double(status.st_ctim.tv_nsec) * 1e-9 - now
  }
}

private func / (folder: URL, name: String) -> URL { folder.appendingPathComponent(name) }
