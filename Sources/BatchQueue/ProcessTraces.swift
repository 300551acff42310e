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
  static func memoryKills() -> Int? {
    guard let groups = try? String(contentsOfFile: "/proc/self/cgroup", encoding: .utf8),
      let own = groups.split(separator: "\n").first(where: { $0.hasPrefix("0::") })
    else { return nil }
    let file = "/sys/fs/cgroup\(own.dropFirst(3))/memory.events"
    guard let events = try? String(contentsOfFile: file, encoding: .utf8) else { return nil }
    return events.split(separator: "\n").first { $0.hasPrefix("oom_kill ") }.flatMap { Int($0.dropFirst(9)) }
  }
}
