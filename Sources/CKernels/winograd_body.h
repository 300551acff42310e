// Bodies of the fused Winograd convolution; see winograd.c for layouts and blocking.
#include "register_tile.h"
#include "winograd_input_body.h"

// At of F(4,3): six vectors to four.
INLINE void FN(output_six)(const vf *m, int step, vf *o) {
  vf sum = m[step] + m[2 * step], difference = m[step] - m[2 * step];
  vf sum2 = m[3 * step] + m[4 * step], difference2 = m[3 * step] - m[4 * step];
  o[0] = m[0] + sum + sum2;
  o[1] = FMA(difference2, SPLAT(2.0f), difference);
  o[2] = FMA(sum2, SPLAT(4.0f), sum);
  o[3] = FMA(difference2, SPLAT(8.0f), difference) + m[5 * step];
}

// At of F(2,3): four vectors to two.
INLINE void FN(output_four)(const vf *m, int step, vf *o) {
  o[0] = m[0] + m[step] + m[2 * step];
  o[1] = m[step] - m[2 * step] - m[3 * step];
}

// G of F(4,3): three vectors to six.
INLINE void FN(kernel_six)(const vf *g, int step, vf *t) {
  vf sum = g[0] + g[2 * step], far = FMA(g[2 * step], SPLAT(4.0f), g[0]), twice = g[step] + g[step];
  t[0] = g[0] * SPLAT(0.25f);
  t[1] = (sum + g[step]) * SPLAT(-1.0f / 6);
  t[2] = (sum - g[step]) * SPLAT(-1.0f / 6);
  t[3] = (far + twice) * SPLAT(1.0f / 24);
  t[4] = (far - twice) * SPLAT(1.0f / 24);
  t[5] = g[2 * step];
}

// G of F(2,3): three vectors to four.
INLINE void FN(kernel_four)(const vf *g, int step, vf *t) {
  vf sum = g[0] + g[2 * step];
  t[0] = g[0];
  t[1] = (sum + g[step]) * SPLAT(0.5f);
  t[2] = (sum - g[step]) * SPLAT(0.5f);
  t[3] = g[2 * step];
}

static void FN(winograd_pack)(const ck_winograd_plan *p, const float *weights, int panel, float *packed) {
  const int size = p->tile + 2;
  const size_t tap = (size_t)p->in_channels * p->out_channels;
  for (int i = 0; i < p->in_channels; i++) {
    for (int v = 0; v < 2; v++) {
      const int channel = (panel * 2 + v) * VL, used = p->out_channels - channel;
      vf g[9] = {}, rows[6 * 3], column[6];
      for (int k = 0; used > 0 && k < 9; k++)
        g[k] = FN(load_some)(weights + (size_t)k * tap + (size_t)i * p->out_channels + channel, used);
      for (int x = 0; x < 3; x++) {
        if (size == 6) FN(kernel_six)(g + x, 3, column);
        else FN(kernel_four)(g + x, 3, column);
        for (int y = 0; y < size; y++) rows[y * 3 + x] = column[y];
      }
      int product = 0;
      for (int y = 0; y < size; y++) {
        if (size == 6) FN(kernel_six)(rows + y * 3, 1, column);
        else FN(kernel_four)(rows + y * 3, 1, column);
        for (int x = 0; x < size; x++) {
          if (p->upsampled && (y == 2 || x == 2)) continue;
          *(vf *)(packed + ((size_t)product++ * p->in_channels + i) * 2 * VL + v * VL) = column[x];
        }
      }
    }
  }
}

static void FN(winograd_transform)(const ck_winograd_plan *p, const ck_conv_input *input, int block, float *patch,
                                   float *transformed, int first, int tiles) {
  if (p->tile == 4 && p->upsampled) FN(transform_block)(p, input, block, patch, transformed, first, tiles, 4, 1);
  else if (p->tile == 4) FN(transform_block)(p, input, block, patch, transformed, first, tiles, 4, 0);
  else if (p->upsampled) FN(transform_block)(p, input, block, patch, transformed, first, tiles, 2, 1);
  else FN(transform_block)(p, input, block, patch, transformed, first, tiles, 2, 0);
}

