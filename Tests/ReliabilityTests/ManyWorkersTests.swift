import Foundation
import Glibc
import Testing

@Suite("P1, P3: many workers that are stopped and killed at random lose no job and commit none twice")
struct ManyWorkersTests {
  @Test("every job of a spool is committed once, whatever happens to its workers")
  func chaos() throws {
    let (workers, jobs) = isSoak ? (8, 500) : (2, 40)
    try QueueScene.with { scene in
      try scene.makeInbox()
      for number in 1...jobs { try scene.drop(number) }
      let expected = try scene.inCopy { copy in
        try #require(try Subject.run(copy.watch("--once"), limit: 900).code == 0)
        return ResultsCheck(copy).outputDigests()
      }
      try #require(expected.count == jobs)
      try scene.submitOnly()
      let (says, blows) = try torment(scene, workers, jobs)
      let ending = try Subject.run(scene.watch("--once"), limit: 900)
      var wrong = ResultsCheck(scene).afterTheWork(expected, answered: jobs)
      if ending.code != 0 { wrong.append("the last sweep ends with \(ending)") }
      let twice = Dictionary(grouping: says, by: \.self).filter { $0.value.count > 1 }.keys
      if !twice.isEmpty { wrong.append("committed twice: \(twice.sorted())") }
      Tally.note("\(workers) workers, \(jobs) jobs, \(blows) signals", points: jobs, violations: wrong)
      #expect(blows >= 3, "hardly anything happened to the workers")
      #expect(wrong.isEmpty, "\(wrong.joined(separator: "\n"))")
    }
  }

  /// Lets workers work, stops and kills them at random, starts others, until all is done; returns what the workers say they
  /// committed, and how many signals they got.
  private func torment(_ scene: QueueScene, _ count: Int, _ jobs: Int) throws -> (says: [String], blows: Int) {
    var dice = Dice(seed: 4)
    let arguments = scene.worker("--drain", "--lease", "600ms").filter { $0 != "--quiet" }
    var workers = try (0..<count).map { _ in try Subject(arguments) }
    var sleepers: [Int: ContinuousClock.Instant] = [:]
    var messages: [String] = []
    var blows = 0
    let check = ResultsCheck(scene)
    let start = ContinuousClock.now
    while check.manifests().count < jobs, .now - start < .seconds(isSoak ? 1800 : 90) {
      usleep(useconds_t(isSoak ? 5000 + dice.below(30_000) : 20_000 + dice.below(80_000)))
      for (index, wake) in sleepers where wake < .now {
        workers[index].signal(SIGCONT)
        sleepers[index] = nil
      }
      let index = dice.below(count)
      if sleepers[index] == nil {
        switch dice.below(10) {
        case 0: workers[index].signal(SIGKILL)
        case 1: workers[index].signalOnlyItself(SIGKILL)
        case 2: workers[index].signal(SIGTERM)
        case 3, 4:
          if dice.below(2) == 0 { workers[index].signal(SIGSTOP) } else { workers[index].signalOnlyItself(SIGSTOP) }
          sleepers[index] = .now + .milliseconds(100 + dice.below(1500))
        default: continue
        }
        blows += 1
      }
      for index in workers.indices where workers[index].hasEnded {
        messages.append(workers[index].wait().messages)
        sleepers[index] = nil
        workers[index] = try Subject(arguments)
      }
    }
    for worker in workers {
      worker.signal(SIGCONT)
      messages.append(worker.wait(limit: 60).messages)
    }
    let lines = messages.flatMap { $0.split(separator: "\n") }.filter { $0.contains("committed after") }
    return (lines.compactMap { $0.split(separator: " ").dropFirst().first.map(String.init) }, blows)
  }
}

/// Numbers that look random and are the same every day.
struct Dice {
  private var state: UInt64
  init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

  mutating func below(_ limit: Int) -> Int {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return Int(state >> 11) % limit
  }
}
