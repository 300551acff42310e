import Foundation

/// What the kernel says of processes, for the evidence of a failure.
enum ProcessTraces {
  /// What each thread of a process is doing, a line for each kind: running, waiting for a disk, asleep.
  ///
  /// A case that stands still while its threads wait for a disk has another remedy than one that computes.
  static func threads(of process: pid_t) -> [String] {
    let folder = "/proc/\(process)/task"
    var counts: [String: Int] = [:]
    for thread in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
      guard let text = try? String(contentsOfFile: "\(folder)/\(thread)/stat", encoding: .utf8),
        let end = text.lastIndex(of: ")"), let state = text[text.index(after: end)...].split(separator: " ").first
      else { continue }
      let place = (try? String(contentsOfFile: "\(folder)/\(thread)/wchan", encoding: .utf8)) ?? ""
      let words =
        switch state {
        case "R": "running"
        case "D": "waiting for a disk or a network share"
        case "T", "t": "stopped by a signal"
        default: "asleep"
        }
      counts[place.isEmpty || place == "0" ? words : "\(words) in \(place)", default: 0] += 1
    }
    return counts.sorted { $0.key < $1.key }.map { "\($0.value) threads \($0.key)" }
  }

  /// How often the kernel killed a process of this process's control group for lack of memory; nil where it cannot be
  /// told.
  ///
  /// `root` is where /proc and /sys lie. Both generations of control groups are asked: a machine may have either, or both
  /// with the memory in one of them.
  static func memoryKills(root: URL = URL(fileURLWithPath: "/")) -> Int? {
    func text(_ path: String) -> String? {
      try? String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    }
    guard let groups = text("proc/self/cgroup") else { return nil }
    return memoryFiles(groups).lazy.compactMap { text($0) }.compactMap(memoryKills).first
  }

  /// Where the kernel may count, in the order of trust, from the lines of /proc/self/cgroup.
  ///
  /// In a container the group's own folder may be mounted in the place of the root.
  static func memoryFiles(_ groups: String) -> [String] {
    var files: [String] = []
    for line in groups.split(separator: "\n") {
      let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3 else { continue }
      let folder: (mount: String, file: String)? =
        if parts[0] == "0", parts[1].isEmpty {
          ("sys/fs/cgroup", "memory.events")
        } else if parts[1].split(separator: ",").contains("memory") {
          ("sys/fs/cgroup/memory", "memory.oom_control")
        } else {
          nil
        }
      guard let folder else { continue }
      let group = parts[2] == "/" ? "" : String(parts[2])
      files.append("\(folder.mount)\(group)/\(folder.file)")
      if !group.isEmpty { files.append("\(folder.mount)/\(folder.file)") }
    }
    return files
  }

  /// The count in the text of `memory.events` (second generation) or `memory.oom_control` (first, since Linux 4.13).
  static func memoryKills(_ text: String) -> Int? {
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      if words.count == 2, words[0] == "oom_kill" { return Int(words[1]) }
    }
    return nil
  }
}