// One tile back: products k at from[k * product_stride] to tile x tile results.
INLINE void FN(finish_tile)(const float *from, size_t product_stride, int size, int upsampled, vf *results) {
  const int wide = size - upsampled, tile = size - 2;
  vf rows[6 * 4];
  _Pragma("clang loop unroll(full)") for (int y = 0; y < size; y++) {
    if (upsampled && y == 2) {
      for (int x = 0; x < tile; x++) rows[y * 4 + x] = (vf){};
      continue;
    }
    vf m[6];
    _Pragma("clang loop unroll(full)") for (int x = 0; x < size; x++)
        m[x] = upsampled && x == 2 ? (vf){}
                                   : *(const vf *)(from + (size_t)((upsampled && y > 2 ? y - 1 : y) * wide +
                                                                   (upsampled && x > 2 ? x - 1 : x)) * product_stride);
    if (size == 6) FN(output_six)(m, 1, rows + y * 4);
    else FN(output_four)(m, 1, rows + y * 4);
  }
  _Pragma("clang loop unroll(full)") for (int x = 0; x < tile; x++) {
    vf o[4];
    if (size == 6) FN(output_six)(rows + x, 4, o);
    else FN(output_four)(rows + x, 4, o);
    _Pragma("clang loop unroll(full)") for (int y = 0; y < tile; y++) results[y * tile + x] = o[y];
  }
}

// The results of one block for one vector of output channels.
INLINE void FN(finish_block)(const ck_winograd_plan *p, const float *products, size_t product_stride, int block,
                             int channel, const ck_conv_output *output, int tile, int upsampled, int summing) {
  const int top = block / p->blocks_wide * p->block_high, left = block % p->blocks_wide * p->block_wide;
  const int high = p->tiles_high - top < p->block_high ? p->tiles_high - top : p->block_high;
  const int wide = p->tiles_wide - left < p->block_wide ? p->tiles_wide - left : p->block_wide;
  const int used = p->out_channels - channel < VL ? p->out_channels - channel : VL;
  const vf bias = output->bias ? FN(load_some)(output->bias + channel, used) : (vf){};
  vf shift = {}, sum = {}, square = {}, results[4 * 4];
  for (int ty = 0; ty < high; ty++) {
    const int y = (top + ty) * tile, rows = p->height - y < tile ? p->height - y : tile;
    for (int tx = 0; tx < wide; tx++, products += 2 * VL) {
      const int x = (left + tx) * tile, columns = p->width - x < tile ? p->width - x : tile;
      FN(finish_tile)(products, product_stride, tile + 2, upsampled, results);
      if (summing && ty + tx == 0)
        shift = results[0] + bias + (output->residual ? FN(load_some)(output->residual + ((size_t)y * p->width + x) *
                                                                          p->out_channels + channel, used) : (vf){});
      vf tile_sum = {}, tile_square = {};  // summed apart: fewer terms per float sum
      for (int r = 0; r < rows; r++) {
        const size_t at = ((size_t)(y + r) * p->width + x) * p->out_channels + channel;
        for (int q = 0; q < columns; q++) {
          vf v = results[r * tile + q] + bias;
          if (output->residual) v += FN(load_some)(output->residual + at + (size_t)q * p->out_channels, used);
          FN(store_some)(output->out + at + (size_t)q * p->out_channels, v, used);
          if (!summing) continue;
          vf d = v - shift;
          tile_sum += d;
          tile_square = FMA(d, d, tile_square);
        }
      }
      sum += tile_sum;
      square += tile_square;
    }
  }
  if (!summing) return;
  float *moments = output->moments + (size_t)block * 3 * p->out_channels + channel;
  FN(store_some)(moments, shift, used);
  FN(store_some)(moments + p->out_channels, sum, used);
  FN(store_some)(moments + 2 * p->out_channels, square, used);
}

