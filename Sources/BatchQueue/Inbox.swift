import DurableFiles
public import Foundation

/// A folder that people and scanners drop files into, whose files become jobs once they are complete.
///
/// The whole folder is listed at every look; the kernel's notices only make the next look come sooner. A file is complete
/// when somebody said so (`NAME.done`, or a rename into `new/`), or when its size, times and identity were the same in
/// every look for `settle` by this process's monotonic clock, nobody on this machine has it open for writing, and its
/// format is whole. Symbolic links, pipes and devices are left alone.
public final class Inbox: DropSource {
  private struct Sight {
    var signature: [FileSignature]
    var since: SuspendingClock.Instant
    let firstSeen: SuspendingClock.Instant
    var isPartial: Bool
    var looks = 1
    /// Set when the file could not be taken: it is looked at again after this time.
    var notBefore: SuspendingClock.Instant?
  }

  /// A drop that could not be answered, or not be put away.
  private struct Setback {
    var tries = 0
    var notBefore = SuspendingClock.now
    var error: (any Error)?

    /// How often a sweep tries before it ends without.
    static let patience = 5

    mutating func count(_ error: (any Error)?) {
      tries += 1
      self.error = error
      notBefore = .now + .milliseconds(100 << min(tries, 10))
    }
  }

  private let root: URL
  private let id: String
  private let spool: Spool
  private let names: DropNames
  private let options: InboxOptions
  private let notices: FolderNotices
  private var records: DropRecords
  private var sights: [RelativePath: Sight] = [:]
  private var handedOver: [RelativePath: [FileSignature]] = [:]
  private var site = ""
  private var remembered: Set<JobID> = []
  private var setbacks: [RelativePath: Setback] = [:]
  private var troubles: [any Error] = []
  private var search: DropSearch
  /// Answers that the last look left for the next.
  private var postponed = 0

  /// Watches an inbox; throws `QueueError.missing` for a folder that is none, `FileError`.
  public init(at root: URL, spool: Spool, names: DropNames, options: InboxOptions = InboxOptions()) throws {
    self.root = root
    self.spool = spool
    self.names = names
    self.options = options
    id = try InboxMarker.read(in: root)
    records = try DropRecords(spool, inbox: id)
    notices = FolderNotices(root)
    search = DropSearch(names, options, notices)
  }

  /// Time between two looks; shorter while something settles, so that it is taken soon after.
  public var interval: Duration {
    if postponed > 0 { return .milliseconds(1) }
    if setbacks.values.contains(where: { $0.tries < Setback.patience }) { return .milliseconds(100) }
    return sights.isEmpty ? options.poll : min(options.poll, max(.milliseconds(100), options.settle / 4))
  }

  /// Drops that may be complete soon: those that keep changing, or lack something, do not count for long.
  public var pending: Int {
    let now = SuspendingClock.now
    return handedOver.count + postponed + setbacks.values.count { $0.tries < Setback.patience }
      + sights.values.count { !$0.isPartial && now - $0.firstSeen < options.settle * 3 + .seconds(2) }
  }

  /// Why a drop could not be answered, at the last try; nil if all were.
  public var unanswered: (any Error)? { setbacks.values.lazy.compactMap(\.error).first.map(Self.withoutName) }

  /// What went wrong with single drops since the last call: each drop is told of once.
  public func takeTroubles() -> [any Error] {
    defer { (troubles, search.troubles) = ([], []) }
    return (troubles + search.troubles).map(Self.withoutName)
  }

  private static func withoutName(_ error: any Error) -> any Error {
    guard let error = error as? FileError else { return error }
    return FileError(error.kind, "a drop could not be answered or put away: \(error.withoutName)")
  }

  /// Answers are flushed one by one: a worker that gave thousands in one look would show no sign of life meanwhile.
  private static let timeForAnswers = Duration.seconds(1)

  /// Readable when the kernel noticed a change.
  public var hint: Int32 { notices.descriptor }

  /// Looks at everything: answers drops that are done, returns those that are complete.
  public func look() throws -> [IntakeRequest] {
    // The folder is opened anew each time: a share may have been unmounted, or mounted over it.
    guard try InboxMarker.read(in: root) == id else {
      throw QueueError(.missing, "the inbox is another than it was; check what is mounted there")
    }
    notices.clear()
    let folder = try BoundFolder(root)
    guard folder.holds(RelativePath(InboxMarker.name)) else {
      throw QueueError(.missing, "the inbox went away at this very moment; check what is mounted there")
    }
    var complete: [Drop] = []
    var seen: Set<RelativePath> = []
    var waiting: Set<JobID>?
    site = options.site()
    postponed = 0
    let begin = SuspendingClock.now
    for drop in try search.drops(in: folder) {
      seen.insert(drop.path)
      if handedOver[drop.path] == drop.signature { continue }
      if let record = records[drop.path], record.signature == drop.signature, record.isSettled,
        record.site == nil || record.site == site, try !isForgotten(record, &waiting)
      {
        sights[drop.path] = nil
        if !mayBeAnswered(record) {
          setbacks[drop.path] = nil
        } else if .now - begin < Self.timeForAnswers {
          tryToAnswer(drop, record, in: folder)
        } else {
          postponed += 1
        }
        continue
      }
      setbacks[drop.path] = nil
      if isComplete(drop) { complete.append(drop) }
    }
    sights = sights.filter { seen.contains($0.key) }
    setbacks = setbacks.filter { seen.contains($0.key) }
    try records.keep(seen)
    return complete.map(handOver)
  }

