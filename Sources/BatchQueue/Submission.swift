public import DurableFiles
public import Foundation
import Synchronization

/// A copy of a file that a job may read: under its final name already, or in a folder of its own until the job is there.
public struct StagedInput: Sendable {
  /// What the job says of it.
  public let input: Job.Input
  /// Where it lies now.
  public let url: URL
  /// The folder that goes with it where it is not kept.
  let making: URL?
}

/// Copies that this process made or compared; there is no need to read them again.
private let healthyCopies = Mutex<[String: FileSignature]>([:])

extension Spool {
  /// What became of a job that was submitted.
  public enum Submitted: Sendable, Equatable {
    /// It is in the queue now.
    case new
    /// It was there, in this state; a committed job is `done`.
    case known(JobState)
  }

  /// Copies a file into the spool, under the digest of its content; nothing is copied if the content is there.
  ///
  /// As `prepare` and `keep` in one.
  public func stage(_ file: RegularFile, role: String, ending: String) throws -> StagedInput {
    let staged = try prepare([(file, role, ending)])
    try keep(staged)
    return StagedInput(input: staged[0].input, url: url(of: staged[0].input), making: nil)
  }

  /// Copies files that belong together into a folder of their own, to be looked at; what the spool has is not copied.
  ///
  /// `ending` is what a copy's name ends in, such as `.nii.gz`. Two files lie beside one another under a name that both
  /// decide. `progress` is called now and then. Throws `FileError`, `QueueError.damaged` if a file changed meanwhile,
  /// `.tooLarge`, `.noSpace`.
  public func prepare(
    _ files: [(file: RegularFile, role: String, ending: String)], progress: () -> Void = {}
  ) throws -> [StagedInput] {
    let before = try files.map { try $0.file.signature() }
    // Before anything is read: a file may claim any length.
    try reserve(files.reduce(0) { $0.addingReportingOverflow($1.file.byteCount).partialValue })
    let digests = try files.map { try ContentDigest.sha256(of: $0.file, progress: progress) }
    let stem = digests.count == 1 ? digests[0] : ContentDigest.sha256(of: Data(digests.joined().utf8))
    let inputs = zip(files, digests).map { entry, digest in
      Job.Input(role: entry.role, sha256: digest, bytes: entry.file.byteCount, name: stem + entry.ending)
    }
    let shelf = root.appendingPathComponent("input/\(stem.prefix(2))")
    try FolderChanges.make(shelf)
    if try inputs.allSatisfy({ try refresh($0, progress) }) {
      return inputs.map { StagedInput(input: $0, url: url(of: $0), making: nil) }
    }
    let unique = String(UInt64.random(in: .min ... .max), radix: 16)
    let making = shelf.appendingPathComponent(".making-\(unique)", isDirectory: true)
    do {
      try FolderChanges.make(making)
      var staged: [StagedInput] = []
      for (entry, input) in zip(files, inputs) {
        let copy = try AtomicFile(to: making.appendingPathComponent(input.name), ifExists: .replace)
        guard try copy.copy(entry.file, progress: progress) == input.sha256 else {
          copy.discard()
          throw Self.changed(entry.file)
        }
        try copy.seal()
        // No more people may read the copy than the file, nor than the user's mask lets.
        let place = copy.temporaryURL.path(percentEncoded: false)
        var status = stat()
        if stat(place, &status) == 0 {
          _ = chmod(place, status.st_mode & (try entry.file.permissions()) & 0o444 | 0o400)
        }
        try copy.commit()
        staged.append(StagedInput(input: input, url: copy.url, making: making))
      }
      for (entry, signature) in zip(files, before) where try entry.file.signature() != signature {
        throw Self.changed(entry.file)
      }
      return staged
    } catch {
      try? FolderChanges.remove(making)
      throw error
    }
  }

  private static func changed(_ file: RegularFile) -> QueueError {
    QueueError(.damaged, "\(file.name) changed while it was copied; wait until it is complete")
  }

  /// Whether the spool has this input, whole; it is young again then, and not taken for garbage.
  private func refresh(_ input: Job.Input, _ progress: () -> Void) throws -> Bool {
    let url = url(of: input)
    let path = url.path(percentEncoded: false)
    guard Self.renew(url), let copy = try? RegularFile(url), copy.byteCount == input.bytes else { return false }
    let signature = try copy.signature()
    if let known = healthyCopies.withLock({ $0[path] }), known.isOfSameContent(as: signature) { return true }
    guard try ContentDigest.sha256(of: copy, progress: progress) == input.sha256 else { return false }
    healthyCopies.withLock { $0[path] = signature }
    return true
  }

  /// Gives copies their final names, in the place of damaged ones.
  public func keep(_ staged: [StagedInput]) throws {
    for copy in staged where copy.making != nil {
      let target = url(of: copy.input)
      guard rename(copy.url.path(percentEncoded: false), target.path(percentEncoded: false)) == 0 else {
        throw FileError(
          .io, "a copy in the spool cannot be renamed: \(String(cString: strerror(errno))); check the disk")
      }
      try FolderChanges.flush(target.deletingLastPathComponent())
      let signature = try RegularFile(target).signature()
      healthyCopies.withLock { $0[target.path(percentEncoded: false)] = signature }
    }
    discard(staged)
  }

  /// Removes copies that no job will read; none that has its final name.
  public func discard(_ staged: [StagedInput]) {
    for making in Set(staged.compactMap(\.making)) { try? FolderChanges.remove(making) }
  }

