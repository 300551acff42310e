// One source, three instruction sets. A kernel file defines its bodies in NAME_body.h and includes this file's
// machinery three times:
//
//   #define BODY "convolution_body.h"
//   #include "vector_bodies.h"
//
// Inside a body, `vf` is a vector of VL floats that may be unaligned in memory, FMA(a, b, c) is a * b + c (fused where
// the instruction set has it), and FN(name) is the name with the instruction set appended. Vector extensions are used
// instead of intrinsics so that the three bodies cannot drift apart.
#ifndef CK_VECTOR_H
#define CK_VECTOR_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define CK_CONCAT_(a, b) a##_##b
#define CK_CONCAT(a, b) CK_CONCAT_(a, b)
#define FN(name) CK_CONCAT(name, ISA)
#define INLINE static inline __attribute__((always_inline, unused))

#if defined(__x86_64__)
#define CK_DISPATCH(call, ...)                          \
  switch (ck_isa()) {                                   \
    case CK_AVX512: call##_avx512(__VA_ARGS__); return; \
    case CK_AVX2: call##_avx2(__VA_ARGS__); return;     \
    default: call##_portable(__VA_ARGS__); return;      \
  }
#else
#define CK_DISPATCH(call, ...) call##_portable(__VA_ARGS__)
#endif

#endif
