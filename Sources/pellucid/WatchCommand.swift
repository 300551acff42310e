public import ArgumentParser
public import BatchQueue
import Cases
import Configuration
import Foundation
import Models

/// `pellucid watch`: an inbox in, a results tree out.
struct WatchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "watch",
    abstract: "Watch an inbox folder and restore what is dropped into it; with --once, one sweep for cron.",
    discussion: """
      A drop is taken when NAME.done lies beside it, when it was renamed into INBOX/new/, or when it has not changed for \
      --settle. INBOX/WORKFLOW/ chooses a workflow; NAME.pellucid.yaml beside a drop changes its options; \
      NAME.pellucid.json beside it says what became of it. The source is never changed.

      Exit codes: 0 all done; 8 some failed; 66 no inbox there (an unmounted share?); 74 disk full or I/O error; \
      130, 143 stopped, jobs given back.
      """)

  @Option(help: ArgumentHelp("The inbox.", valueName: "folder")) var inbox: String
  @Option(help: ArgumentHelp("The results tree.", valueName: "folder")) var results: String?
  @Flag(name: .customLong("init"), help: "Make the folder an inbox, and end.") var initialise = false
  @Flag(help: "One sweep: take what is complete, compute it, answer, end.") var once = false
  @Option(help: ArgumentHelp("Time between two looks (settings: poll).", valueName: "time")) var poll: String?
  @Option(help: ArgumentHelp("How long a file must be unchanged (settings: settle).", valueName: "time"))
  var settle: String?
  @Option(help: "What tells that a drop is complete: auto, sentinel, rename or stable.") var ready = InboxOptions.Ready
    .auto
  @Option(
    help:
      "What happens to a drop that is answered: keep, move (to done/ or failed/) or delete, once committed (settings: onDone)."
  )
  var onDone: InboxOptions.OnDone?
  @Option(help: ArgumentHelp("The spool (default: in the results tree).", valueName: "folder")) var spool: String?
  @OptionGroup(title: "Work") var flags: WorkerFlags

  func validate() throws {
    guard initialise || results != nil else { throw ValidationError("give --results, the folder for the results") }
  }

  func run() throws {
    flags.startLog()
    let inbox = URL(fileURLWithPath: inbox)
    if initialise {
      let isNew = try InboxMarker.make(in: inbox)
      Terminal.say("pellucid: \(isNew ? "the folder is an inbox now" : "the folder was an inbox already")")
      return
    }
    guard let results else { return }
    // Before anything is made: a share that is not mounted is no inbox.
    _ = try InboxMarker.read(in: inbox)
    for place in [results, self.spool].compactMap(\.self).map({ URL(fileURLWithPath: $0) }) {
      guard !Self.holds(inbox, place), !Self.holds(place, inbox) else {
        throw QueueError(.usage, "inbox and results, or spool, lie in one another; give each a folder of its own")
      }
    }
    let spool = try Spool(for: URL(fileURLWithPath: results), at: spool.map { URL(fileURLWithPath: $0) })
    var options = InboxOptions()
    let settings = try flags.settings([.poll: poll, .settle: settle, .onDone: onDone?.rawValue])
    (options.poll, options.settle, options.ready) = (settings.poll.value, settings.settle.value, ready)
    options.onDone = InboxOptions.OnDone(rawValue: settings.onDone.value.rawValue) ?? .keep
    let library = WorkflowLibrary.current(first: settings.workflows.value)
    let models = ModelLocator.current(first: settings.models.value)
    options.site = { Intake.site(library, models) }
    let source = try Inbox(at: inbox, spool: spool, names: Intake.names, options: options)
    let summary = try QueueRun(spool: spool, flags: flags, settings: settings, goal: once ? .drained : .forever).run(
      source)
    let report = BatchReport(summary, spool, ofAll: true)
    if flags.json { print(try report.json()) }
    try report.leave(stoppedBy: StopRequest.signal, mayWait: true, quiet: flags.quiet)
    if let error = source.unanswered { throw error }
  }

  /// Whether a folder lies in another, or is it; neither needs to be there.
  private static func holds(_ outer: URL, _ inner: URL) -> Bool {
    func parts(_ url: URL) -> [String] { url.standardizedFileURL.resolvingSymlinksInPath().pathComponents }
    return parts(inner).starts(with: parts(outer))
  }
}

extension InboxOptions.Ready: ExpressibleByArgument {}
extension InboxOptions.OnDone: ExpressibleByArgument {}
