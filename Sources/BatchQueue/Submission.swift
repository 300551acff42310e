public import DurableFiles
public import Foundation

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
  /// `ending` is what the copy's name ends in, such as `.nii.gz`. `stem` names the copy instead of its own digest where
  /// two files must lie beside one another. `isNew` is false where the content was there. Throws `FileError`, and
  /// `QueueError.damaged` if the file changed meanwhile.
  public func stage(_ file: RegularFile, role: String, ending: String, stem: String? = nil) throws -> (
    input: Job.Input, isNew: Bool
  ) {
    let before = try file.signature()
    let digest = try ContentDigest.sha256(of: file)
    let stem = stem ?? digest
    let input = Job.Input(role: role, sha256: digest, bytes: file.byteCount, name: stem + ending)
    let target = url(of: input)
    let folder = target.deletingLastPathComponent()
    try FolderChanges.make(folder)
    let isNew = !FolderChanges.exists(target)
    if isNew {
      try reserve(file.byteCount)
      let copy = try AtomicFile(to: target, ifExists: .replace)
      guard try copy.copy(file) == digest else {
        copy.discard()
        throw QueueError(.damaged, "\(file.name) changed while it was copied; wait until it is complete")
      }
      try copy.seal()
      _ = chmod(copy.temporaryURL.path(percentEncoded: false), 0o444)
      try copy.commit()
    }
    guard try file.signature() == before else {
      throw QueueError(.damaged, "\(file.name) changed while it was copied; wait until it is complete")
    }
    return (input, isNew)
  }

  /// Removes a copy that was just made and that no job will read.
  public func discard(_ input: Job.Input) throws { try FolderChanges.remove(url(of: input)) }

  /// Refuses where fewer than `bytes` and a reserve are free.
  public func reserve(_ bytes: Int, margin: Int = 64 << 20) throws {
    guard let free = FolderChanges.freeBytes(at: root), free < bytes + margin else { return }
    throw QueueError(.noSpace, "\(free >> 20) MiB are free, \((bytes + margin) >> 20) MiB are needed; make room")
  }

  /// Puts a job into the queue, once: the same key is the same job.
  ///
  /// It is in the queue, and survives a power cut, when this returns. Throws `FileError`, `QueueError`.
  public func submit(_ job: Job, work: Data, held: Bool = false) throws -> Submitted {
    if let state = try state(of: job.id) { return .known(state) }
    let folder = folder(of: job.id)
    if !FolderChanges.exists(folder) { try record(job, work) }
    // The record that stands decides where the job is in the queue, also when another process wrote it a moment ago.
    let ticket = Ticket(try self.job(job.id))
    try FolderChanges.make(self.folder(held ? .held : .ready).appendingPathComponent(ticket.name))
    return .new
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
