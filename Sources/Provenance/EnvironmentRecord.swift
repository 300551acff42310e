import DurableFiles
import Foundation

/// The machine and the settings under which a result was computed, without its name.
public struct EnvironmentRecord: Codable, Sendable, Equatable {
  /// The distribution.
  public var os: String
  /// Kernel name, release and machine.
  public var kernel: String
  /// The processor's name.
  public var cpuModel: String
  /// The instruction set that the kernels ran with: results are the same bits within one.
  public var isa: String
  /// The core type for which OpenBLAS chose its kernels.
  public var blasCore: String
  /// Threads used.
  public var threads: Int
  /// The memory bound in bytes that was asked for.
  public var memoryCap: Int?
  /// A digest of the host's name, 16 digits: tells two machines apart and names neither.
  public var host: String?
  /// The Slurm job that it ran in.
  public var slurm: SlurmRecord?

  /// A record from its parts.
  public init(
    os: String, kernel: String, cpuModel: String, isa: String, blasCore: String, threads: Int, memoryCap: Int?,
    host: String? = nil, slurm: SlurmRecord? = nil
  ) {
    self.os = os
    self.kernel = kernel
    self.cpuModel = cpuModel
    self.isa = isa
    self.blasCore = blasCore
    self.threads = threads
    self.memoryCap = memoryCap
    self.host = host
    self.slurm = slurm
  }

  /// This machine; the numeric library says which kernels it chose.
  public static func current(isa: String, blasCore: String, threads: Int, memoryCap: Int?) -> EnvironmentRecord {
    EnvironmentRecord(
      os: value(of: "PRETTY_NAME", in: "/etc/os-release", separator: "=") ?? "unknown", kernel: kernelVersion(),
      cpuModel: value(of: "model name", in: "/proc/cpuinfo", separator: ":") ?? "unknown", isa: isa,
      blasCore: blasCore, threads: threads, memoryCap: memoryCap, host: thisHost,
      slurm: SlurmRecord(environment: ProcessInfo.processInfo.environment))
  }

  private static let thisHost = String(
    ContentDigest.sha256(of: Data("pellucid host \(ProcessInfo.processInfo.hostName)".utf8)).prefix(16))

  private static func value(of key: String, in path: String, separator: Character) -> String? {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return nil }
    for line in text.split(separator: "\n") where line.hasPrefix(key) {
      guard let mark = line.firstIndex(of: separator) else { continue }
      return line[line.index(after: mark)...].trimmingCharacters(in: CharacterSet(charactersIn: " \"\t"))
    }
    return nil
  }

  private static func kernelVersion() -> String {
    var names = utsname()
    guard uname(&names) == 0 else { return "unknown" }
    func text<Field>(_ field: Field) -> String {
      withUnsafeBytes(of: field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
    return "\(text(names.sysname)) \(text(names.release)) \(text(names.machine))"
  }
}

/// The Slurm job that a result was computed in; numbers only, so that nothing else comes in by the environment.
public struct SlurmRecord: Codable, Sendable, Equatable {
  /// `SLURM_JOB_ID`.
  public var job: Int
  /// `SLURM_ARRAY_TASK_ID`.
  public var arrayTask: Int?
  /// `SLURM_RESTART_COUNT`.
  public var restarts: Int?

  /// The job that an environment tells of; nil if it tells of none.
  public init?(environment: [String: String]) {
    guard let job = environment["SLURM_JOB_ID"].flatMap(Int.init) else { return nil }
    self.job = job
    arrayTask = environment["SLURM_ARRAY_TASK_ID"].flatMap(Int.init)
    restarts = environment["SLURM_RESTART_COUNT"].flatMap(Int.init)
  }
}

extension SoftwareRecord {
  /// SHA-256 of the file that this process runs, computed once.
  public static let runningBuild = try? ContentDigest.sha256(of: URL(fileURLWithPath: "/proc/self/exe"))

  /// The compiler that this was built with, as far as it tells.
  public static var builtWith: String {
    #if compiler(>=6.4)
      "Swift 6.4 or later"
    #elseif compiler(>=6.3)
      "Swift 6.3"
    #else
      "Swift 6.2"
    #endif
  }
}
