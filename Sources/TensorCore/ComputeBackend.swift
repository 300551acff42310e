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
