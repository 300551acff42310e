import Foundation
import TestSupport
import Testing

@testable import BatchQueue

@Suite("What is kept of a case that stood still or was killed")
struct EvidenceTests {
  /// A spool whose worker sees another /proc and /sys.
  private func kernel(_ folder: URL, groups: String, _ files: [String: String]) throws -> URL {
    let root = folder.appendingPathComponent("kernel")
    for (path, text) in files.merging(["proc/self/cgroup": groups], uniquingKeysWith: { $1 }) {
      let url = root.appendingPathComponent(path)
      try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(text.utf8).write(to: url)
    }
    return root
  }

  @Test("a case that makes no progress is killed, tried once with less memory, and given up with where it stood")
  func stall() throws {
    try QueueScene.with { scene in
      let id = try scene.submit(1, "stall")
      var seen: [String] = []
      let summary = try scene.runner({ $0.stallTimeout = .milliseconds(300) }) { event in
        if case .failed(_, let failure, let state) = event { seen.append("\(failure.kind) \(state)") }
      }.run()
      #expect(summary.quarantined.map(\.job) == [id])
      #expect(seen == ["stalled ready", "stalled quarantine"])
      let place = scene.spool.root.appendingPathComponent("quarantine/\(id)")
      let why = try JSONDecoder().decode(Failure.self, from: Data(contentsOf: place.appendingPathComponent("why.json")))
      #expect(why.kind == .stalled && why.code == 75 && why.attempt == 2)
      #expect(why.evidence.prefix(2) == ["last progress: 3 of 8 evaluations", "ended by signal 9"])
      #expect(why.evidence.contains { $0.contains("threads asleep") }, "\(why.evidence)")
      #expect(why.evidence.last == "attempt 2, smaller true")
      let failures = try scene.spool.status(of: id).failures
      #expect(failures.map(\.evidence.last) == ["attempt 1, smaller false", "attempt 2, smaller true"])
      // Nothing of the process is left.
      #expect(try scene.names("results/.staging").isEmpty)
    }
  }

  @Test(
    "a case that the kernel killed for lack of memory is told as such, by either generation of control groups",
    arguments: [
      ("0::/batch.slice\n", "sys/fs/cgroup/batch.slice/memory.events"),
      ("11:memory:/docker/abc\n1:name=systemd:/docker/abc\n", "sys/fs/cgroup/memory/docker/abc/memory.oom_control"),
    ])
  func memory(groups: String, file: String) throws {
    try QueueScene.with { scene in
      let root = try kernel(scene.folder, groups: groups, [file: "oom_kill 0\n"])
      let id = try scene.submit(1, "memory", file: root.appendingPathComponent(file), retries: 0)
      let other = try scene.submit(2, "print", retries: 0)
      _ = try scene.runner({ $0.kernelFiles = root }).run()
      let failure = try #require(scene.spool.reasonOfQuarantine(id))
      #expect(failure.kind == .killed && failure.code == 75)
      #expect(failure.text.contains("the kernel killed the process for lack of memory"), "\(failure.text)")
      #expect(failure.evidence.contains("ended by signal 9"))
      let byHand = try #require(scene.spool.reasonOfQuarantine(other))
      #expect(byHand.text.contains("killed by hand"), "the count did not grow: \(byHand.text)")
    }
  }

  @Test("the counts of both generations are read from the kernel's own texts; what has none says nothing")
  func counts() {
    let second = "low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 0\n"
    let first = "oom_kill_disable 0\nunder_oom 0\noom_kill 7\n"
    #expect(ProcessTraces.memoryKills(second) == 2)
    #expect(ProcessTraces.memoryKills(first) == 7)
    // Before Linux 4.13 nothing was counted.
    #expect(ProcessTraces.memoryKills("oom_kill_disable 0\nunder_oom 0\n") == nil)
    #expect(ProcessTraces.memoryKills("oom_kill many\n") == nil)
  }

  @Test("the kernel's files are found from /proc/self/cgroup, at the group's place or at the root of a container")
  func files() throws {
    #expect(ProcessTraces.memoryFiles("0::/\n") == ["sys/fs/cgroup/memory.events"])
    #expect(
      ProcessTraces.memoryFiles("12:cpuset:/a\n4:cpu,memory:/a\n0::/b\n") == [
        "sys/fs/cgroup/memory/a/memory.oom_control", "sys/fs/cgroup/memory/memory.oom_control",
        "sys/fs/cgroup/b/memory.events", "sys/fs/cgroup/memory.events",
      ])
    #expect(ProcessTraces.memoryFiles("nothing\n5:cpu:/a\n") == [])
    try withTemporaryFolder { folder in
      // Both are there, and the memory is in the first generation; the container shows its group as the root.
      let root = try kernel(
        folder, groups: "4:memory:/docker/abc\n0::/docker/abc\n",
        ["sys/fs/cgroup/memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 5\n"])
      #expect(ProcessTraces.memoryKills(root: root) == 5)
      #expect(ProcessTraces.memoryKills(root: folder) == nil)
    }
  }
}
