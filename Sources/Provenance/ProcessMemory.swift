import Foundation

/// How much memory this process takes.
public enum ProcessMemory {
  /// The most that was resident at any time so far, as the kernel counts it (`VmHWM`); 0 where it does not say.
  public static var peakResidentBytes: Int {
    guard let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8) else { return 0 }
    for line in status.split(separator: "\n") where line.hasPrefix("VmHWM:") {
      return (line.split(whereSeparator: { !$0.isNumber }).first.flatMap { Int($0) } ?? 0) * 1024
    }
    return 0
  }
}
