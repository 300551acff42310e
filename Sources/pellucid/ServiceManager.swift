import Foundation

/// Tells the service manager that started this process how it goes, as sd_notify(3) describes.
///
/// Each message is one datagram to the socket that `NOTIFY_SOCKET` names. Where there is none, nothing is said.
final class ServiceManager {
  private let address: String
  private let socket: Int32
  /// How often it wants a sign of life; nil if it does not.
  private let interval: Duration?
  private var lastSign: SuspendingClock.Instant?

  /// The manager of this process; child processes do not inherit it.
  init(environment: [String: String] = ProcessInfo.processInfo.environment) {
    address = environment["NOTIFY_SOCKET"] ?? ""
    // Half of the time after which it gives this process up.
    let isMeant = environment["WATCHDOG_PID"].map { $0 == String(getpid()) } ?? true
    interval = isMeant ? environment["WATCHDOG_USEC"].flatMap { Int($0) }.map { .microseconds($0 / 2) } : nil
    socket = address.isEmpty ? -1 : Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    for name in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] { unsetenv(name) }
  }

  deinit { if socket >= 0 { close(socket) } }

  /// Says that a turn of the loop was made: the first says that the service is ready.
  func turn() {
    guard socket >= 0 else { return }
    guard let last = lastSign else {
      lastSign = .now
      return say("READY=1\nSTATUS=watching")
    }
    guard let interval, .now - last >= interval else { return }
    lastSign = .now
    say("WATCHDOG=1")
  }

  /// Says what is going on, for `systemctl status`; one line.
  func status(_ text: String) { say("STATUS=\(text)") }

  /// Says that the work is coming to its end.
  func stopping() { say("STOPPING=1") }

  private func say(_ message: String) {
    guard socket >= 0 else { return }
    var name = sockaddr_un()
    name.sun_family = sa_family_t(AF_UNIX)
    var path = Array(address.utf8)
    guard path.count < MemoryLayout.size(ofValue: name.sun_path) else { return }
    // An address that begins with @ is in the kernel's own name space, where it begins with a zero.
    let isAbstract = path.first == UInt8(ascii: "@")
    if isAbstract { path[0] = 0 }
    withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: path) }
    let prefix = MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? 2
    let length = socklen_t(isAbstract ? prefix + path.count : MemoryLayout<sockaddr_un>.size)
    withUnsafePointer(to: &name) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        // A manager that is busy or gone must not hold up the work.
        _ = sendto(socket, message, message.utf8.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT), $0, length)
      }
    }
  }
}
