import BatchQueue
import DurableFiles
import Foundation
import Glibc
import Testing

@Suite("P1, P5-P8: an inbox may hold anything")
struct HostileInboxTests {
  private let secret = QueueScene.scan(4711)
  private var secretDigest: String { ContentDigest.sha256(of: secret) }

  @Test("names that no shell likes become results like others, and print nothing that a terminal obeys")
  func names() throws {
    try QueueScene.with { scene in
      try scene.makeInbox()
      let names: [[UInt8]] = [
        "new\nline.nii", "tab\there.nii", "esc\u{1B}[31mred.nii", "-rf.nii", "--help.nii", "\u{202E}rtl.nii",
        "%s%n%d.nii",
        "$(touch pwned);`id`|&.nii", "' \" \\ *?.nii", String(repeating: "x", count: 251) + ".nii", "e\u{301}.nii",
        "é.nii",
      ].map { Array($0.utf8) }
      for (number, name) in names.enumerated() { try put(QueueScene.scan(number), name, in: scene.drops) }
      let arguments = scene.watch("--once", "--settle", "200ms").filter { $0 != "--quiet" }
      let ending = try Subject.run(arguments)
      #expect(ending.code == 0, "\(ending)")
      let check = ResultsCheck(scene)
      #expect(check.manifests().count == names.count && check.atAnyMoment() == [])
      // The name that is as long as names may be leaves no room for an answer's.
      #expect(check.answerCount() == names.count - 1)
      #expect(!ending.messages.unicodeScalars.contains { $0.value < 32 && $0 != "\n" || $0.value == 0x202E })
      #expect(try Subject.run(arguments).code == 0)
      #expect(try scene.digestsOfJobs().count == names.count)
    }
  }

  @Test("a sentinel announces the file of the very same bytes, and no other that text calls equal")
  func sentinels() throws {
    try QueueScene.with { scene in
      try scene.makeInbox()
      let pairs: [(announced: [UInt8], other: [UInt8])] = [
        (Array("e\u{301}".utf8), Array("é".utf8)), ([0xFF, 0xFE], [0xFF, 0xFD]),
      ]
      for (number, pair) in pairs.enumerated() {
        try put(QueueScene.scan(number), pair.announced + Array(".nii".utf8), in: scene.drops)
        try put(secret, pair.other + Array(".nii".utf8), in: scene.drops)
        try put(Data(), pair.announced + Array(".nii.done".utf8), in: scene.drops)
      }
      #expect(try Subject.run(scene.watch("--once", "--ready", "sentinel", "--settle", "200ms")).code == 0)
      let expected = Set((0..<2).map { ContentDigest.sha256(of: QueueScene.scan($0)) })
      #expect(try scene.digestsOfJobs() == expected && ResultsCheck(scene).answerCount() == 2)
    }
  }

