// The input side of Winograd's convolution, for the forward pass and for the weight gradient. Included by bodies; no
// include guard. Layouts: winograd.c.
#include "conv_input_body.h"

// Bt of F(4,3) on six vectors, `step` vectors apart (points 0, 1, -1, 2, -2, infinity).
INLINE void FN(input_six)(const vf *d, int step, vf *t) {
  vf d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step], d5 = d[5 * step];
  vf even = FMA(d2, SPLAT(-4.0f), d4), odd = FMA(d1, SPLAT(-4.0f), d3);
  vf even2 = d4 - d2, odd2 = d3 - d1;
  t[0] = FMA(d2, SPLAT(-5.0f), FMA(d0, SPLAT(4.0f), d4));
  t[1] = even + odd;
  t[2] = even - odd;
  t[3] = FMA(odd2, SPLAT(2.0f), even2);
  t[4] = FMA(odd2, SPLAT(-2.0f), even2);
  t[5] = FMA(d3, SPLAT(-5.0f), FMA(d1, SPLAT(4.0f), d5));
}

// Bt of F(2,3) on four vectors (points 0, 1, -1, infinity).
INLINE void FN(input_four)(const vf *d, int step, vf *t) {
  vf d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step];
  t[0] = d0 - d2;
  t[1] = d1 + d2;
  t[2] = d2 - d1;
  t[3] = d1 - d3;
}

// Transforms one tile: `patch` holds its pixels, `row` floats from one row to the next and `pixel` from one pixel to
// the next; product number k goes to to[k * product_stride]. With `upsampled`, row and column 2 of the products are
// zero (both inputs of a difference are the same pixel) and have no number.
INLINE void FN(transform_tile)(const float *patch, size_t row, size_t pixel, int size, int upsampled, float *to,
                               size_t product_stride) {
  vf rows[6 * 6], column[6];
  _Pragma("clang loop unroll(full)") for (int y = 0; y < size; y++) {
    vf d[6];
    _Pragma("clang loop unroll(full)") for (int x = 0; x < size; x++)
        d[x] = *(const vf *)(patch + (size_t)y * row + (size_t)x * pixel);
    if (size == 6) FN(input_six)(d, 1, rows + y * 6);
    else FN(input_four)(d, 1, rows + y * 6);
  }
  _Pragma("clang loop unroll(full)") for (int x = 0; x < size; x++) {
    if (upsampled && x == 2) continue;
    if (size == 6) FN(input_six)(rows + x, 6, column);
    else FN(input_four)(rows + x, 6, column);
    const int wide = size - upsampled, at = upsampled && x > 2 ? x - 1 : x;
    _Pragma("clang loop unroll(full)") for (int y = 0; y < size; y++) {
      if (upsampled && y == 2) continue;
      *(vf *)(to + (size_t)((upsampled && y > 2 ? y - 1 : y) * wide + at) * product_stride) = column[y];
    }
  }
}

INLINE void FN(transform_block)(const ck_winograd_plan *p, const ck_conv_input *input, int block, float *patch,
                                float *transformed, int first, int tiles, int tile, int upsampled) {
  const int top = block / p->blocks_wide * p->block_high, left = block % p->blocks_wide * p->block_wide;
  const int high = p->tiles_high - top < p->block_high ? p->tiles_high - top : p->block_high;
  const int wide = p->tiles_wide - left < p->block_wide ? p->tiles_wide - left : p->block_wide;
  const int patch_high = high * tile + 2, patch_wide = wide * tile + 2;
  const size_t product_stride = ck_winograd_tiles_count(p, tiles) / (size_t)p->products;
  for (int c = 0; c < p->in_channels; c += CK_WINOGRAD_CHUNK) {
    const int count = p->in_channels - c < CK_WINOGRAD_CHUNK ? p->in_channels - c : CK_WINOGRAD_CHUNK;
    for (int y = 0; y < patch_high; y++)
      FN(gather)(input, top * tile - 1 + y, left * tile - 1, patch_wide, c, count, patch + (size_t)y * patch_wide * CK_WINOGRAD_CHUNK,
                 CK_WINOGRAD_CHUNK);
    float *to = transformed + (size_t)first * p->tile_stride + c;
    for (int y = 0; y < high; y++)
      for (int x = 0; x < wide; x++, to += p->tile_stride)
        for (int v = 0; v < count; v += VL)
          FN(transform_tile)(patch + ((size_t)y * tile * patch_wide + (size_t)x * tile) * CK_WINOGRAD_CHUNK + v,
                             (size_t)patch_wide * CK_WINOGRAD_CHUNK, CK_WINOGRAD_CHUNK, tile + 2, upsampled, to + v, product_stride);
  }
}
