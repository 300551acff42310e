// Bodies of the direct convolution; see convolution.c for layout and blocking.
#include "conv_input_body.h"
#include "register_outer.h"
#include "register_tile.h"

// The input rows that output rows first_row ... read, with the zeros around the image.
INLINE void FN(fill_strip)(const ck_conv_shape *s, const ck_conv_input *in, int first_row, int rows, float *scratch) {
  const int width = strip_width(s), height = (rows - 1) * s->stride + s->kernel;
  for (int r = 0; r < height; r++)
    FN(gather)(in, first_row * s->stride + r - s->pad_top, -s->pad_left, width, 0, s->in_channels,
               scratch + (size_t)r * width * s->in_channels, (size_t)s->in_channels);
}

// Residual and moments of one block of output channels of a strip whose sums stand in `out`.
INLINE void FN(finish_strip)(const ck_conv_shape *s, int first_row, int rows, int strip, int first, int count,
                             const ck_conv_output *output) {
  const size_t pixels = (size_t)rows * s->out_width, start = (size_t)first_row * s->out_width * s->out_channels;
  for (int c = first; c < first + count; c += VL) {
    const int used = first + count - c;
    float *y = output->out + start + c;
    const float *extra = output->residual ? output->residual + start + c : NULL;
    vf shift = {}, sum = {}, square = {};
    for (size_t begin = 0; begin < pixels; begin += 64) {
      const size_t end = begin + 64 < pixels ? begin + 64 : pixels;
      vf some = {}, some_square = {};  // summed apart: fewer terms per float sum
      for (size_t p = begin; p < end; p++) {
        vf v = FN(load_some)(y + p * s->out_channels, used);
        if (extra) {
          v += FN(load_some)(extra + p * s->out_channels, used);
          FN(store_some)(y + p * s->out_channels, v, used);
        }
        if (p == 0) shift = v;
        vf d = v - shift;
        some += d;
        some_square = FMA(d, d, some_square);
      }
      sum += some;
      square += some_square;
    }
    if (!output->moments) continue;
    float *moments = output->moments + (size_t)strip * 3 * s->out_channels + c;
    FN(store_some)(moments, shift, used);
    FN(store_some)(moments + s->out_channels, sum, used);
    FN(store_some)(moments + 2 * s->out_channels, square, used);
  }
}

// Sums of one output channel for P neighbouring pixels: the taps of a row lie side by side in the strip, so a sum runs
// through them a vector at a time. `length` is a multiple of VL.
#define DEFINE_NARROW(P)                                                                                              \
  INLINE void FN(narrow_##P)(const float *x, const float *w, int kernel, size_t row_step, int length,                 \
                             size_t pixel_step, float bias, float *out, size_t out_step) {                            \
    vf acc[P] = {};                                                                                                   \
    for (int ky = 0; ky < kernel; ky++) {                                                                             \
      for (int i = 0; i < length; i += VL) {                                                                          \
        vf weight = *(const vf *)(w + i);                                                                             \
        _Pragma("clang loop unroll(full)") for (int p = 0; p < P; p++) acc[p] =                                       \
            FMA(*(const vf *)(x + (size_t)p * pixel_step + i), weight, acc[p]);                                       \
      }                                                                                                               \
      x += row_step;                                                                                                  \
      w += length;                                                                                                    \
    }                                                                                                                 \
    for (int p = 0; p < P; p++) {                                                                                     \
      float sum = bias;                                                                                               \
      for (int i = 0; i < VL; i++) sum += acc[p][i];                                                                  \
      out[(size_t)p * out_step] = sum;                                                                                \
    }                                                                                                                 \
  }
DEFINE_NARROW(1)
DEFINE_NARROW(8)
#undef DEFINE_NARROW

static void FN(narrow_strip)(const ck_conv_shape *s, const float *strip, const float *packed, int first_row, int rows,
                             const ck_conv_output *output) {
  const size_t row_step = (size_t)strip_width(s) * s->in_channels, pixel_step = (size_t)s->stride * s->in_channels;
  const int length = s->kernel * s->in_channels;
  for (int o = 0; o < s->out_channels; o++) {
    const float *w = packed + (size_t)o * s->kernel * length;
    const float bias = output->bias ? output->bias[o] : 0;
    for (int r = 0; r < rows; r++) {
      const float *x = strip + (size_t)r * s->stride * row_step;
      float *y = output->out + (size_t)(first_row + r) * s->out_width * s->out_channels + o;
      int p = 0;
      for (; p + 8 <= s->out_width; p += 8)
        FN(narrow_8)(x + p * pixel_step, w, s->kernel, row_step, length, pixel_step, bias,
                     y + (size_t)p * s->out_channels, (size_t)s->out_channels);
      for (; p < s->out_width; p++)
        FN(narrow_1)(x + p * pixel_step, w, s->kernel, row_step, length, pixel_step, bias,
                     y + (size_t)p * s->out_channels, (size_t)s->out_channels);
    }
  }
}

// What the first pixel of row r of a strip reads: rows of taps of the strip or, of a plain 1x1 convolution, the parts of
// the input where they lie. Returns the number of segments.
INLINE int FN(segments)(const ck_conv_shape *s, const ck_conv_input *in, const float *strip, int first_row, int r,
                        ck_segment *segments) {
  int count = 0;
  if (is_plain(s, in)) {
    for (int i = 0; i < 2 && in->channels[i] > 0; i++)
      segments[count++] = (ck_segment){in->part[i] + (size_t)first_row * s->width * in->channels[i],
                                       (size_t)in->channels[i], in->channels[i]};
    return count;
  }
  const size_t row_step = (size_t)strip_width(s) * s->in_channels;
  for (; count < s->kernel; count++)
    segments[count] = (ck_segment){strip + ((size_t)r * s->stride + count) * row_step,
                                   (size_t)s->stride * s->in_channels, s->kernel * s->in_channels};
  return count;
}

