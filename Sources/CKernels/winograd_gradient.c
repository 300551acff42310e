// The gradient of a 3x3 convolution's weights by Winograd's filtering, F(4x4,3x3): with V the transformed input tiles and
// W = A dY At the transformed tiles of the output's gradient, dL/dU is the sum over tiles of V W for each of the 36
// products, and dL/dweights = Gt (dL/dU) G. A quarter of the direct sum's products.
//
// The input is read through a ck_conv_input, so that the normalised activations of the forward pass need not be kept.
// Blocks and layouts are those of winograd.c; a block holds V and W of its tiles in the level-2 cache, and the sums of
// 12 input channels by two vectors of output channels run through registers for all its tiles.
#include "ck_dispatch.h"
#include "ck_winograd.h"
#include "vector.h"

// Floats from one tile of W to the next: whole panels and one cache line.
static int gradient_stride(const ck_winograd_plan *p) { return ck_winograd_panels(p) * 2 * p->lanes + 16; }

#define BODY "winograd_gradient_body.h"
#include "vector_bodies.h"

ck_winograd_plan ck_winograd_make_gradient_plan(int height, int width, int in_channels, int out_channels,
                                                int upsampled) {
  const size_t budget = 640 * 1024, per_tile = 36 * sizeof(float) * ((size_t)in_channels + (size_t)out_channels + 96);
  int tiles = (int)(budget / per_tile);
  tiles = tiles > 64 ? 64 : tiles < 12 ? 12 : tiles;
  return ck_winograd_make_plan(height, width, in_channels, out_channels, 4, upsampled, tiles);
}

size_t ck_winograd_gradient_count(const ck_winograd_plan *p) {
  return (size_t)p->products * p->in_channels * (size_t)(gradient_stride(p) - 16);
}

size_t ck_winograd_gradient_scratch_count(const ck_winograd_plan *p) {
  const int tiles = p->block_high * p->block_wide;
  return ck_winograd_patch_count(p) + ck_winograd_tiles_count(p, tiles) +
         (size_t)p->products * ((size_t)tiles * gradient_stride(p) + 16);
}

void ck_winograd_gradient_add(const ck_winograd_plan *plan, const ck_conv_input *input, const float *out_gradient,
                              int block, float *scratch, float *sums) {
  CK_DISPATCH(winograd_gradient_add, plan, input, out_gradient, block, scratch, sums);
}

void ck_winograd_gradient_finish(const ck_winograd_plan *plan, const float *sums, int first_input, int inputs,
                                 float *gradient) {
  CK_DISPATCH(winograd_gradient_finish, plan, sums, first_input, inputs, gradient);
}
