#ifndef CK_DISPATCH_H
#define CK_DISPATCH_H

/// The instruction sets that kernels have bodies for, poorest first.
typedef enum { CK_PORTABLE = 0, CK_AVX2 = 1, CK_AVX512 = 2 } ck_isa_t;

/// The instruction set in use: the best that the processor has, or the one that PELLUCID_ISA
/// (portable, avx2, avx512) names if the processor has it.
ck_isa_t ck_isa(void);

/// The best that the processor has.
ck_isa_t ck_best_isa(void);

/// What this thread forces (for tests), or -1.
int ck_forced_isa(void);

/// Forces an instruction set on this thread only; -1 ends it. One that the processor lacks is ignored.
void ck_force_isa(int isa);

/// The number of threads that this thread wants for its work; 0: none in particular.
int ck_forced_threads(void);
void ck_force_threads(int count);
#endif