// One block of output channels (`used` of them are there) for `pixels` neighbouring pixels.
INLINE void FN(conv_row)(const ck_segment *segments, int count, const float *w, const vf *bias, int two, int used,
                         int pixels, float *out, size_t out_step) {
  const int block = two ? 2 * VL : VL;
  float spill[TILE * 2 * VL];
  ck_segment here[CK_MAX_SEGMENTS];
  memcpy(here, segments, (size_t)count * sizeof *here);
  for (int p = 0; p < pixels;) {
    FN(conv_tile_t) tile;
    int width = FN(pick_tile)(pixels - p, two, &tile);
    float *target = out + (size_t)p * out_step;
    if (used == block) {
      tile(here, count, w, bias, target, out_step);
    } else {
      tile(here, count, w, bias, spill, (size_t)block);
      for (int q = 0; q < width; q++)
        memcpy(target + (size_t)q * out_step, spill + q * block, (size_t)used * sizeof(float));
    }
    for (int i = 0; i < count; i++) here[i].x += (size_t)width * here[i].step;
    p += width;
  }
}

static void FN(conv_forward)(const ck_conv_shape *s, const ck_conv_input *in, const float *packed, int strip,
                             float *scratch, const ck_conv_output *output) {
  const int vectors = block_vectors(s->out_channels, VL), block = vectors * VL;
  const int blocks = (s->out_channels + block - 1) / block;
  const int height = ck_conv_strip_rows(s), first_row = strip * height;
  const int rows = s->out_height - first_row < height ? s->out_height - first_row : height;
  const int plain = is_plain(s, in) && !is_narrow(s);
  if (!plain) FN(fill_strip)(s, in, first_row, rows, scratch);
  if (is_narrow(s)) {
    FN(narrow_strip)(s, scratch, packed, first_row, rows, output);
    if (output->residual || output->moments)
      FN(finish_strip)(s, first_row, rows, strip, 0, s->out_channels, output);
    return;
  }
  for (int b = 0; b < blocks; b++) {
    const float *w = packed + (size_t)b * s->kernel * s->kernel * s->in_channels * block;
    const int first = b * block;
    const int used = s->out_channels - first < block ? s->out_channels - first : block;
    float start[2 * VL] = {0};
    if (output->bias) memcpy(start, output->bias + first, (size_t)used * sizeof(float));
    vf bias[2];
    memcpy(bias, start, sizeof start);
    // The rows of a plain input follow each other: one long row.
    const int lines = plain ? 1 : rows, pixels = plain ? rows * s->out_width : s->out_width;
    for (int r = 0; r < lines; r++) {
      ck_segment segments[CK_MAX_SEGMENTS];
      const int count = FN(segments)(s, in, scratch, first_row, r, segments);
      float *y = output->out + ((size_t)(first_row + r) * s->out_width) * s->out_channels + first;
      FN(conv_row)(segments, count, w, bias, vectors == 2, used, pixels, y, (size_t)s->out_channels);
    }
    if (output->residual || output->moments) FN(finish_strip)(s, first_row, rows, strip, first, used, output);
  }
}

// The weight gradient of a plain 1x1 convolution: both sides are read where they lie, all pixels of the strip in one sum.
INLINE void FN(plain_weight_gradient)(const ck_conv_shape *s, const ck_conv_input *in, const float *dy, int first_row,
                                      int rows, float *gradient) {
  const int two = block_vectors(s->out_channels, VL) == 2, block = two ? 2 * VL : VL;
  const size_t stride = (size_t)s->out_channels;
  for (int i = 0; i < 2; i++) {
    const int channels = in->channels[i];
    const float *x = in->part[i] + (size_t)first_row * s->width * channels;
    for (int b = 0; b < s->out_channels; b += block) {
      for (int c = 0; c < channels;) {
        FN(conv_outer_t) outer;
        int width = FN(pick_outer)(channels - c, two, &outer);
        outer(x + c, (size_t)channels, dy + b, stride, rows * s->out_width, gradient + (size_t)c * stride + b, stride);
        c += width;
      }
    }
    gradient += (size_t)channels * stride;
  }
}

static void FN(conv_weight_gradient)(const ck_conv_shape *s, const ck_conv_input *in, const float *out_gradient,
                                     int strip, float *scratch, float *gradient) {
  const int vectors = block_vectors(s->out_channels, VL), block = vectors * VL;
  const int stride = (s->out_channels + block - 1) / block * block;
  const size_t row_step = (size_t)strip_width(s) * s->in_channels;
  const size_t pixel_step = (size_t)s->stride * s->in_channels;
  const int height = ck_conv_strip_rows(s), first_row = strip * height;
  const int rows = s->out_height - first_row < height ? s->out_height - first_row : height;
  if (is_plain(s, in) && stride == s->out_channels) {
    const float *dy = out_gradient + (size_t)first_row * s->out_width * s->out_channels;
    FN(plain_weight_gradient)(s, in, dy, first_row, rows, gradient);
    return;
  }
  FN(fill_strip)(s, in, first_row, rows, scratch);
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
