import DurableFiles
import Foundation

// How texts become settings, the same for every layer, and settings texts.

extension Settings {
  /// Where relative paths and `~/` lead.
  struct Surroundings {
    var folder: URL
    var home: String?
  }

  /// Takes texts as a key's value: one, or for folders any number; returns false where they mean nothing.
  mutating func take(_ texts: [String], for key: Key, from origin: Origin, in surroundings: Surroundings) -> Bool {
    func path(_ text: String) -> URL? {
      guard WorkflowText.isPlain(text, limit: 4096) else { return nil }
      return FolderPath.resolve(text, in: surroundings.folder, home: surroundings.home).standardizedFileURL
    }
    func set<T>(_ setting: WritableKeyPath<Settings, Setting<T>>, _ value: T?) -> Bool {
      guard let value else { return false }
      self[keyPath: setting] = Setting(value, origin)
      return true
    }
    if key.isList {
      let folders = texts.map(path)
      guard folders.allSatisfy({ $0 != nil }) else { return false }
      return set(key == .models ? \.models : \.workflows, folders.compactMap(\.self))
    }
    guard texts.count == 1, let text = texts.first else { return false }
    switch key {
    case .models, .workflows: return false
    case .threads: return set(\.threads, Self.whole(text, in: 0...4096))
    case .memory: return set(\.memory, ByteCount.parse(text).map(Optional.some))
    case .jobs: return set(\.jobs, Self.whole(text, in: 1...256))
    case .poll: return set(\.poll, Self.duration(text, in: .milliseconds(100) ... .seconds(86_400)))
    case .settle: return set(\.settle, Self.duration(text, in: .zero ... .seconds(86_400)))
    case .stallTimeout: return set(\.stallTimeout, Self.duration(text, in: .seconds(1) ... .seconds(604_800)))
    case .onDone: return set(\.onDone, OnDone(rawValue: text))
    case .offPeak: return set(\.offPeak, DailyHours(text).map(Optional.some))
    case .pauseFile: return set(\.pauseFile, path(text).map(Optional.some))
    case .minimumFreeSpace: return set(\.minimumFreeSpace, text == "0" ? 0 : ByteCount.parse(text))
    }
  }

  /// What a key takes, as the end of "KEY must be …".
  static func rule(_ key: Key) -> String {
    switch key {
    case .models, .workflows: "a list of folders"
    case .threads: "a whole number in 0...4096, 0 for one per processor"
    case .memory: "a size such as 8G or 512M"
    case .jobs: "a whole number in 1...256"
    case .poll: "a duration such as 5s or 500ms, from 100ms to 1d"
    case .settle: "a duration such as 20s, up to 1d"
    case .stallTimeout: "a duration such as 10m, from 1s to 7d"
    case .onDone: "one of " + OnDone.allCases.map(\.rawValue).joined(separator: ", ")
    case .offPeak: "hours of the day such as 22:00-06:00"
    case .pauseFile: "a path"
    case .minimumFreeSpace: "a size such as 1G, or 0"
    }
  }

  /// A setting as people read it: texts that would be read as the same value, none for a value that is not set.
  public func texts(_ key: Key) -> [String] {
    switch key {
    case .models: models.value.map(\.path)
    case .workflows: workflows.value.map(\.path)
    case .threads: [String(threads.value)]
    case .memory: memory.value.map { [Self.size($0)] } ?? []
    case .jobs: [String(jobs.value)]
    case .poll: [DurationText.text(poll.value)]
    case .settle: [DurationText.text(settle.value)]
    case .stallTimeout: [DurationText.text(stallTimeout.value)]
    case .onDone: [onDone.value.rawValue]
    case .offPeak: offPeak.value.map { [$0.description] } ?? []
    case .pauseFile: pauseFile.value.map { [$0.path] } ?? []
    case .minimumFreeSpace: [Self.size(minimumFreeSpace.value)]
    }
  }

  /// Who set a key.
  public func origin(_ key: Key) -> Origin {
    switch key {
    case .models: models.origin
    case .workflows: workflows.origin
    case .threads: threads.origin
    case .memory: memory.origin
    case .jobs: jobs.origin
    case .poll: poll.origin
    case .settle: settle.origin
    case .stallTimeout: stallTimeout.origin
    case .onDone: onDone.origin
    case .offPeak: offPeak.origin
    case .pauseFile: pauseFile.origin
    case .minimumFreeSpace: minimumFreeSpace.origin
    }
  }

  private static func whole(_ text: String, in range: ClosedRange<Int>) -> Int? {
    guard text.wholeMatch(of: /0|[1-9][0-9]*/) != nil, let value = Int(text), range.contains(value) else { return nil }
    return value
  }

  private static func duration(_ text: String, in range: ClosedRange<Duration>) -> Duration? {
    DurationText.parse(text).flatMap { range.contains($0) ? $0 : nil }
  }

  /// The size in the largest unit that divides it.
  private static func size(_ bytes: Int) -> String {
    for (unit, shift) in [("T", 40), ("G", 30), ("M", 20), ("K", 10)] where bytes > 0 && bytes & ((1 << shift) - 1) == 0
    {
      return "\(bytes >> shift)\(unit)"
    }
    return String(bytes)
  }
}