  /// Whether there is something to say of a drop, or to do with it; one that was answered is put away when the rule has
  /// changed.
  private func mayBeAnswered(_ record: DropRecord) -> Bool {
    guard record.isAnswered, !isOutdated(record) else { return true }
    switch options.onDone {
    case .keep: return false
    case .move: return true
    case .delete: return record.isGoodNews == true
    }
  }

  /// Whether a job was given up, answered so, and brought to a result after all.
  private func isOutdated(_ record: DropRecord) -> Bool {
    record.isGoodNews == false && record.job.map { (try? spool.end(of: $0)) == .done } ?? false
  }

  /// Whether the spool knows nothing any more of the job that a drop became, so that it would never be answered.
  ///
  /// Asked once of each job; `waiting` spares listing the spool for each.
  private func isForgotten(_ record: DropRecord, _ waiting: inout Set<JobID>?) throws -> Bool {
    guard let job = record.job, !record.isAnswered, !remembered.contains(job) else { return false }
    if waiting == nil { waiting = try spool.jobsWithTicket() }
    guard try waiting!.contains(job) || spool.end(of: job) != nil else { return true }
    remembered.insert(job)
    return false
  }

  private func isComplete(_ drop: Drop) -> Bool {
    let now = SuspendingClock.now
    guard var sight = sights[drop.path], sight.signature == drop.signature else {
      sights[drop.path] = Sight(
        signature: drop.signature, since: now, firstSeen: sights[drop.path]?.firstSeen ?? now,
        isPartial: drop.companionIsMissing)
      return drop.isAnnounced && !drop.companionIsMissing
    }
    sight.looks += 1
    sights[drop.path] = sight
    if let notBefore = sight.notBefore, now < notBefore { return false }
    if drop.isAnnounced { return !drop.companionIsMissing }
    guard options.ready == .stable || options.ready == .auto, !drop.companionIsMissing else { return false }
    return now - sight.since >= options.settle && sight.looks > 1
  }

  private func handOver(_ drop: Drop) -> IntakeRequest {
    handedOver[drop.path] = drop.signature
    return IntakeRequest(
      folder: root.path(percentEncoded: false), path: drop.path, signature: drop.signature[0],
      announced: drop.isAnnounced,
      choosesByFolder: true, options: drop.options)
  }

  // MARK: Replies and answers

  /// How often a file whose format is not whole is looked at again, a settle time apart, before it is refused.
  private static let patience = 15

  /// Remembers what became of a drop.
  public func hear(_ reply: IntakeReply, about request: IntakeRequest) {
    guard let signature = handedOver.removeValue(forKey: request.path) else { return }
    switch reply {
    case .job(let id, _): remember(DropRecord(signature: signature, job: id), request.path)
    case .refused(let failure):
      let reason = failure.isOfSite == true ? site : nil
      remember(DropRecord(signature: signature, refusal: failure, site: reason), request.path)
    case .changed: sights[request.path] = nil
    case .later: sights[request.path]?.notBefore = .now + options.settle
    case .incomplete(let reason):
      sights[request.path]?.notBefore = .now + options.settle
      sights[request.path]?.isPartial = true
      // Counted across restarts, so that sweeps too come to an end with it.
      let earlier = records[request.path].flatMap { $0.signature == signature ? $0.misses : nil } ?? 0
      var record = DropRecord(signature: signature, misses: earlier + 1)
      if record.misses >= Self.patience {
        let text = "\(reason); it did not change while it was looked at \(Self.patience) times"
        record.refusal = Failure(kind: .permanent, code: 65, text: text)
        sights[request.path] = nil
      }
      try? records.set(record, for: request.path)
    }
  }

  private func remember(_ record: DropRecord, _ path: RelativePath) {
    // If this fails the drop is found again, and its job is known then.
    try? records.set(record, for: path)
    sights[path] = nil
  }

  /// Answers a drop, or tries again later: one that cannot be answered keeps neither the others back nor what is new.
  private func tryToAnswer(_ drop: Drop, _ record: DropRecord, in folder: BoundFolder) {
    var setback = setbacks[drop.path] ?? Setback()
    guard setback.notBefore <= .now else { return }
    do {
      if try answer(drop, record, in: folder) {
        setbacks[drop.path] = nil
        return
      }
      setback.count(nil)
    } catch {
      if setback.error == nil { troubles.append(error) }
      setback.count(error)
    }
    setbacks[drop.path] = setback
  }

  /// False if the drop is not as it was seen any more.
  private func answer(_ drop: Drop, _ record: DropRecord, in folder: BoundFolder) throws -> Bool {
    var state: JobState = .quarantine
    var failure = record.refusal
    if let job = record.job {
      guard let now = try spool.end(of: job) else { return true }
      state = now
      if now == .quarantine { failure = spool.reasonOfQuarantine(job) }
    }
    let answer = DropAnswer(job: record.job, committed: state == .done, failure: failure)
    let archive = DropArchive(folder, options.onDone, names)
    guard try archive.putAway(drop, answer.encoded(), succeeded: state == .done) else { return false }
    var record = record
    record.isAnswered = true
    record.isGoodNews = state == .done
    try records.set(record, for: drop.path)
    return true
  }
}

extension Spool {
  /// Why a job was given up.
  public func reasonOfQuarantine(_ job: JobID) -> Failure? {
    let file = folder(.quarantine).appendingPathComponent("\(job)/why.json")
    return (try? Data(contentsOf: file)).flatMap { try? JSONDecoder().decode(Failure.self, from: $0) }
  }
}
