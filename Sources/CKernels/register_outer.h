// The register kernel of every weight gradient here: C neighbouring input channels by NV vectors of output channels,
// accumulated over pixels (or tiles). Included by bodies; no include guard.

// gradient[c][0..NV*VL) += sum over pixels of x[pixel][c] * dy[pixel][...], for C neighbouring input channels.
#define DEFINE_OUTER(C, NV)                                                                                           \
  static void FN(conv_outer_##C##_##NV)(const float *x, size_t pixel_step, const float *dy, size_t dy_step, int pixels, \
                                        float *gradient, size_t gradient_step) {                                      \
    vf acc[C][NV];                                                                                                     \
    _Pragma("clang loop unroll(full)") for (int c = 0; c < C; c++)                                                     \
        _Pragma("clang loop unroll(full)") for (int v = 0; v < NV; v++)                                                \
            acc[c][v] = *(const vf *)(gradient + (size_t)c * gradient_step + (size_t)v * VL);                          \
    for (int p = 0; p < pixels; p++) {                                                                                 \
      vf g[NV];                                                                                                        \
      _Pragma("clang loop unroll(full)") for (int v = 0; v < NV; v++) g[v] = *(const vf *)(dy + (size_t)v * VL);       \
      _Pragma("clang loop unroll(full)") for (int c = 0; c < C; c++) {                                                 \
        vf value = SPLAT(x[c]);                                                                                      \
        _Pragma("clang loop unroll(full)") for (int v = 0; v < NV; v++) acc[c][v] = FMA(value, g[v], acc[c][v]);       \
      }                                                                                                                \
      x += pixel_step;                                                                                                 \
      dy += dy_step;                                                                                                   \
    }                                                                                                                  \
    _Pragma("clang loop unroll(full)") for (int c = 0; c < C; c++)                                                     \
        _Pragma("clang loop unroll(full)") for (int v = 0; v < NV; v++)                                                \
            *(vf *)(gradient + (size_t)c * gradient_step + (size_t)v * VL) = acc[c][v];                                \
  }

DEFINE_OUTER(1, 1)
DEFINE_OUTER(2, 1)
DEFINE_OUTER(4, 1)
DEFINE_OUTER(1, 2)
DEFINE_OUTER(2, 2)
DEFINE_OUTER(4, 2)
#if TILE == 12
DEFINE_OUTER(12, 1)
DEFINE_OUTER(12, 2)
DEFINE_OUTER(8, 1)
DEFINE_OUTER(8, 2)
#define FULL_OUTER(NV) FN(conv_outer_12_##NV)
#else
DEFINE_OUTER(6, 1)
DEFINE_OUTER(6, 2)
#define FULL_OUTER(NV) FN(conv_outer_6_##NV)
#endif
#undef DEFINE_OUTER

typedef void (*FN(conv_outer_t))(const float *, size_t, const float *, size_t, int, float *, size_t);

INLINE int FN(pick_outer)(int left, int two, FN(conv_outer_t) * outer) {
  if (left >= TILE) return *outer = two ? FULL_OUTER(2) : FULL_OUTER(1), TILE;
#if TILE == 12
  if (left >= 8) return *outer = two ? FN(conv_outer_8_2) : FN(conv_outer_8_1), 8;
#endif
  if (left >= 4) return *outer = two ? FN(conv_outer_4_2) : FN(conv_outer_4_1), 4;
  if (left >= 2) return *outer = two ? FN(conv_outer_2_2) : FN(conv_outer_2_1), 2;
  return *outer = two ? FN(conv_outer_1_2) : FN(conv_outer_1_1), 1;
}
#undef FULL_OUTER
