// The register kernel of every dense product here: P neighbouring pixels (or tiles) by NV vectors of output channels,
// summed over the inputs of one or more segments. Included by bodies; no include guard.
//
// With AVX-512 it is 12 x 32: 24 accumulators, two registers of weights, and one broadcast that serves two fused
// multiply-adds, which leaves the loads (14 per 24 products) off the critical path.

// out[p][0..NV*VL) = bias + sum over the segments' inputs, for P neighbouring pixels. w: packed weights of this block.
#define DEFINE_TILE(P, NV)                                                                                            \
  static void FN(conv_tile_##P##_##NV)(const ck_segment *segments, int count, const float *w, const vf *bias,          \
                                       float *out, size_t out_step) {                                                  \
    vf acc[P][NV];                                                                                                     \
    _Pragma("clang loop unroll(full)") for (int p = 0; p < P; p++)                                                     \
        _Pragma("clang loop unroll(full)") for (int v = 0; v < NV; v++) acc[p][v] = (vf){};                             \
    for (int s = 0; s < count; s++) {                                                                                  \
      const float *x = segments[s].x;                                                                                  \
      const size_t step = segments[s].step;                                                                            \
      for (int i = 0; i < segments[s].length; i++) {                                                                   \
        vf weight[NV];                                                                                                 \
        _Pragma("clang loop unroll(full)") for (int v = 0; v < NV; v++) weight[v] = *(const vf *)(w + v * VL);         \
        _Pragma("clang loop unroll(full)") for (int p = 0; p < P; p++) {                                               \
          vf value = SPLAT(x[(size_t)p * step + (size_t)i]);                                                           \
          _Pragma("clang loop unroll(full)") for (int v = 0; v < NV; v++) acc[p][v] = FMA(value, weight[v], acc[p][v]); \
        }                                                                                                              \
        w += NV * VL;                                                                                                  \
      }                                                                                                                \
    }                                                                                                                  \
    _Pragma("clang loop unroll(full)") for (int p = 0; p < P; p++)                                                     \
        _Pragma("clang loop unroll(full)") for (int v = 0; v < NV; v++)                                                \
            *(vf *)(out + (size_t)p * out_step + (size_t)v * VL) = acc[p][v] + bias[v];                                \
  }

DEFINE_TILE(1, 1)
DEFINE_TILE(2, 1)
DEFINE_TILE(4, 1)
DEFINE_TILE(1, 2)
DEFINE_TILE(2, 2)
DEFINE_TILE(4, 2)
#if TILE == 12
DEFINE_TILE(12, 1)
DEFINE_TILE(12, 2)
DEFINE_TILE(8, 1)
DEFINE_TILE(8, 2)
#define FULL_TILE(NV) FN(conv_tile_12_##NV)
#else
DEFINE_TILE(6, 1)
DEFINE_TILE(6, 2)
#define FULL_TILE(NV) FN(conv_tile_6_##NV)
#endif
#undef DEFINE_TILE

typedef void (*FN(conv_tile_t))(const ck_segment *, int, const float *, const vf *, float *, size_t);

// The widest tile that fits `left` pixels.
INLINE int FN(pick_tile)(int left, int two, FN(conv_tile_t) * tile) {
  if (left >= TILE) return *tile = two ? FULL_TILE(2) : FULL_TILE(1), TILE;
#if TILE == 12
  if (left >= 8) return *tile = two ? FN(conv_tile_8_2) : FN(conv_tile_8_1), 8;
#endif
  if (left >= 4) return *tile = two ? FN(conv_tile_4_2) : FN(conv_tile_4_1), 4;
  if (left >= 2) return *tile = two ? FN(conv_tile_2_2) : FN(conv_tile_2_1), 2;
  return *tile = two ? FN(conv_tile_1_2) : FN(conv_tile_1_1), 1;
}
#undef FULL_TILE
