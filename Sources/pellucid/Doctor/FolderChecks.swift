import BatchQueue
import Configuration
import DurableFiles
import Foundation

/// Whether inbox, results and spool are what they should be, on disks that do what the queue relies on.
struct FolderChecks {
  private(set) var checks: [HealthCheck] = []

  init(inbox: String?, results: String?, spool: String?, onDone: Settings.OnDone?) {
    if let inbox { check(inbox: URL(fileURLWithPath: inbox), onDone) }
    guard results != nil || spool != nil else { return }
    do {
      let opened = try Self.open(results, spool)
      check(results: opened?.results.root ?? URL(fileURLWithPath: results ?? ""))
      if let opened { check(spool: opened) }
    } catch {
      checks.append(.problem("spool", ExitStatus(error) ?? .software, ExitStatus.oneLine(error)))
    }
  }

  /// The spool that is meant; nil where the results have none yet.
  private static func open(_ results: String?, _ spool: String?) throws -> Spool? {
    let tree = results.map { URL(fileURLWithPath: $0) }
    if let tree, !FolderChanges.exists(tree) {
      throw QueueError(
        .missing, "there are no results \(name(tree)); make the folder, or check that its disk is mounted")
    }
    let place = spool.map { URL(fileURLWithPath: $0) } ?? tree!.appendingPathComponent(".pellucid/spool")
    if spool == nil, !FolderChanges.exists(place.appendingPathComponent("spool.json")) { return nil }
    let opened = try Spool(at: place)
    if let tree, !leadToSameFile(opened.results.root, tree) {
      throw QueueError(.unsuitable, "the spool belongs to other results; give a spool of its own to each results tree")
    }
    return opened
  }

  private static func name(_ url: URL) -> String { FileError.printable(url.path(percentEncoded: false)) }

  // MARK: Inbox

  private mutating func check(inbox: URL, _ onDone: Settings.OnDone?) {
    do { _ = try InboxMarker.read(in: inbox) } catch {
      return checks.append(.problem("inbox", ExitStatus(error) ?? .software, ExitStatus.oneLine(error)))
    }
    checks.append(.ok("inbox", "\(Self.name(inbox)) has its marker"))
    do {
      let trial = try DiskTrial(in: inbox)
      append(trial, "disk of the inbox", isRelied: onDone == .move)
    } catch {
      // Drops are only read; what became of them is then said by the results alone.
      if onDone == .move || onDone == .delete {
        checks.append(.problem("inbox", ExitStatus(error) ?? .software, ExitStatus.oneLine(error)))
      } else {
        checks.append(
          .warning("inbox", "no answers can be written beside drops (\(ExitStatus.oneLine(error)))"))
      }
    }
    checkNotices(inbox)
  }

  /// The kernel's notices make drops be seen at once; without them they are seen at the next look.
  private mutating func checkNotices(_ inbox: URL) {
    func limit(_ name: String) -> Int? {
      (try? String(contentsOfFile: "/proc/sys/fs/inotify/\(name)", encoding: .utf8)).flatMap {
        Int($0.trimmingCharacters(in: .whitespacesAndNewlines))
      }
    }
    let descriptor = inotify_init1(Int32(IN_CLOEXEC))
    defer { if descriptor >= 0 { close(descriptor) } }
    let watches = limit("max_user_watches") ?? 0
    let folders = Self.folders(below: inbox, atMost: 10_000)
    let later = "drops are seen at the next look, a poll later"
    if descriptor < 0 {
      checks.append(
        .warning("notices", "this user has no inotify instance left (fs.inotify.max_user_instances); \(later)"))
    } else if folders * 2 > watches {
      checks.append(
        .warning(
          "notices",
          "\(folders) folders in the inbox, and \(watches) inotify watches (fs.inotify.max_user_watches); \(later)"))
    } else {
      checks.append(.ok("notices", "\(folders) folders in the inbox, \(watches) inotify watches"))
    }
  }

  private static func folders(below root: URL, atMost limit: Int) -> Int {
    guard let inside = FileManager.default.enumerator(at: root, includingPropertiesForKeys: [.isDirectoryKey]) else {
      return 1
    }
    var count = 1
    for case let url as URL in inside where (try? url.resourceValues(forKeys: [.isDirectoryKey]))?.isDirectory == true {
      count += 1
      if count >= limit { break }
    }
    return count
  }

  // MARK: Results and spool

  private mutating func check(results: URL) {
    do {
      let trial = try DiskTrial(in: results)
      checks.append(.ok("results", "\(Self.name(results)) can be written to"))
      append(trial, "disk of the results", isRelied: true)
    } catch {
      checks.append(.problem("results", ExitStatus(error) ?? .software, ExitStatus.oneLine(error)))
    }
  }

  private mutating func check(spool: Spool) {
    checks.append(
      .of("spool") {
        if Self.device(spool.root) != Self.device(spool.results.root) {
          throw QueueError(
            .unsuitable, "the spool and the results lie on two file systems; put them on one: a commit is a hard link")
        }
        let jobs = try spool.list()
        let counts = JobState.allCases.compactMap { state -> String? in
          let count = jobs.count { $0.state == state }
          return count > 0 ? "\(count) \(state.rawValue)" : nil
        }
        return .ok("spool", counts.isEmpty ? "no jobs" : counts.joined(separator: ", "))
      })
    checks.append(
      .of("claims") {
        let claims = try spool.outlook()
        let late = claims.compactMap(Self.remark)
        if late.isEmpty { return .ok("claims", "\(claims.count) jobs are being computed") }
        return .warning("claims", late.joined(separator: "; "))
      })
  }

  private static func remark(_ claim: ClaimOutlook) -> String? {
    switch claim.next {
    case .beingComputed: nil
    case .orphaned: "the worker of \(claim.job) is gone from this machine: the next one here takes it over at once"
    case .willExpire(let silence):
      "the worker of \(claim.job) has shown nothing for \(Int(silence)) s: the next one that watches it for 30 s takes it over"
    }
  }

  private mutating func append(_ trial: DiskTrial, _ name: String, isRelied: Bool) {
    for problem in trial.problems {
      let text = "\(problem): use a local disk, NFS 4 or SMB 3 with Unix extensions"
      checks.append(isRelied ? .problem(name, .inputOutput, text) : .warning(name, text))
    }
    let free = trial.freeBytes.map { "\(ByteCount.text($0)) free" } ?? "free space unknown"
    let flush = String(format: "%.1f ms until a file is safe", trial.secondsPerFlush * 1000)
    let minimum = (try? SettingsInForce.read().minimumFreeSpace.value) ?? 0
    if let bytes = trial.freeBytes, isRelied, bytes < minimum {
      checks.append(
        .problem(name, .inputOutput, "\(free), the settings keep \(ByteCount.text(minimum)) free; make room"))
    } else if trial.problems.isEmpty {
      checks.append(.ok(name, "\(free), \(flush)"))
    }
    if trial.secondsPerFlush > 0.5 {
      checks.append(.warning(name, "\(flush): each job needs about ten such flushes"))
    }
    // Nothing compares clocks; times in records and back-off look odd.
    if abs(trial.clockOffset) > 60 {
      checks.append(
        .warning(
          name,
          "its clock is \(Int(trial.clockOffset)) s off ours; nothing relies on it, times in listings look odd"))
    }
  }

  private static func device(_ folder: URL) -> UInt64? {
    var status = stat()
    return stat(folder.path(percentEncoded: false), &status) == 0 ? UInt64(status.st_dev) : nil
  }
}