  @Test("links, pipes, sockets and devices are left alone, and hold nothing up")
  func strangeFiles() throws {
    try QueueScene.with { scene in
      try scene.makeInbox()
      let outside = scene.folder.appendingPathComponent("outside")
      try FileManager.default.createDirectory(at: outside, withIntermediateDirectories: true)
      try secret.write(to: outside.appendingPathComponent("secret.nii"))
      let drops = scene.drops.path
      symlink(outside.appendingPathComponent("secret.nii").path, drops + "/link.nii")
      symlink(outside.path, drops + "/folder")
      symlink(outside.path, scene.inbox.path + "/folder")
      symlink("/dev/zero", drops + "/endless.nii")
      mkfifo(drops + "/pipe.nii", 0o644)
      for name in ["link.nii", "pipe.nii", "endless.nii"] {
        try Data().write(to: scene.drops.appendingPathComponent(name + ".done"))
      }
      if geteuid() == 0 { mknod(drops + "/device.nii", S_IFCHR | 0o644, 1 << 8 | 5) }
      let socket = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
      defer { close(socket) }
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      // A socket's path must be short.
      let here = open(drops, O_RDONLY | O_DIRECTORY)
      defer { close(here) }
      let name = Array("/proc/self/fd/\(here)/socket.nii".utf8CString)
      withUnsafeMutableBytes(of: &address.sun_path) { target in name.withUnsafeBytes { target.copyMemory(from: $0) } }
      let size = socklen_t(MemoryLayout<sockaddr_un>.size)
      let bound = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(socket, $0, size) }
      }
      #expect(bound == 0)
      try scene.drop(1)
      let ending = try Subject.run(scene.watch("--once", "--settle", "200ms"), limit: 30)
      #expect(ending.code == 0, "\(ending)")
      #expect(try scene.digestsOfJobs() == [ContentDigest.sha256(of: QueueScene.scan(1))])
    }
  }

  @Test("a file that is swapped with a link to a secret, again and again, never gives the secret away")
  func swapRace() throws {
    try QueueScene.with { scene in
      try scene.makeInbox()
      let outside = scene.folder.appendingPathComponent("secret.nii")
      try secret.write(to: outside)
      let swaps = isSoak ? 10_000 : 2000
      let new = scene.inbox.appendingPathComponent("new/tiny")
      try FileManager.default.createDirectory(at: new, withIntermediateDirectories: true)
      let watcher = try Subject(scene.watch("--poll", "100ms", "--settle", "50ms"))
      // The watcher takes one file before the swaps and one after them: it was at work in between, even where a busy machine
      // let it catch none.
      func isTaken(_ number: Int, as name: String) throws -> Bool {
        try QueueScene.scan(number).write(to: scene.folder.appendingPathComponent("whole"))
        rename(scene.folder.path + "/whole", new.path + "/" + name)
        let digest = ContentDigest.sha256(of: QueueScene.scan(number))
        return waitUntil(limit: 60) { scene.hasJob(on: digest) }
      }
      #expect(try isTaken(4712, as: "first.nii"))
      let swapper = Thread {
        let (name, spare) = (new.path + "/x.nii", scene.folder.path + "/spare")
        for number in 0..<swaps {
          if number % 2 == 0 {
            try? QueueScene.scan(number % 50).write(to: URL(fileURLWithPath: spare))
          } else {
            symlink(outside.path, spare)
          }
          rename(spare, name)
          usleep(useconds_t(number % 7 * 200))
        }
      }
      swapper.start()
      #expect(waitUntil(limit: 120) { swapper.isFinished })
      #expect(try isTaken(4713, as: "x.nii"))
      watcher.signalOnlyItself(SIGTERM)
      let ending = watcher.wait(limit: 30)
      #expect(ending.code == 143, "\(ending)")
      let taken = try scene.digestsOfJobs()
      let stolen = taken.contains(secretDigest) ? ["the secret became a job"] : []
      Tally.note("swap races", points: swaps, violations: stolen)
      #expect(stolen.isEmpty)
    }
  }

  @Test("an inbox that is not mounted is refused, and nothing of it is marked as gone")
  func unmounted() throws {
    try QueueScene.with { scene in
      try scene.makeInbox()
      try scene.drop(1)
      #expect(try Subject.run(scene.watch("--once")).code == 0)
      let before = try FileManager.default.subpathsOfDirectory(atPath: scene.results.path).sorted()
      let away = scene.folder.appendingPathComponent("away")
      try FileManager.default.moveItem(at: scene.inbox, to: away)
      try FileManager.default.createDirectory(at: scene.inbox, withIntermediateDirectories: true)
      let ending = try Subject.run(scene.watch("--once"))
      #expect(ending.code == 66 && ending.messages.contains("mounted"), "\(ending)")
      #expect(try FileManager.default.subpathsOfDirectory(atPath: scene.results.path).sorted() == before)
      #expect(try FileManager.default.contentsOfDirectory(atPath: scene.inbox.path).isEmpty)
      // A service waits for it.
      let watcher = try Subject(scene.watch("--poll", "100ms"))
      #expect(watcher.wait(limit: 20).code == 66)
      try FileManager.default.removeItem(at: scene.inbox)
      try FileManager.default.moveItem(at: away, to: scene.inbox)
      let service = try Subject(scene.watch("--poll", "100ms"))
      usleep(500_000)
      try FileManager.default.moveItem(at: scene.inbox, to: away)
      usleep(500_000)
      #expect(!service.hasEnded)
      try FileManager.default.moveItem(at: away, to: scene.inbox)
      try scene.drop(2)
      #expect(waitUntil { ResultsCheck(scene).manifests().count == 2 }, "\(service.messages)")
    }
  }

  @Test("without the kernel's notices drops are found by looking", arguments: ["fail", "full", "lost"])
  func withoutNotices(_ how: String) throws {
    try QueueScene.with { scene in
      try scene.makeInbox()
      let environment = ["LD_PRELOAD": Subject.faultShim, "FAULT_NOTICES": how]
      let watcher = try Subject(scene.watch("--poll", "200ms", "--settle", "200ms"), environment: environment)
      usleep(300_000)
      try scene.drop(1)
      try scene.drop(2, announced: false)
      #expect(waitUntil { ResultsCheck(scene).answers().count == 2 }, "\(watcher.messages)")
      #expect(ResultsCheck(scene).atAnyMoment().isEmpty)
    }
  }

  @Test("a burst of files is taken whole; equal content is computed once and answered under every name")
  func burst() throws {
    try QueueScene.with { scene in
      try scene.makeInbox()
      let (count, contents) = isSoak ? (5000, 50) : (300, 10)
      for number in 0..<count { try scene.drop(number % contents, as: "scan-\(number).nii", announced: false) }
      // A process that another test starts at the wrong moment may hold one of them open: that one is left for the next.
      for _ in 0..<2 {
        let ending = try Subject.run(scene.watch("--once", "--settle", "300ms"), limit: 1200)
        #expect(ending.code == 0, "\(ending)")
      }
      let answers = ResultsCheck(scene).answers().filter { $0.1?["status"] as? String == "committed" }.count
      var wrong = ResultsCheck(scene).atAnyMoment()
      if answers != count { wrong.append("\(answers) answers to \(count) drops") }
      let results = ResultsCheck(scene).manifests().count
      if results != contents { wrong.append("\(results) results of \(contents) contents") }
      Tally.note("burst of \(count) files, \(contents) contents", points: count, violations: wrong)
      #expect(wrong.isEmpty, "\(wrong)")
    }
  }

  // MARK: Clocks

  static let fakeTime = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu"].map {
    $0 + "/faketime/libfaketimeMT.so.1"
  }
  .first { FileManager.default.fileExists(atPath: $0) }

  @Test(
    "a clock that jumps by years, either way, in the middle of the work, changes nothing", .enabled(if: fakeTime != nil)
  )
  func clockJumps() throws {
    try QueueScene.with { scene in
      try scene.makeInbox()
      let time = scene.folder.appendingPathComponent("time")
      let environment = [
        "LD_PRELOAD": Self.fakeTime!, "FAKETIME_TIMESTAMP_FILE": time.path, "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1",
      ]
      // libfaketime changes its own environment, which the Swift runtime cannot bear; env has done it already.
      func start(_ arguments: [String], _ environment: [String: String]) throws -> Subject {
        try Subject([Subject.executable] + arguments, executable: "/usr/bin/env", environment: environment)
      }
      func set(_ jump: String) throws { try AtomicFile.write(Data(jump.utf8), to: time) }
      try set("+10y")
      let watcher = try start(scene.watch("--poll", "100ms", "--settle", "200ms"), environment)
      for (number, jump) in ["+10y", "-10y", "+1h", "-1h", "-10y", "+0"].enumerated() {
        try scene.drop(number, announced: number % 2 == 0)
        try set(jump)
        #expect(waitUntil { ResultsCheck(scene).answers().count == number + 1 }, "\(jump): \(watcher.messages)")
      }
      watcher.signalOnlyItself(SIGTERM)
      #expect(watcher.wait(limit: 20).code == 143)
      #expect(ResultsCheck(scene).atAnyMoment().isEmpty && ResultsCheck(scene).manifests().count == 6)
      // A worker that died ten years ahead of the next one's clock is found dead all the same.
      try scene.drop(10)
      try set("+10y")
      let fault = Fault(action: .killBefore, at: 1, operations: ["link"], path: "/manifests/")
      _ = try fault.arm(scene.folder) { faulty in
        let preloaded = [Self.fakeTime!, Subject.faultShim].joined(separator: ":")
        let all = environment.merging(faulty) { $1 }.merging(["LD_PRELOAD": preloaded]) { $1 }
        return try start(scene.watch("--once"), all).wait()
      }
      #expect(ResultsCheck(scene).manifests().count == 6)
      try set("-10y")
      let ending = try start(scene.watch("--once"), environment).wait()
      #expect(ending.code == 0 && ResultsCheck(scene).manifests().count == 7, "\(ending)")
    }
  }

  private func put(_ data: Data, _ name: [UInt8], in folder: URL) throws {
    let path = Array(folder.path.utf8) + [47] + name + [0]
    let file = path.withUnsafeBytes {
      open($0.assumingMemoryBound(to: CChar.self).baseAddress!, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
    }
    guard file >= 0 else { throw POSIXError(.EIO) }
    defer { close(file) }
    _ = data.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
  }
}

extension ResultsCheck {
  /// How many answers lie in the inbox, whatever their names are.
  func answerCount() -> Int {
    guard let folder = try? BoundFolder(scene.drops), let entries = try? folder.entries() else { return 0 }
    return entries.count { $0.name.suffix(14) == Array(".pellucid.json".utf8)[...] }
  }
}