  /// Refuses where fewer than `bytes` and a reserve are free.
  public func reserve(_ bytes: Int, margin: Int? = nil) throws {
    let margin = margin ?? minimumFreeSpace
    guard let free = FolderChanges.freeBytes(at: root), bytes < 0 || bytes > free - margin else { return }
    var status = statvfs()
    if statvfs(root.path(percentEncoded: false), &status) == 0,
      bytes < 0 || UInt(bytes) / UInt(max(1, status.f_frsize)) > UInt(status.f_blocks)
    {
      throw QueueError(.tooLarge, "the file is larger than the whole disk of the spool; it is not taken")
    }
    throw QueueError(
      .noSpace, "\(free >> 20) MiB are free, \((bytes >> 20) + (margin >> 20)) MiB are needed; make room")
  }

  /// Puts a job into the queue, once: the same key is the same job.
  ///
  /// Of one that waits or was given up, what the caller says of its work now takes the place of what was said before, and one
  /// that was given up is tried again if that is something else. It is in the queue, and survives a power cut, when this
  /// returns. Throws `FileError`, `QueueError`.
  public func submit(_ job: Job, work: Data, held: Bool = false) throws -> Submitted {
    if let state = try state(of: job.id) {
      try hurry(job)
      guard state != .done, state != .claimed, try self.work(of: job.id) != work else { return .known(state) }
      try AtomicFile.write(work, to: folder(of: job.id).appendingPathComponent("work.json"), ifExists: .replace)
      guard state == .quarantine else { return .known(state) }
      try retry(job.id)
      return .new
    }
    let folder = folder(of: job.id)
    if !FolderChanges.exists(folder) { try record(job, work) }
    // The record that stands decides where the job is in the queue, also when another process wrote it a moment ago.
    let ticket = Ticket(try self.job(job.id))
    try FolderChanges.make(self.folder(held ? .held : .ready).appendingPathComponent(ticket.name))
    return .new
  }

  /// Moves a waiting job forward where it is asked for again with more urgency.
  private func hurry(_ job: Job) throws {
    guard let place = try ticket(of: job.id), place.state != .claimed, job.priority < place.ticket.priority else {
      return
    }
    let folder = folder(place.state)
    do {
      try FolderChanges.move(
        folder.appendingPathComponent(place.name, isDirectory: true),
        to: folder.appendingPathComponent(place.ticket.of(priority: job.priority).name, isDirectory: true))
    } catch {
      // It moved on meanwhile, or another was as urgent.
      guard error.kind == .notFound || error.kind == .exists else { throw error }
    }
  }

  private func record(_ job: Job, _ work: Data) throws {
    let folder = folder(of: job.id)
    try FolderChanges.make(folder.deletingLastPathComponent())
    let unique = String(UInt64.random(in: .min ... .max), radix: 16)
    let making = folder.deletingLastPathComponent().appendingPathComponent(".making-\(unique)", isDirectory: true)
    do {
      try FolderChanges.make(making)
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      try AtomicFile.write(try encoder.encode(job), to: making.appendingPathComponent("job.json"))
      try AtomicFile.write(work, to: making.appendingPathComponent("work.json"))
      try FolderChanges.move(making, to: folder)
    } catch {
      try? FolderChanges.remove(making)
      guard (error as? FileError)?.kind == .exists else { throw error }
    }
  }

  /// The state of a job; nil if it is not in the queue, or was recorded and got no ticket before a crash.
  public func state(of id: JobID) throws -> JobState? {
    if let end = try end(of: id) { return end }
    guard FolderChanges.exists(folder(of: id)) else { return nil }
    return try ticket(of: id)?.state
  }

  /// Whether a job is done or given up: the question that can be answered without listing anything.
  func end(of id: JobID) throws -> JobState? {
    if FolderChanges.exists(folder(.done).appendingPathComponent("\(id)")) { return .done }
    if FolderChanges.exists(folder(.quarantine).appendingPathComponent("\(id)")) { return .quarantine }
    return try results.isCommitted(id) ? .done : nil
  }

  /// The jobs that are neither done nor given up.
  func jobsWithTicket() throws -> Set<JobID> {
    var jobs: Set<JobID> = []
    // In the direction of travel, twice, as in `ticket(of:)`.
    for state in [JobState.ready, .held, .failed, .claimed, .ready, .failed, .claimed] {
      let names = try FolderChanges.names(in: folder(state))
      jobs.formUnion(names.compactMap { state == .claimed ? ClaimName($0)?.ticket.job : Ticket($0)?.job })
    }
    return jobs
  }

  /// The ticket of a job that is neither done nor given up, and the name of its folder.
  func ticket(of id: JobID) throws -> (state: JobState, ticket: Ticket, name: String)? {
    // A ticket that moves from ready to claimed while this looks must not be missed: in the direction of travel, twice.
    for state in [JobState.ready, .held, .failed, .claimed, .ready, .failed, .claimed] {
      for name in try FolderChanges.names(in: folder(state)) where name.contains("-\(id).") {
        let plain = state == .claimed ? ClaimName(name)?.ticket : Ticket(name)
        if let plain { return (state, plain, name) }
      }
    }
    return nil
  }

  /// A number larger than that of every job that waits, to be counted up from.
  public func nextSequence() throws -> Int {
    let waiting = try tickets(.ready) + tickets(.failed) + tickets(.held)
    return 1 + (waiting.map(\.sequence).max() ?? 0)
  }
}
