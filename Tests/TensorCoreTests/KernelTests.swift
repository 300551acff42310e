import Testing

/// Every fast body against the readable one, per instruction set.
///
/// Serialised: the instruction set is global.
@Suite("Kernels", .serialized)
struct KernelTests {}
