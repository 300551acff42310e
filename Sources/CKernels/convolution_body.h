// Bodies of the direct convolution; see convolution.c for layout and blocking.

// out[p][0..NV*VL) = bias + sum over taps and input channels, for P neighbouring output pixels.
// x: first tap of the first pixel in the strip's padded input; w: packed weights of this block.
#define DEFINE_TILE(P, NV)                                                                                            \
  static void FN(conv_tile_##P##_##NV)(const float *x, const float *w, const vf *bias, int kernel, size_t row_step,    \
                                       int channels, size_t pixel_step, float *out, size_t out_step) {                \
    vf acc[P][NV];                                                                                                     \
    _Pragma("clang loop unroll(full)") for (int p = 0; p < P; p++)                                                     \
        _Pragma("clang loop unroll(full)") for (int v = 0; v < NV; v++) acc[p][v] = (vf){};                             \
    for (int ky = 0; ky < kernel; ky++) {                                                                              \
      const float *row = x + (size_t)ky * row_step;                                                                    \
      for (int i = 0; i < kernel * channels; i++) {                                                                    \
        vf weight[NV];                                                                                                 \
        _Pragma("clang loop unroll(full)") for (int v = 0; v < NV; v++) weight[v] = *(const vf *)(w + v * VL);         \
        _Pragma("clang loop unroll(full)") for (int p = 0; p < P; p++) {                                               \
          vf value = SPLAT(row[(size_t)p * pixel_step + (size_t)i]);                                                 \
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

typedef void (*FN(conv_tile_t))(const float *, const float *, const vf *, int, size_t, int, size_t, float *, size_t);

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

static void FN(conv_forward)(const ck_conv_shape *s, const float *in, const float *packed, const float *bias,
                             const float *residual, int first_row, int rows, float *scratch, float *out) {
  const int vectors = block_vectors(s->out_channels, VL), block = vectors * VL;
  const int blocks = (s->out_channels + block - 1) / block;
  const int padded_width = strip_width(s);
  const size_t row_step = (size_t)padded_width * s->in_channels;
  const size_t pixel_step = (size_t)s->stride * s->in_channels;
  fill_strip(s, in, first_row, rows, scratch);
  float spill[TILE * 2 * VL];
  for (int b = 0; b < blocks; b++) {
    const float *w = packed + (size_t)b * s->kernel * s->kernel * s->in_channels * block;
    const int first = b * block;
    const int used = s->out_channels - first < block ? s->out_channels - first : block;
    float start[2 * VL] = {0};
    if (bias) memcpy(start, bias + first, (size_t)used * sizeof(float));
    vf bias_vectors[2];
    memcpy(bias_vectors, start, sizeof start);
    for (int r = 0; r < rows; r++) {
      const float *x = scratch + (size_t)r * s->stride * row_step;
      float *y = out + ((size_t)(first_row + r) * s->out_width) * s->out_channels + first;
      const float *extra = residual ? residual + (y - out) : NULL;
      for (int p = 0; p < s->out_width;) {
        FN(conv_tile_t) tile;
        int width = FN(pick_tile)(s->out_width - p, vectors == 2, &tile);
        float *target = y + (size_t)p * s->out_channels;
        if (used == block) {
          tile(x + p * pixel_step, w, bias_vectors, s->kernel, row_step, s->in_channels, pixel_step, target,
               (size_t)s->out_channels);
        } else {
          tile(x + p * pixel_step, w, bias_vectors, s->kernel, row_step, s->in_channels, pixel_step, spill,
               (size_t)block);
          for (int q = 0; q < width; q++)
            memcpy(target + (size_t)q * s->out_channels, spill + q * block, (size_t)used * sizeof(float));
        }
        if (extra)
          for (int q = 0; q < width; q++)
            for (int c = 0; c < used; c++)
              target[(size_t)q * s->out_channels + c] += extra[(size_t)(p + q) * s->out_channels + c];
        p += width;
      }
    }
  }
}

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

static void FN(conv_weight_gradient)(const ck_conv_shape *s, const float *in, const float *out_gradient, int first_row,
                                     int rows, float *scratch, float *gradient) {
  const int vectors = block_vectors(s->out_channels, VL), block = vectors * VL;
  const int stride = (s->out_channels + block - 1) / block * block;
  const size_t row_step = (size_t)strip_width(s) * s->in_channels;
  const size_t pixel_step = (size_t)s->stride * s->in_channels;
  fill_strip(s, in, first_row, rows, scratch);
  // Rows of the gradient, widened with zeros where the channels do not fill a block.
  float *widened = scratch + strip_count(s, rows);
  for (int r = 0; r < rows; r++) {
    const float *dy = out_gradient + (size_t)(first_row + r) * s->out_width * s->out_channels;
    if (stride != s->out_channels) {
      memset(widened, 0, (size_t)s->out_width * stride * sizeof(float));
      for (int p = 0; p < s->out_width; p++)
        memcpy(widened + (size_t)p * stride, dy + (size_t)p * s->out_channels, (size_t)s->out_channels * sizeof(float));
      dy = widened;
    }
    for (int ky = 0; ky < s->kernel; ky++) {
      for (int kx = 0; kx < s->kernel; kx++) {
        const float *x = scratch + ((size_t)r * s->stride + ky) * row_step + (size_t)kx * s->in_channels;
        float *target = gradient + (size_t)(ky * s->kernel + kx) * s->in_channels * stride;
        for (int b = 0; b < stride; b += block) {
          for (int c = 0; c < s->in_channels;) {
            FN(conv_outer_t) outer;
            int width = FN(pick_outer)(s->in_channels - c, vectors == 2, &outer);
            outer(x + c, pixel_step, dy + b, (size_t)stride, s->out_width, target + (size_t)c * stride + b,
                  (size_t)stride);
            c += width;
          }
        }
      }
    }
  }
}
