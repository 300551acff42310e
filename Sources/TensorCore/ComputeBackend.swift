import CKernels
import COpenBLAS

/// What computes: the instruction set of the kernels and the OpenBLAS core, both of which can change last bits.
public enum ComputeBackend {
  /// Instruction sets that kernels have bodies for.
  public enum InstructionSet: String, Sendable, CaseIterable {
    /// Plain C.
    case portable
    /// AVX2 with FMA.
    case avx2
    /// AVX-512.
    case avx512
  }

  /// The instruction set in use.
  ///
  /// `PELLUCID_ISA` (portable, avx2, avx512) forces one that the processor has.
  public static var instructionSet: InstructionSet { InstructionSet(ck_isa()) }

  /// The best instruction set that the processor has.
  public static var best: InstructionSet { InstructionSet(ck_best_isa()) }

  /// One line about a value of `PELLUCID_ISA` that is not followed: it names no instruction set, or one that the
  /// processor lacks; nil for one that is, and for none.
  public static func warning(aboutRequested name: String, best: InstructionSet = ComputeBackend.best) -> String? {
    func list(_ sets: some Collection<InstructionSet>) -> String { sets.map(\.rawValue).joined(separator: ", ") }
    guard !name.isEmpty else { return nil }
    guard let asked = InstructionSet(rawValue: name) else {
      return "PELLUCID_ISA=\(name) names no instruction set, so \(best.rawValue) is used; "
        + "set it to one of \(list(InstructionSet.allCases)), or unset it"
    }
    guard asked.code.rawValue > best.code.rawValue else { return nil }
    return "PELLUCID_ISA=\(name) is not followed, because this processor lacks it: \(best.rawValue) is used; "
      + "set it to one of \(list(InstructionSet.allCases.filter { $0.code.rawValue <= best.code.rawValue })), or unset it"
  }

  /// Runs `body` with a forced instruction set (for tests); one that the processor lacks is ignored.
  ///
  /// Holds on this thread and on those that `Parallel` runs for it, so other work in the process is left alone.
  public static func using<R>(_ set: InstructionSet, _ body: () throws -> R) rethrows -> R {
    let before = ck_forced_isa()
    ck_force_isa(Int32(set.code.rawValue))
    defer { ck_force_isa(before) }
    return try body()
  }

  /// The core that OpenBLAS chose when it was loaded, such as `Cooperlake`.
  public static var blasCore: String { String(cString: openblas_get_corename()) }

  /// OpenBLAS's own description: version and build options.
  public static var blasConfiguration: String { String(cString: openblas_get_config()) }

  /// Bytes that tensors and scratch have taken from the system so far; what was given back for reuse counts once.
  public static var tensorBytesAllocated: Int { StoragePool.shared.bytesAllocated }

  /// The most bytes that tensors and scratch of `body` take at a time, counted from none (for tests).
  ///
  /// Counts what the calling thread allocates.
  public static func peakTensorBytes<R>(of body: () throws -> R) rethrows -> (result: R, bytes: Int) {
    let pool = StoragePool()
    return (try StoragePool.$current.withValue(pool) { try body() }, pool.peakBytes)
  }

  /// Gives memory that is kept for reuse back to the system.
  public static func releaseIdleMemory() { StoragePool.current.releaseIdle() }

  /// Operations per second of OpenBLAS's matrix product (1024 × 1024 × 1024) on every thread at once: the best of three.
  public static func measuredGEMMRate() -> Double {
    let n = 1024
    let count = Parallel.threadCount
    let operands = (0..<3 * count).map { _ in Tensor(repeating: 0.5, shape: [n, n]) }
    let seconds = (0..<3).map { _ in
      ContinuousClock().measure {
        Parallel.forEach(count) { thread in
          Attention.multiply(
            operands[3 * thread].base, operands[3 * thread + 1].base,
            UnsafeMutablePointer(mutating: operands[3 * thread + 2].base), rows: n, inner: n, columns: n)
        }
      } / .seconds(1)
    }
    return 2 * Double(n * n * n) * Double(count) / (seconds.min() ?? .infinity)
  }

  /// The best time of OpenBLAS's matrix product `[rows, inner] [inner, columns]`, rows shared among the threads.
  public static func secondsForGEMM(rows: Int, inner: Int, columns: Int, repeats: Int) -> Double {
    let a = Tensor(repeating: 0.5, shape: [rows, inner])
    let b = Tensor(repeating: 0.5, shape: [inner, columns])
    var out = Tensor(uninitialized: [rows, columns])
    let pieces = Parallel.threadCount
    let seconds = (0..<repeats).map { _ in
      ContinuousClock().measure {
        out.withUnsafeMutableBuffer { out in
          let out = SharedPointer(out.baseAddress!)
          Parallel.forEach(pieces) { piece in
            let first = rows * piece / pieces
            Attention.multiply(
              a.base + first * inner, b.base, out + first * columns, rows: rows * (piece + 1) / pieces - first,
              inner: inner, columns: columns)
          }
        }
      } / .seconds(1)
    }
    return seconds.min() ?? 0
  }

  /// OpenBLAS runs single-threaded inside our own threads; asked for before every use, done once.
  static let singleThreadedBLAS: Void = openblas_set_num_threads(1)
}

extension ComputeBackend.InstructionSet {
  fileprivate init(_ isa: ck_isa_t) {
    switch isa {
    case CK_AVX512: self = .avx512
    case CK_AVX2: self = .avx2
    default: self = .portable
    }
  }

  fileprivate var code: ck_isa_t {
    switch self {
    case .portable: CK_PORTABLE
    case .avx2: CK_AVX2
    case .avx512: CK_AVX512
    }
  }
}
