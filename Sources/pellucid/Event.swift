import ArgumentParser
import BatchQueue
import DurableFiles
import Foundation
import Provenance
import Synchronization

/// How lines on stderr are written.
enum LogFormat: String, CaseIterable, ExpressibleByArgument {
  /// Sentences for people.
  case text
  /// A JSON object each, for programs.
  case json

  private static let chosen = Mutex(LogFormat.text)

  /// That of this process; set before anything is said.
  static var inForce: LogFormat {
    get { chosen.withLock { $0 } }
    set { chosen.withLock { $0 = newValue } }
  }
}

/// Something that happened, told on stderr in one line: `pellucid: JOB sentence`, or
/// `{"t":"2026-11-21T10:15:30.123Z","job":"…","ev":"…",…}` with its numbers.
///
/// Jobs are named by their ids; no field names a file.
struct Event {
  typealias Fields = [(name: String, value: any Encodable)]

  /// What happened, in one word.
  let name: String
  /// To which job.
  let job: JobID?
  /// Numbers, states, and reasons that name no file.
  let fields: Fields
  /// The same for people, without the job.
  let sentence: String

  init(_ name: String, job: JobID? = nil, with fields: Fields = [], _ sentence: String) {
    (self.name, self.job, self.fields, self.sentence) = (name, job, fields, sentence)
  }

  /// Says it as the process says everything.
  func tell() { Terminal.put(line(LogFormat.inForce) + "\n") }

  /// The line, without its end.
  func line(_ format: LogFormat) -> String {
    guard format == .json else {
      return "pellucid: " + FileError.printable((job.map { "\($0) " } ?? "") + sentence)
    }
    var all: Fields = [("t", Timestamp.text(Date()))]
    if let job { all.append(("job", job)) }
    all.append(("ev", name))
    return "{" + (all + fields).map { "\"\($0.name)\":\(Self.json($0.value))" }.joined(separator: ",") + "}"
  }

  private static func json(_ value: any Encodable) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .withoutEscapingSlashes
    return (try? encoder.encode(value)).map { String(decoding: $0, as: UTF8.self) } ?? "null"
  }
}

/// What people read: stderr.
enum Terminal {
  /// Writes a line to stderr; where lines are JSON, as an event that is a message and nothing else.
  ///
  /// What could steer a terminal is spelled out.
  static func say(_ line: String) {
    guard LogFormat.inForce == .json else {
      let lines = line.split(separator: "\n", omittingEmptySubsequences: false)
      return put(lines.map { FileError.printable(String($0)) }.joined(separator: "\n") + "\n")
    }
    let text = line.hasPrefix("pellucid: ") ? String(line.dropFirst(10)) : line
    Event("message", with: [("text", text)], text).tell()
  }

  /// Writes text to stderr as it is; a stderr that is closed or full must not decide how a run ends.
  static func put(_ text: String) {
    var text = text
    text.withUTF8 { bytes in
      var done = 0
      while done < bytes.count {
        let count = write(STDERR_FILENO, bytes.baseAddress! + done, bytes.count - done)
        if count < 0, errno == EINTR { continue }
        if count <= 0 { return }
        done += count
      }
    }
  }
}
