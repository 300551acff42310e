import BatchQueue
import CPosix
import DurableFiles
import Foundation

/// A server process for the tests of the queue: it does what a job's `work.json` says, without image or network.
///
/// `{"do": "ok"}` writes a result; `"fail"` reports code `code`; `"crash"` dies by a signal; `"kill"` is killed on its
/// first attempt and does well on the next; `"hang"` stands still; `"print"` prints and then crashes; `"stall"` makes some
/// progress, prints what was asked of it and stands still; `"memory"` writes to `file` what the kernel would count when
/// it kills for lack of memory, and is killed.
@main
enum QueueTestServer {
  struct Work: Codable {
    var `do`: String
    var code: Int?
    var file: String?
  }

  static func main() {
    let arguments = CommandLine.arguments
    guard arguments.count > 2, let parent = Int32(arguments[2]), cposix_die_with_parent(parent) == 0,
      let spool = try? Spool(at: URL(fileURLWithPath: arguments[1]))
    else { exit(2) }
    say(.ready)
    while let line = readLine() {
      guard let request = try? JSONDecoder().decode(ServerRequest.self, from: Data(line.utf8)) else { continue }
      switch request {
      case .compute(let request): say(compute(request, spool))
      case .intake(let request): say(.intake(take(request, spool)))
      }
    }
  }

  static func compute(_ request: ComputeRequest, _ spool: Spool) -> ServerEvent {
    guard let data = try? spool.work(of: request.job), let work = try? JSONDecoder().decode(Work.self, from: data)
    else {
      return .failed(Failure(kind: .permanent, code: 70, text: "no work"))
    }
    switch work.do {
    case "fail":
      let code = work.code ?? 65
      return .failed(Failure(kind: code == 74 || code == 75 ? .passing : .permanent, code: code, text: "as asked for"))
    case "crash": raise(SIGSEGV)
    case "kill": if request.attempt == 1 { raise(SIGKILL) }
    case "print":
      let words = Array("the last words\u{1B}[31m\n".utf8)
      _ = write(STDERR_FILENO, words, words.count)
      raise(SIGKILL)
    case "hang": while true { pause() }
    case "stall":
      say(.progress(done: 3, of: 8))
      let words = Array("attempt \(request.attempt), smaller \(request.smaller)\n".utf8)
      _ = write(STDERR_FILENO, words, words.count)
      while true { pause() }
    case "memory":
      try? Data("oom 1\noom_kill 1\n".utf8).write(to: URL(fileURLWithPath: work.file ?? ""))
      raise(SIGKILL)
    default: break
    }
    say(.progress(done: 1, of: 2))
    let folder = URL(fileURLWithPath: request.staging, isDirectory: true)
    let text = "result of \(request.job), attempt \(request.attempt), smaller \(request.smaller)\n"
    try? Data(text.utf8).write(to: folder.appendingPathComponent("output.txt"))
    try? Data("{\"attempt\": \(request.attempt)}".utf8).write(
      to: folder.appendingPathComponent(ResultsTree.manifestName))
    return .computed
  }

  /// A file becomes a job that does what the file says; `part` at its start is a file that is not whole,
  /// over `die` the server dies, over `falter` once, over `stand` it stands still, `site` is refused for the site's sake.
  static func take(_ request: IntakeRequest, _ spool: Spool) -> IntakeReply {
    do {
      let file = try BoundFolder(URL(fileURLWithPath: request.folder)).file(request.path)
      if let seen = request.signature, try file.signature() != seen { return .changed }
      let text = String(decoding: try file.read(at: 0, count: 1000), as: UTF8.self)
      if text.hasPrefix("part"), !request.announced { return .incomplete("only a part") }
      if text.hasPrefix("die") { raise(SIGKILL) }
      if text.hasPrefix("falter"), mkdir(spool.root.path + "/faltered", 0o777) == 0 { raise(SIGKILL) }
      if text.hasPrefix("stand") { while true { pause() } }
      if text.hasPrefix("site") {
        var failure = Failure(kind: .permanent, code: 69, text: "no model")
        failure.isOfSite = true
        return .refused(failure)
      }
      let input = try spool.stage(file, role: "image", ending: ".txt").input
      let job = Job(
        key: input.sha256, priority: request.priority ?? 5, sequence: request.sequence, retries: 2, inputs: [input])
      let what = text.hasPrefix("bad") ? "fail" : "ok"
      switch try spool.submit(job, work: try JSONEncoder().encode(Work(do: what))) {
      case .new: return .job(job.id, known: nil)
      case .known(let state): return .job(job.id, known: state)
      }
    } catch { return .refused(Failure(kind: .permanent, code: 66, text: "\(error)")) }
  }

  static func say(_ event: ServerEvent) {
    guard let data = try? JSONEncoder().encode(event) else { return }
    let bytes = Array(data) + [10]
    if send(0, bytes, bytes.count, Int32(MSG_NOSIGNAL)) < 0 { exit(0) }
  }
}
