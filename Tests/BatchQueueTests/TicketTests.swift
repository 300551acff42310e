import Foundation
import Testing

@testable import BatchQueue

@Suite("Names that the queue relies on")
struct TicketTests {
  @Test("a ticket's name says urgency, place, job and attempt, and reads back")
  func roundTrip() throws {
    let job = Job(key: QueueScene.key(0xab), priority: 3, sequence: 42, retries: 2, inputs: [])
    let ticket = Ticket(job, attempt: 7)
    #expect(ticket.name == "3-0000000042-00000000000000ab.7")
    #expect(Ticket(ticket.name) == ticket)
    #expect(ticket.next.name == "3-0000000042-00000000000000ab.8")
  }

  @Test(
    "other names are no tickets",
    arguments: [
      "", "lost+found", ".nfs0001", "5-1", "5-1-00000000000000ab", "5-1-00000000000000AB.1", "5-1-00000000000000ab.0",
      "5-1-00000000000000ab.1.x", "55-1-00000000000000ab.1", "x-1-00000000000000ab.1",
      "5-1-00000000000000ab.1", "5-0000000001-00000000000000ab.01", "5-+000000001-00000000000000ab.1",
      "5-9223372036854775807-00000000000000ab.1", "5-0000000001-00000000000000ab.9223372036854775807",
    ])
  func others(name: String) { #expect(Ticket(name) == nil) }

  @Test("the order is urgency, then place, also beyond ten digits")
  func order() throws {
    func ticket(_ priority: Int, _ sequence: Int) -> Ticket {
      Ticket(Job(key: QueueScene.key(1), priority: priority, sequence: sequence, retries: 0, inputs: []))
    }
    let sorted = [ticket(5, 10_000_000_000), ticket(5, 2), ticket(0, 9), ticket(5, 1)].sorted()
    #expect(sorted.map(\.sequence) == [9, 1, 2, 10_000_000_000])
    #expect(Ticket(ticket(5, 10_000_000_000).name)?.sequence == 10_000_000_000)
  }

  @Test("a claim's name names the worker too, and this process is not known to be dead")
  func claims() throws {
    let ticket = Ticket(Job(key: QueueScene.key(9), priority: 5, sequence: 1, retries: 0, inputs: []))
    let worker = WorkerName()
    let name = ClaimName(ticket, worker)
    #expect(ClaimName(name.text) == name)
    #expect(!worker.isKnownDead)
    #expect(WorkerName() != worker)
    // A process of this machine that has ended, and one of another machine.
    let parts = worker.description.split(separator: "-")
    #expect(WorkerName("\(parts[0])-4194999-1-x"[...])?.isKnownDead == true)
    #expect(WorkerName("00000000-4194999-1-x"[...])?.isKnownDead == false)
    // A process that stands in no view, as another user's to a service, lives if it can be reached.
    #expect(!worker.isKnownDead(seenIn: "/nowhere"))
    #expect(WorkerName("\(parts[0])-4194999-1-x"[...])?.isKnownDead(seenIn: "/nowhere") == true)
    // Its number may be another process's by now.
    #expect(WorkerName("\(parts[0])-\(parts[1])-1-x"[...])?.isKnownDead == true)
  }

  @Test("failures that may pass are tried again after 1, 5 and 25 minutes, killed ones once, wrong ones never")
  func verdicts() {
    func failures(_ kinds: Failure.Kind...) -> [Failure] { kinds.map { Failure(kind: $0, code: 75, text: "") } }
    #expect(Verdict(failures(.permanent), retries: 5) == .quarantine)
    #expect(Verdict(failures(.passing), retries: 3) == .retry(after: 60))
    #expect(Verdict(failures(.passing, .passing), retries: 3) == .retry(after: 300))
    #expect(Verdict(failures(.passing, .passing, .passing), retries: 3) == .retry(after: 1500))
    #expect(Verdict(failures(.passing, .passing, .passing, .passing), retries: 3) == .quarantine)
    #expect(Verdict(failures(.killed), retries: 2) == .retry(after: 0))
    #expect(Verdict(failures(.killed, .stalled), retries: 2) == .quarantine)
    #expect(Verdict(failures(.killed), retries: 0) == .quarantine)
    #expect(Verdict(Array(repeating: failures(.abandoned)[0], count: 9), retries: 0) == .retry(after: 0))
    #expect(Verdict(Array(repeating: failures(.abandoned)[0], count: 10), retries: 0) == .quarantine)
  }
}
