import CPosix
public import Foundation
import Glibc

/// A real browser without a window, driven over the DevTools protocol: what pages look like and do is asked of it.
///
/// Commands and answers are JSON texts that end in a zero byte, through the pipes that `--remote-debugging-pipe` reads and
/// writes (descriptors 3 and 4). One tab, one thread.
public final class HeadlessBrowser {
  /// What went wrong with the browser, or in the page.
  public struct Failure: Error, CustomStringConvertible {
    /// One line.
    public let description: String
  }

  /// Chromium's program, where there is one.
  public static let program: String? = {
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin").split(separator: ":").map(String.init)
    let candidates = ["chromium", "chromium-browser", "google-chrome"].flatMap { name in folders.map { "\($0)/\(name)" }
    }
    return candidates.first { access($0, X_OK) == 0 }
  }()
  /// False where tests may pass over pages because no browser is installed; `make test` says that one must be.
  public static let isExpected =
    program != nil || ProcessInfo.processInfo.environment["TESTS_REQUIRE_BROWSER"] != nil

  /// Addresses of everything that the page asked for since it was opened.
  public private(set) var requests: [String] = []
  /// Errors of scripts, of the console and of the page's policy since it was opened.
  public private(set) var complaints: [String] = []

  private let folder: URL
  private let process: pid_t
  private let commands: Int32
  private let answers: Int32
  private var pending = Data()
  private var loads = 0
  private var lastCommand = 0
  private var session: String?

