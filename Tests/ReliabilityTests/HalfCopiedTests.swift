import DurableFiles
import Foundation
import Glibc
import Testing

@Suite("P2: a file that is still being copied is not taken")
struct HalfCopiedTests {
  /// How a file comes into an inbox.
  enum Producer: String, CaseIterable, Sendable {
    /// `cp`, slowly: one descriptor, piece by piece.
    case copy
    /// `rsync --inplace` over an older file of the same name.
    case inPlace
    /// As some file servers do: created, closed, opened again for each piece.
    case reopen
    /// Made as long as it will be, then filled.
    case prefill
    /// The same for a compressed file, with the descriptor closed between pieces.
    case prefillAndReopen

    /// Whether nothing but the file's own format can tell that it is not whole.
    var needsFormat: Bool { self == .reopen || self == .prefillAndReopen }
  }

  @Test("only whole files become jobs, whoever copies them and however long the pauses are")
  func producers() throws {
    let rounds = isSoak ? 10 : 1
    let each = isSoak ? 10 : 4
    var violations: [String] = []
    for round in 0..<rounds {
      try QueueScene.with { scene in
        try scene.makeInbox()
        let files = Producer.allCases.flatMap { producer in (0..<each).map { (producer, $0) } }
        let contents = files.indices.map { content(files[$0].0, 1000 * round + $0) }
        let watcher = try Subject(scene.watch("--settle", "300ms", "--poll", "100ms"))
        let threads = files.indices.map { index in
          let (producer, number) = files[index]
          let ending = producer == .prefillAndReopen || number % 2 == 1 ? ".nii.gz" : ".nii"
          let url = scene.drops.appendingPathComponent("scan-\(index)\(ending)")
          let thread = Thread { Self.produce(producer, contents[index], at: url, seed: UInt64(77 * round + index)) }
          thread.start()
          return thread
        }
        _ = waitUntil(limit: 120) { threads.allSatisfy(\.isFinished) }
        let expected = Set(contents.map { ContentDigest.sha256(of: $0) })
        let complete = waitUntil(limit: 120) { ResultsCheck(scene).manifests().count >= files.count }
        watcher.signalOnlyItself(SIGTERM)
        let ending = watcher.wait(limit: 30)
        let taken = try scene.digestsOfJobs()
        if !complete { violations.append("only \(ResultsCheck(scene).manifests().count) results: \(ending)") }
        violations += taken.subtracting(expected).map { "round \(round): a premature job for \($0)" }
        violations += ResultsCheck(scene).atAnyMoment()
      }
    }
    Tally.note("half-copied files", points: rounds * each * Producer.allCases.count, violations: violations)
    #expect(violations.isEmpty, "\(violations.joined(separator: "\n"))")
  }

  /// Every second file is compressed, where the producer does not ask for that anyway.
  private func content(_ producer: Producer, _ number: Int) -> Data {
    let scan = QueueScene.scan(number)
    let index = number % 1000
    let compressed = producer == .prefillAndReopen || index % (isSoak ? 10 : 4) % 2 == 1
    return compressed ? GzipBytes.stored(scan) : scan
  }

  private static func produce(_ producer: Producer, _ data: Data, at url: URL, seed: UInt64) {
    var dice = Dice(seed: seed + 1)
    let cuts = ([0, data.count] + (0..<3).map { _ in 1 + dice.below(data.count - 1) }).sorted()
    let path = url.path
    // A program that another test starts meanwhile must not inherit the file: it would be open for writing until that ends.
    var file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
    if producer == .inPlace {
      let old = Data(data.reversed())
      old.withUnsafeBytes { _ = pwrite(file, $0.baseAddress, $0.count, 0) }
    }
    if producer == .prefill || producer == .prefillAndReopen { ftruncate(file, off_t(data.count)) }
    for (start, end) in zip(cuts, cuts.dropFirst()) {
      if producer.needsFormat {
        close(file)
        pause(&dice)
        file = open(path, O_WRONLY | O_CLOEXEC)
      } else {
        pause(&dice)
      }
      data[start..<end].withUnsafeBytes { _ = pwrite(file, $0.baseAddress, $0.count, off_t(start)) }
    }
    close(file)
  }

  /// Shorter and longer than the time that a file must be unchanged.
  private static func pause(_ dice: inout Dice) { usleep(dice.below(2) == 0 ? 100_000 : 700_000) }
}

extension QueueScene {
  /// Whether a file of this digest was taken as a job.
  func hasJob(on digest: String) -> Bool { (try? digestsOfJobs())?.contains(digest) == true }

  /// The digests of everything that was taken as a job.
  func digestsOfJobs() throws -> Set<String> {
    let jobs = spool.appendingPathComponent("jobs")
    let paths = (try? FileManager.default.subpathsOfDirectory(atPath: jobs.path)) ?? []
    return Set(
      try paths.filter { $0.hasSuffix("/job.json") }.flatMap { path -> [String] in
        let job = try JSONSerialization.jsonObject(with: Data(contentsOf: jobs.appendingPathComponent(path)))
        let inputs = (job as? [String: Any])?["inputs"] as? [[String: Any]] ?? []
        return inputs.compactMap { $0["sha256"] as? String }
      })
  }
}
