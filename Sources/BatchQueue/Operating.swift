import DurableFiles
import Foundation

// What an operator does to jobs. Each is one rename of the job's ticket, so it either happens or does not, whatever the
// workers do at the same moment.

extension Spool {
  /// Sets a waiting job aside; throws `QueueError` if it is not waiting.
  public func hold(_ id: JobID) throws {
    guard let place = try ticket(of: id), place.state == .ready || place.state == .failed else {
      throw try refusal(id, "only a job that waits can be held")
    }
    try move(place.state, place.name, to: .held, place.ticket.name)
  }

  /// Lets a held job go on; with `force`, also takes a claimed one from its worker.
  public func release(_ id: JobID, force: Bool = false) throws {
    guard let place = try ticket(of: id) else { throw try refusal(id, "only a held job can be released") }
    switch place.state {
    case .held: try move(.held, place.name, to: .ready, place.ticket.name)
    case .claimed where force: try move(.claimed, place.name, to: .ready, place.ticket.next.name)
    case .claimed: throw QueueError(.usage, "job \(id) is being computed; --force takes it from its worker")
    default: throw try refusal(id, "only a held job can be released")
    }
  }

  /// Tries a job again now that was given up, or that waits after a failure; what went wrong before counts no longer.
  public func retry(_ id: JobID) throws {
    let given = folder(.quarantine).appendingPathComponent("\(id)", isDirectory: true)
    if FolderChanges.exists(given) {
      let ticket = Ticket(try job(id), attempt: 1 + (try forgetFailures(in: given)))
      return try move(.quarantine, "\(id)", to: .ready, ticket.name)
    }
    guard let place = try ticket(of: id), place.state == .failed else {
      throw try refusal(id, "only a job that failed can be tried again")
    }
    try forgetFailures(in: folder(.failed).appendingPathComponent(place.name, isDirectory: true))
    try move(.failed, place.name, to: .ready, place.ticket.name)
  }

  /// Takes a job up again whose committed result is gone or damaged; what is left of it is put aside, nothing is removed.
  ///
  /// The commit goes first, so that at no time a damaged result counts; a crash in between leaves a job that can be taken up
  /// the same way.
  public func redo(_ id: JobID) throws {
    let unique = String(UInt32.random(in: .min ... .max), radix: 36)
    let aside = results.root.appendingPathComponent(".pellucid/damaged/\(id).\(unique)", isDirectory: true)
    try makeFolder(aside)
    for (file, name) in [(results.manifest(of: id), "manifest.json"), (results.caseFolder(of: id), "case")]
    where try FolderChanges.isThere(file) {
      try FolderChanges.move(file, to: aside.appendingPathComponent(name))
    }
    let done = folder(.done).appendingPathComponent("\(id)", isDirectory: true)
    // Two on: the attempt that was committed left no record of its number.
    let ticket = Ticket(try job(id), attempt: 2 + (try forgetFailures(in: done)))
    guard try FolderChanges.isThere(done) else {
      try FolderChanges.make(folder(.ready).appendingPathComponent(ticket.name))
      return
    }
    try move(.done, "\(id)", to: .ready, ticket.name)
  }

  /// Gives a job up that is not done; a worker that computes it stops when it next shows that it lives.
  public func cancel(_ id: JobID) throws {
    guard try !results.isCommitted(id), let place = try ticket(of: id) else {
      throw try refusal(id, "it cannot be cancelled any more")
    }
    // First out of the workers' reach, so that the record of a cancelled job never lies in one that goes on.
    if place.state != .held { try move(place.state, place.name, to: .held, place.ticket.name) }
    let source = folder(.held).appendingPathComponent(place.ticket.name, isDirectory: true)
    // Its worker may have committed it a moment before.
    guard try !results.isCommitted(id) else {
      try finish(source, id)
      throw try refusal(id, "it cannot be cancelled any more")
    }
    let failure = Failure(
      kind: .permanent, code: 130, text: "cancelled by the operator; `pellucid queue retry` takes it up again",
      attempt: place.ticket.attempt)
    try quarantine(source, id, failure)
  }

  private func move(_ state: JobState, _ name: String, to target: JobState, _ newName: String) throws {
    let from = folder(state).appendingPathComponent(name, isDirectory: true)
    do { try FolderChanges.move(from, to: folder(target).appendingPathComponent(newName, isDirectory: true)) } catch {
      guard error.kind == .notFound else { throw error }
      throw QueueError(.unknownJob, "the job's state changed at this very moment; look with `pellucid queue ls`")
    }
  }

  private func refusal(_ id: JobID, _ rule: String) throws -> QueueError {
    let status = try status(of: id)
    return QueueError(.usage, "job \(id) is \(status.state.rawValue): \(rule)")
  }

  /// Renames the records of failures so that they count no longer; returns the highest attempt among all of them.
  @discardableResult
  private func forgetFailures(in folder: URL) throws -> Int {
    var highest = 0
    for name in try FolderChanges.names(in: folder) where name.hasSuffix(".json") {
      let parts = name.dropLast(5).split(separator: "-")
      guard parts.count == 2, let attempt = Int(parts[1]) else { continue }
      highest = max(highest, attempt)
      guard parts[0] == "failure" else { continue }
      let file = folder.appendingPathComponent(name)
      let past = folder.appendingPathComponent("past-\(attempt).json")
      if FolderChanges.exists(past) { try FolderChanges.remove(file) } else { try FolderChanges.move(file, to: past) }
    }
    return highest
  }
}
