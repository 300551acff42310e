import DurableFiles
import Foundation

/// The name of a worker process: who holds a claim.
///
/// It tells a process on this machine whether the worker still lives, and nothing else: the machine's name is hashed.
/// `HOST-PID-START-RANDOM`, where what is random may follow a word of the operator's: `night_k3x9`.
struct WorkerName: Hashable, Sendable, CustomStringConvertible {
  private let host: String
  private let process: Int32
  private let startedAt: String
  /// Another one at each worker, whatever the machine.
  let unique: String

  /// The name of this process, another one at each call; `label` is one that `isLabel` takes, or empty.
  init(label: String = "") {
    host = Self.thisHost
    process = getpid()
    startedAt = Self.startOfProcess(process) ?? "0"
    unique = (label.isEmpty ? "" : label + "_") + String(UInt32.random(in: .min ... .max), radix: 36)
  }

  /// Whether a word can stand in the name of a claim's folder: 1 to 32 ASCII letters, digits and underscores.
  static func isLabel(_ text: String) -> Bool {
    (1...32).contains(text.utf8.count)
      && text.utf8.allSatisfy { byte in
        byte == UInt8(ascii: "_") || (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
      }
  }

  init?(_ text: Substring) {
    let parts = text.split(separator: "-").map(String.init)
    guard parts.count == 4, let process = Int32(parts[1]) else { return nil }
    (host, self.process, startedAt, unique) = (parts[0], process, parts[2], parts[3])
  }

  var description: String { "\(host)-\(process)-\(startedAt)-\(unique)" }

  /// True only if the worker ran on this machine, since this boot, and is gone: its claims can be taken at once.
  ///
  /// A stopped process is not gone by this rule; its lease runs out.
  var isKnownDead: Bool { isKnownDead(seenIn: "/proc") }

  /// True only if the worker runs on this machine.
  var isKnownAlive: Bool { host == Self.thisHost && !isKnownDead }

  /// The same with another view of the processes.
  ///
  /// A service may be shown its own user's processes alone: one that does not stand in the view is gone only if it cannot
  /// be reached either.
  func isKnownDead(seenIn view: String) -> Bool {
    guard host == Self.thisHost else { return false }
    if let start = Self.startOfProcess(process, in: view) { return start != startedAt }
    return kill(process, 0) != 0 && errno == ESRCH || Self.isZombie(process, in: view)
  }

  /// A digest of what two processes share only if each can see the other in /proc: host, boot, process namespace.
  private static let thisHost: String = {
    let boot = (try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)) ?? ""
    let space = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/pid")) ?? ""
    return String(ContentDigest.sha256(of: Data("\(ProcessInfo.processInfo.hostName)|\(boot)|\(space)".utf8)).prefix(8))
  }()

  /// When a process started, in the kernel's ticks since boot; nil if it is not in the view, or a zombie.
  private static func startOfProcess(_ process: Int32, in view: String = "/proc") -> String? {
    guard let fields = fields(of: process, in: view), !isZombie(fields), fields.count > 19 else { return nil }
    return String(fields[19])
  }

  private static func isZombie(_ process: Int32, in view: String) -> Bool {
    fields(of: process, in: view).map(isZombie) ?? false
  }

  private static func isZombie(_ fields: [Substring]) -> Bool { fields.first == "Z" || fields.first == "X" }

  /// What the kernel says of a process after its name in brackets: state, then 18 fields, then the start.
  private static func fields(of process: Int32, in view: String) -> [Substring]? {
    guard let text = try? String(contentsOfFile: "\(view)/\(process)/stat", encoding: .utf8),
      let end = text.lastIndex(of: ")")
    else { return nil }
    return text[text.index(after: end)...].split(separator: " ")
  }
}
