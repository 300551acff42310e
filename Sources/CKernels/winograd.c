// 3x3 convolution with stride 1 by Winograd's minimal filtering, F(4x4,3x3) and F(2x2,3x3) (Lavin & Gray 2016, section
// 4): a tile of 4x4 results from 6x6 inputs takes 36 products per pair of channels instead of 144 (2x2: 16, not 36).
//
// Fused. The input transform reads through a ck_conv_input (two parts, normalisation, activation, upsampling); the
// output transform adds bias and residual and sums what the next normalisation needs. Nothing but the input and the
// output of the layer is ever whole in memory.
//
// Layouts. Tiles: [product][tile][in], a tile one cache line longer than its channels, so that the stores of one tile
// (one per product) and the loads of twelve tiles do not fall into one cache set. Weights: [panel][product][in][2
// vectors], read front to back. Products: [product][tile][2 vectors].
//
// Blocking. A block is a rectangle of twelve tiles or fewer (a rectangle, so that neighbours share most of their
// borders): one pass of the register kernel, and transformed tiles that leave most of the level-2 cache to the weights
// that stream by. Its input is gathered a few channels at a time into a patch that stays in the level-2 cache. The
// products of one panel of output channels stay there too until they are transformed back; while they are computed, the
// lines that this will read and write are prefetched.
//
// Upsampled inputs. A tile of nearest-upsampled pixels is (a b b c c d) in both directions, for which one of the six
// (four) rows of the input transform is a difference of equal pixels: those products are left out, 25 remain of 36.
#include "ck_winograd.h"

#include "ck_dispatch.h"
#include "segment.h"
#include "vector.h"

#define BODY "winograd_body.h"
#include "vector_bodies.h"

static int lanes(void) {
  ck_isa_t isa = ck_isa();
  return isa == CK_AVX512 ? 16 : isa == CK_AVX2 ? 8 : 4;
}

static int ceiling(int a, int b) { return (a + b - 1) / b; }

// The block of at most `tiles` tiles that makes the least work: input pixels gathered (borders count again for every
// block), and register kernels that are not full.
static void choose_block(ck_winograd_plan *p, int tiles) {
  long best = -1;
  for (int wide = 1; wide <= p->tiles_wide && wide <= tiles; wide++) {
    int most = tiles / wide < p->tiles_high ? tiles / wide : p->tiles_high;
    for (int high = 1; high <= most; high++) {
      int blocks = ceiling(p->tiles_high, high) * ceiling(p->tiles_wide, wide);
      long pixels = (long)(high * p->tile + 2) * (wide * p->tile + 2);
      long cost = blocks * (2 * pixels + 16L * ceiling(high * wide, 4) * 4 + 200);
      if (best >= 0 && cost >= best) continue;
      best = cost;
      p->block_high = high;
      p->block_wide = wide;
    }
  }
}

ck_winograd_plan ck_winograd_make_plan(int height, int width, int in_channels, int out_channels, int tile,
                                       int upsampled, int tiles) {
  ck_winograd_plan p = {.height = height, .width = width, .in_channels = in_channels, .out_channels = out_channels,
                        .tile = tile, .upsampled = upsampled};
  const int size = tile + 2 - upsampled;
  p.products = size * size;
  p.tiles_high = ceiling(height, tile);
  p.tiles_wide = ceiling(width, tile);
  p.lanes = lanes();
  p.tile_stride = ceiling(in_channels, CK_WINOGRAD_CHUNK) * CK_WINOGRAD_CHUNK + 16;
  choose_block(&p, tiles > 0 ? tiles : 12);
  p.blocks_high = ceiling(p.tiles_high, p.block_high);
  p.blocks_wide = ceiling(p.tiles_wide, p.block_wide);
  return p;
}

int ck_winograd_panels(const ck_winograd_plan *p) { return ceiling(p->out_channels, 2 * p->lanes); }

size_t ck_winograd_weight_count(const ck_winograd_plan *p) {
  return (size_t)ck_winograd_panels(p) * p->products * p->in_channels * 2 * p->lanes;
}

int ck_winograd_block_tiles(const ck_winograd_plan *p, int block) {
  const int top = block / p->blocks_wide * p->block_high, left = block % p->blocks_wide * p->block_wide;
  const int high = p->tiles_high - top < p->block_high ? p->tiles_high - top : p->block_high;
  const int wide = p->tiles_wide - left < p->block_wide ? p->tiles_wide - left : p->block_wide;
  return high * wide;
}

size_t ck_winograd_tiles_count(const ck_winograd_plan *p, int tiles) {
  return (size_t)p->products * ((size_t)tiles * p->tile_stride + 16);
}

size_t ck_winograd_patch_count(const ck_winograd_plan *p) {
  return (size_t)(p->block_high * p->tile + 2) * (p->block_wide * p->tile + 2) * CK_WINOGRAD_CHUNK;
}

size_t ck_winograd_product_count(const ck_winograd_plan *p, int tiles) {
  return (size_t)p->products * ((size_t)tiles * 2 * p->lanes + 16);
}

void ck_winograd_pack(const ck_winograd_plan *plan, const float *weights, int panel, float *packed) {
  packed += (size_t)panel * plan->products * plan->in_channels * 2 * plan->lanes;
  CK_DISPATCH(winograd_pack, plan, weights, panel, packed);
}

void ck_winograd_transform(const ck_winograd_plan *plan, const ck_conv_input *input, int block, float *patch,
                           float *transformed, int first, int tiles) {
  CK_DISPATCH(winograd_transform, plan, input, block, patch, transformed, first, tiles);
}

void ck_winograd_multiply(const ck_winograd_plan *plan, const float *packed, int panel, const float *transformed,
                          int first, int tiles, int first_block, int blocks, float *products,
                          const ck_conv_output *output) {
  CK_DISPATCH(winograd_multiply, plan, packed, panel, transformed, first, tiles, first_block, blocks, products, output);
}
