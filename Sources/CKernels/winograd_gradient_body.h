// Bodies of the Winograd weight gradient; see winograd_gradient.c.
#include "register_outer.h"
#include "winograd_input_body.h"

// A of F(4,3): four vectors to six.
INLINE void FN(gradient_six)(const vf *d, int step, vf *t) {
  vf even = d[0] + d[2 * step], odd = d[step] + d[3 * step];
  vf even2 = FMA(d[2 * step], SPLAT(4.0f), d[0]), odd2 = FMA(d[3 * step], SPLAT(8.0f), d[step] + d[step]);
  t[0] = d[0];
  t[1] = even + odd;
  t[2] = even - odd;
  t[3] = even2 + odd2;
  t[4] = even2 - odd2;
  t[5] = d[3 * step];
}

// One tile of the output's gradient to its products; `d` is 4 x 4.
INLINE void FN(transform_gradient)(const vf *d, int upsampled, float *to, size_t product_stride) {
  vf rows[6 * 4], column[6];
  for (int x = 0; x < 4; x++) {
    FN(gradient_six)(d + x, 4, column);
    for (int y = 0; y < 6; y++) rows[y * 4 + x] = column[y];
  }
  int product = 0;
  for (int y = 0; y < 6; y++) {
    if (upsampled && y == 2) continue;
    FN(gradient_six)(rows + y * 4, 1, column);
    for (int x = 0; x < 6; x++)
      if (!(upsampled && x == 2)) *(vf *)(to + (size_t)product++ * product_stride) = column[x];
  }
}

// The output's gradient of one block, transformed to [product][tile][out].
INLINE void FN(gradient_block)(const ck_winograd_plan *p, const float *out_gradient, int block, int stride,
                               size_t product_stride, float *to) {
  const int top = block / p->blocks_wide * p->block_high, left = block % p->blocks_wide * p->block_wide;
  const int high = p->tiles_high - top < p->block_high ? p->tiles_high - top : p->block_high;
  const int wide = p->tiles_wide - left < p->block_wide ? p->tiles_wide - left : p->block_wide;
  const int padded = stride - 16;
  for (int ty = 0; ty < high; ty++) {
    for (int tx = 0; tx < wide; tx++, to += stride) {
      const int y = (top + ty) * 4, x = (left + tx) * 4;
      const int rows = p->height - y < 4 ? p->height - y : 4, columns = p->width - x < 4 ? p->width - x : 4;
      for (int c = 0; c < padded; c += VL) {
        const int used = p->out_channels - c;
        vf d[16] = {};
        for (int r = 0; r < rows && used > 0; r++)
          for (int q = 0; q < columns; q++)
            d[r * 4 + q] =
                FN(load_some)(out_gradient + ((size_t)(y + r) * p->width + x + q) * p->out_channels + c, used);
        if (p->upsampled) FN(transform_gradient)(d, 1, to + c, product_stride);
        else FN(transform_gradient)(d, 0, to + c, product_stride);
      }
    }
  }
}

static void FN(winograd_gradient_add)(const ck_winograd_plan *p, const ck_conv_input *input, const float *out_gradient,
                                      int block, float *scratch, float *sums) {
  const int tiles = ck_winograd_block_tiles(p, block), stride = gradient_stride(p), padded = stride - 16;
  float *patch = scratch, *transformed = patch + ck_winograd_patch_count(p);
  float *gradient = transformed + ck_winograd_tiles_count(p, tiles);
  const size_t product = (size_t)tiles * stride + 16;
  if (p->upsampled) FN(transform_block)(p, input, block, patch, transformed, 0, tiles, 4, 1);
  else FN(transform_block)(p, input, block, patch, transformed, 0, tiles, 4, 0);
  FN(gradient_block)(p, out_gradient, block, stride, product, gradient);
  const size_t tile_product = ck_winograd_tiles_count(p, tiles) / (size_t)p->products;
  for (int k = 0; k < p->products; k++) {
    const float *x = transformed + (size_t)k * tile_product, *dy = gradient + (size_t)k * product;
    float *target = sums + (size_t)k * p->in_channels * padded;
    for (int b = 0; b < padded; b += 2 * VL) {
      for (int c = 0; c < p->in_channels;) {
        FN(conv_outer_t) outer;
        int width = FN(pick_outer)(p->in_channels - c, 1, &outer);
        outer(x + c, (size_t)p->tile_stride, dy + b, (size_t)stride, tiles, target + (size_t)c * padded + b,
              (size_t)padded);
        c += width;
      }
    }
  }
}

// Gt of F(4,3): six vectors to three.
INLINE void FN(weight_six)(const vf *u, int step, vf *g) {
  vf sum = u[step] + u[2 * step], difference = u[2 * step] - u[step];
  vf sum2 = u[3 * step] + u[4 * step], difference2 = u[3 * step] - u[4 * step];
  g[0] = FMA(sum2, SPLAT(1.0f / 24), FMA(sum, SPLAT(-1.0f / 6), u[0] * SPLAT(0.25f)));
  g[1] = FMA(difference2, SPLAT(1.0f / 12), difference * SPLAT(1.0f / 6));
  g[2] = FMA(sum2 - sum, SPLAT(1.0f / 6), u[5 * step]);
}

static void FN(winograd_gradient_finish)(const ck_winograd_plan *p, const float *sums, int first_input, int inputs,
                                         float *gradient) {
  const int padded = gradient_stride(p) - 16;
  const size_t product_step = (size_t)p->in_channels * padded, tap = (size_t)p->in_channels * p->out_channels;
  for (int i = first_input; i < first_input + inputs; i++) {
    for (int c = 0; c < p->out_channels; c += VL) {
      vf u[36] = {}, rows[6 * 3], g[3];
      const float *from = sums + (size_t)i * padded + c;
      for (int y = 0; y < 6; y++)
        for (int x = 0; x < 6; x++) {
          if (p->upsampled && (y == 2 || x == 2)) continue;
          u[y * 6 + x] = *(const vf *)from;
          from += product_step;
        }
      for (int y = 0; y < 6; y++) FN(weight_six)(u + y * 6, 1, rows + y * 3);
      for (int x = 0; x < 3; x++) {
        FN(weight_six)(rows + x, 3, g);
        for (int y = 0; y < 3; y++)
          FN(store_some)(gradient + (size_t)(y * 3 + x) * tap + (size_t)i * p->out_channels + c, g[y],
                         p->out_channels - c);
      }
    }
  }
}