  /// Starts the browser with a fresh profile and an empty tab.
  public init() throws {
    guard let program = Self.program else {
      throw Failure(description: "no Chromium here; Workflows/setup.sh --tests installs it")
    }
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("pellucid-browser-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let (commandEnd, commands) = try Self.pipe()
    let (answers, answerEnd) = try Self.pipe()
    self.commands = commands
    self.answers = answers
    process = try Self.spawn(program, profile: folder, reading: commandEnd, writing: answerEnd)
    close(commandEnd)
    close(answerEnd)
    let target = try send("Target.createTarget", ["url": "about:blank"])
    let attached = try send("Target.attachToTarget", ["targetId": target["targetId"] ?? "", "flatten": true])
    session = attached["sessionId"] as? String
    for domain in ["Page", "Runtime", "Network", "Log"] { try send("\(domain).enable") }
  }

  deinit {
    close(commands)
    close(answers)
    kill(process, SIGKILL)
    var status: Int32 = 0
    waitpid(process, &status, 0)
    try? FileManager.default.removeItem(at: folder)
  }

  // MARK: Pages

  /// Opens a page in a window of the given size and waits until it is loaded.
  public func open(_ url: URL, width: Int, height: Int, scripts: Bool = true) throws {
    try send("Emulation.setScriptExecutionDisabled", ["value": !scripts])
    try send(
      "Emulation.setDeviceMetricsOverride",
      ["width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600])
    requests = []
    complaints = []
    let before = loads
    try send("Page.navigate", ["url": url.absoluteString])
    try wait("the page loads") {
      if loads == before { _ = try receive() }
      return loads > before
    }
  }

  /// The value of an expression in the page, as JSON gives it; a promise is waited for.
  @discardableResult
  public func evaluate(_ expression: String) throws -> Any? {
    let answer = try send(
      "Runtime.evaluate", ["expression": expression, "returnByValue": true, "awaitPromise": true])
    if let details = answer["exceptionDetails"] { throw Failure(description: "\(expression): \(details)") }
    return (answer["result"] as? [String: Any])?["value"]
  }

  /// Asks again and again until an expression is true.
  public func wait(until expression: String) throws {
    try wait(expression) {
      let isTrue = try evaluate(expression) as? Bool == true
      if !isTrue { _ = try receive() }
      return isTrue
    }
  }

  /// The middle of an element's visible part, and its size.
  public func box(of selector: String) throws -> (x: Double, y: Double, width: Double, height: Double) {
    let value = try evaluate(
      """
      (() => { const e = document.querySelector('\(selector)'); e.scrollIntoView({block: 'center', behavior: 'instant'});
      const b = e.getBoundingClientRect(); return [b.left + b.width / 2, b.top + b.height / 2, b.width, b.height]; })()
      """)
    guard let numbers = value as? [Double], numbers.count == 4 else {
      throw Failure(description: "no box of \(selector)")
    }
    return (numbers[0], numbers[1], numbers[2], numbers[3])
  }

  /// Moves, presses or lets go the left button: `mouseMoved`, `mousePressed`, `mouseReleased`.
  public func mouse(_ kind: String, _ x: Double, _ y: Double) throws {
    try send(
      "Input.dispatchMouseEvent",
      ["type": kind, "x": x, "y": y, "button": "left", "buttons": kind == "mouseReleased" ? 0 : 1, "clickCount": 1])
  }

  /// Clicks the middle of an element.
  public func click(_ selector: String) throws {
    let place = try box(of: selector)
    try mouse("mousePressed", place.x, place.y)
    try mouse("mouseReleased", place.x, place.y)
  }

  /// Presses and lets go a key, such as `ArrowRight` or `a`.
  public func press(_ key: String) throws {
    let codes = ["ArrowLeft": 37, "ArrowRight": 39, "Tab": 9, "Enter": 13, " ": 32]
    var event: [String: Any] = [
      "key": key, "windowsVirtualKeyCode": codes[key] ?? Int(key.uppercased().utf8.first ?? 0),
    ]
    if codes[key] == nil || key == " " { event["text"] = key }
    try send("Input.dispatchKeyEvent", event.merging(["type": "keyDown"]) { $1 })
    try send("Input.dispatchKeyEvent", event.merging(["type": "keyUp"]) { $1 })
  }

  /// A picture of the page, or of one element of it, as PNG.
  public func screenshot(of selector: String? = nil) throws -> Data {
    var options: [String: Any] = ["format": "png", "captureBeyondViewport": selector == nil]
    if let selector {
      let place = try box(of: selector)
      options["clip"] = [
        "x": place.x - place.width / 2, "y": place.y - place.height / 2 + (try evaluate("scrollY") as? Double ?? 0),
        "width": place.width, "height": place.height, "scale": 1,
      ]
      options["captureBeyondViewport"] = true
    } else {
      let size =
        try evaluate("scrollTo(0, 0), [document.documentElement.clientWidth, document.documentElement.scrollHeight]")
        as? [Double]
      // Above 8192 pixels the picture would start again from the top.
      let height = size?[1] ?? 0
      options["clip"] = [
        "x": 0, "y": 0, "width": size?[0] ?? 0, "height": height, "scale": min(1, 8000 / max(height, 1)),
      ]
    }
    let answer = try send("Page.captureScreenshot", options)
    guard let text = answer["data"] as? String, let data = Data(base64Encoded: text) else {
      throw Failure(description: "no screenshot")
    }
    return data
  }

  /// From now on, what pages save goes into a folder.
  public func saveDownloads(in folder: URL) throws {
    try send("Browser.setDownloadBehavior", ["behavior": "allow", "downloadPath": folder.path], toBrowser: true)
  }

  /// Types a text into the element that has the focus.
  public func type(_ text: String) throws { try send("Input.insertText", ["text": text]) }

  /// Shows the page as paper of the given width would, in CSS pixels.
  public func emulatePrint(width: Int, height: Int) throws {
    try send("Emulation.setEmulatedMedia", ["media": "print"])
    try send(
      "Emulation.setDeviceMetricsOverride",
      ["width": width, "height": height, "deviceScaleFactor": 2, "mobile": false])
  }

  /// The page as a printer would get it, as PDF; its paper is what its style asks for.
  public func pdf() throws -> Data {
    let answer = try send("Page.printToPDF", ["preferCSSPageSize": true])
    guard let text = answer["data"] as? String, let data = Data(base64Encoded: text) else {
      throw Failure(description: "no PDF")
    }
    return data
  }

  // MARK: Protocol

  @discardableResult
  private func send(
    _ method: String, _ parameters: [String: Any] = [:], toBrowser: Bool = false
  ) throws -> [String: Any] {
    lastCommand += 1
    let id = lastCommand
    var message: [String: Any] = ["id": id, "method": method, "params": parameters]
    if let session, !toBrowser { message["sessionId"] = session }
    try write(JSONSerialization.data(withJSONObject: message) + [0])
    var answer: [String: Any]?
    try wait(method) {
      if let got = try receive(), got["id"] as? Int == id { answer = got }
      return answer != nil
    }
    if let error = answer?["error"] { throw Failure(description: "\(method): \(error)") }
    return answer?["result"] as? [String: Any] ?? [:]
  }

  private func wait(_ what: String, _ isDone: () throws -> Bool) throws {
    let end = ContinuousClock.now + .seconds(240)
    while try !isDone() {
      guard ContinuousClock.now < end else { throw Failure(description: "the browser did not get to: \(what)") }
    }
  }

  /// The next message, events taken note of; nil when none came for a while.
  private func receive() throws -> [String: Any]? {
    while true {
      if let end = pending.firstIndex(of: 0) {
        let message = try JSONSerialization.jsonObject(with: pending[pending.startIndex..<end]) as? [String: Any] ?? [:]
        pending = Data(pending[pending.index(after: end)...])
        note(message)
        return message
      }
      var descriptor = pollfd(fd: answers, events: Int16(POLLIN), revents: 0)
      guard poll(&descriptor, 1, 50) > 0 else { return nil }
      var piece = [UInt8](repeating: 0, count: 1 << 16)
      let got = read(answers, &piece, piece.count)
      guard got > 0 else { throw Failure(description: "the browser is gone") }
      pending.append(contentsOf: piece[..<got])
    }
  }

  private func note(_ message: [String: Any]) {
    let parameters = message["params"] as? [String: Any] ?? [:]
    switch message["method"] as? String {
    case "Page.loadEventFired": loads += 1
    case "Network.requestWillBeSent":
      if let request = parameters["request"] as? [String: Any], let url = request["url"] as? String {
        requests.append(url)
      }
    case "Runtime.exceptionThrown": complaints.append("exception: \(parameters["exceptionDetails"] ?? "")")
    case "Runtime.consoleAPICalled":
      if ["error", "assert"].contains(parameters["type"] as? String) {
        complaints.append("console: \(parameters["args"] ?? "")")
      }
    case "Log.entryAdded":
      let entry = parameters["entry"] as? [String: Any] ?? [:]
      if entry["level"] as? String == "error" { complaints.append("log: \(entry["text"] ?? "")") }
    default: break
    }
  }

  private func write(_ data: Data) throws {
    try data.withUnsafeBytes { bytes in
      var done = 0
      while done < bytes.count {
        let put = Glibc.write(commands, bytes.baseAddress! + done, bytes.count - done)
        guard put > 0 else { throw Failure(description: "the browser does not listen") }
        done += put
      }
    }
  }

  // MARK: Process

  /// A pipe whose ends are above the descriptors that the browser's own are moved to.
  private static func pipe() throws -> (reading: Int32, writing: Int32) {
    var ends: [Int32] = [0, 0]
    guard Glibc.pipe(&ends) == 0 else { throw Failure(description: "no pipe: \(errno)") }
    let moved = ends.map { fcntl($0, F_DUPFD_CLOEXEC, 10) }
    for end in ends { close(end) }
    return (moved[0], moved[1])
  }

  private static func spawn(_ program: String, profile: URL, reading: Int32, writing: Int32) throws -> pid_t {
    // Root may not use Chromium's own sandbox; the pages are ours. SwiftShader draws WebGL without a graphics card.
    let arguments = [
      program, "--headless=new", "--no-sandbox", "--remote-debugging-pipe", "--user-data-dir=\(profile.path)",
      "--no-first-run", "--disable-extensions", "--disable-background-networking", "--disable-component-update",
      "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--hide-scrollbars", "--mute-audio",
      "--disable-dev-shm-usage", "--window-size=1280,900",
    ]
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, reading, 3)
    posix_spawn_file_actions_adddup2(&actions, writing, 4)
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
    // What other tests are writing at this moment is not open in the browser too: a watcher would wait for it.
    _ = cposix_spawn_closes_from(&actions, 5)
    var words = arguments.map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var process: pid_t = 0
    let code = posix_spawn(&process, program, &actions, nil, &words, environ)
    guard code == 0 else { throw Failure(description: "\(program) does not start: \(code)") }
    return process
  }
}
