// Includes BODY once per instruction set; see vector.h. No include guard: that is the point.
#include "vector.h"

// A vector of equal floats; subtracting zero changes no float, so it costs only the broadcast.
#define SPLAT(x) ((x) - (vf){})

#define VEC_ATTR(bytes) __attribute__((vector_size(bytes), aligned(4)))

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512dq,avx2,fma"), min_vector_width(512))), apply_to = function)
#define ISA avx512
#define VL 16
#define TILE 12
#define vf CK_CONCAT(vf, ISA)
#define vi CK_CONCAT(vi, ISA)
typedef float vf VEC_ATTR(64);
typedef int32_t vi VEC_ATTR(64);
#define FMA(a, b, c) __builtin_elementwise_fma(a, b, c)
#include BODY
#undef FMA
#undef vi
#undef vf
#undef TILE
#undef VL
#undef ISA
#pragma clang attribute pop

#pragma clang attribute push(__attribute__((target("avx2,fma"), min_vector_width(256))), apply_to = function)
#define ISA avx2
#define VL 8
#define TILE 6
#define vf CK_CONCAT(vf, ISA)
#define vi CK_CONCAT(vi, ISA)
typedef float vf VEC_ATTR(32);
typedef int32_t vi VEC_ATTR(32);
#define FMA(a, b, c) __builtin_elementwise_fma(a, b, c)
#include BODY
#undef FMA
#undef vi
#undef vf
#undef TILE
#undef VL
#undef ISA
#pragma clang attribute pop
#endif

#define ISA portable
#define VL 4
#define TILE 6
#define vf CK_CONCAT(vf, ISA)
#define vi CK_CONCAT(vi, ISA)
typedef float vf VEC_ATTR(16);
typedef int32_t vi VEC_ATTR(16);
#define FMA(a, b, c) ((a) * (b) + (c))
#include BODY
#undef FMA
#undef vi
#undef vf
#undef TILE
#undef VL
#undef ISA
#undef VEC_ATTR
#undef SPLAT
#undef BODY