static void FN(finish)(const ck_winograd_plan *p, const float *m, size_t stride, int block, int channel,
                       const ck_conv_output *output) {
#define FINISH(tile, upsampled)                                                                        \
  if (output->moments) FN(finish_block)(p, m, stride, block, channel, output, tile, upsampled, 1);     \
  else FN(finish_block)(p, m, stride, block, channel, output, tile, upsampled, 0);
  if (p->tile == 4 && p->upsampled) { FINISH(4, 1) }
  else if (p->tile == 4) { FINISH(4, 0) }
  else if (p->upsampled) { FINISH(2, 1) }
  else { FINISH(2, 0) }
#undef FINISH
}

// Asks for the cache lines that one tile of results will read and write.
INLINE void FN(prefetch_tile)(const ck_winograd_plan *p, int panel, int block, int tile, const ck_conv_output *output) {
  const int top = block / p->blocks_wide * p->block_high, left = block % p->blocks_wide * p->block_wide;
  const int wide = p->tiles_wide - left < p->block_wide ? p->tiles_wide - left : p->block_wide;
  const int y = (top + tile / wide) * p->tile, x = (left + tile % wide) * p->tile;
  for (int r = y; r < y + p->tile && r < p->height; r++)
    for (int q = x; q < x + p->tile && q < p->width; q++) {
      const size_t at = ((size_t)r * p->width + q) * p->out_channels + (size_t)panel * 2 * VL;
      for (int c = 0; c < 2 * VL; c += 16) {
        if (output->residual) __builtin_prefetch(output->residual + at + c, 0, 2);
        __builtin_prefetch(output->out + at + c, 1, 2);
      }
    }
}

static void FN(winograd_multiply)(const ck_winograd_plan *p, const float *packed, int panel, const float *transformed,
                                  int first, int tiles, int first_block, int blocks, float *products,
                                  const ck_conv_output *output) {
  int count = 0;
  for (int b = 0; b < blocks; b++) count += ck_winograd_block_tiles(p, first_block + b);
  const size_t product_stride = ck_winograd_product_count(p, count) / (size_t)p->products;
  const size_t tile_product = ck_winograd_tiles_count(p, tiles) / (size_t)p->products;
  const vf zero[2] = {{}, {}};
  const float *weights = packed + (size_t)panel * p->products * p->in_channels * 2 * VL;
  for (int k = 0; k < p->products; k++) {
    const float *x = transformed + (size_t)k * tile_product + (size_t)first * p->tile_stride;
    float *m = products + (size_t)k * product_stride;
    // A few tiles' lines per product: memory works while the processor multiplies.
    for (int t = k * count / p->products; blocks == 1 && t < (k + 1) * count / p->products; t++)
      FN(prefetch_tile)(p, panel, first_block, t, output);
    for (int t = 0; t < count;) {
      FN(conv_tile_t) kernel;
      int width = FN(pick_tile)(count - t, 1, &kernel);
      const ck_segment segment = {x + (size_t)t * p->tile_stride, (size_t)p->tile_stride, p->in_channels};
      kernel(&segment, 1, weights, zero, m + (size_t)t * 2 * VL, 2 * VL);
      t += width;
    }
    weights += (size_t)p->in_channels * 2 * VL;
  }
  for (int b = 0; b < blocks; b++) {
    for (int v = 0; v < 2; v++) {
      const int channel = (panel * 2 + v) * VL, block = first_block + b;
      if (channel >= p->out_channels) continue;
      FN(finish)(p, products + v * VL, product_stride, block, channel, output);
    }
    products += (size_t)ck_winograd_block_tiles(p, first_block + b) * 2 * VL;
  }
}
