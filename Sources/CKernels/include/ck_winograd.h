#ifndef CK_WINOGRAD_H
#define CK_WINOGRAD_H
#include <stddef.h>

#include "ck_conv_input.h"

/// Channels that the input transform gathers at a time.
#define CK_WINOGRAD_CHUNK 32

/// How a 3x3 convolution of stride 1 with a border of one zero is cut into tiles and blocks of tiles. Depends on the
/// shape and the instruction set alone, never on threads or on the batch.
typedef struct {
  int height, width;  // of the result, and of the input as the convolution sees it
  int in_channels, out_channels;
  int tile;       // outputs per tile and direction: 4 for F(4x4,3x3), 2 for F(2x2,3x3)
  int upsampled;  // 1: the input is upsampled by two, and the products that this makes zero are left out
  int tiles_high, tiles_wide;
  int block_high, block_wide;  // tiles of one block
  int blocks_high, blocks_wide;
  int products;     // matrix products per tile: 36 or 16, or 25 or 9 of an upsampled input
  int lanes;        // floats of a vector; weights are packed in panels of two vectors
  int tile_stride;  // floats from one transformed tile to the next, for one product
} ck_winograd_plan;

/// The plan of a shape with at most `tiles` tiles per block; 0 stands for the usual twelve.
ck_winograd_plan ck_winograd_make_plan(int height, int width, int in_channels, int out_channels, int tile,
                                       int upsampled, int tiles);

/// Panels of output channels: the unit of work of `ck_winograd_multiply`.
int ck_winograd_panels(const ck_winograd_plan *plan);

/// Floats of the transformed weights.
size_t ck_winograd_weight_count(const ck_winograd_plan *plan);

/// Transforms panel `panel` of weights [3, 3, in, out]; `packed` is the start of all transformed weights.
void ck_winograd_pack(const ck_winograd_plan *plan, const float *weights, int panel, float *packed);

/// Tiles of a block (fewer at the right and lower border).
int ck_winograd_block_tiles(const ck_winograd_plan *plan, int block);

/// Floats of `tiles` transformed tiles.
size_t ck_winograd_tiles_count(const ck_winograd_plan *plan, int tiles);

/// Floats of scratch that `ck_winograd_transform` needs.
size_t ck_winograd_patch_count(const ck_winograd_plan *plan);

/// Floats of scratch that `ck_winograd_multiply` needs for `tiles` tiles.
size_t ck_winograd_product_count(const ck_winograd_plan *plan, int tiles);

/// Reads the input of one block and transforms it. The tiles go to places `first`, `first` + 1, ... of `transformed`,
/// which holds `tiles` tiles.
void ck_winograd_transform(const ck_winograd_plan *plan, const ck_conv_input *input, int block, float *patch,
                           float *transformed, int first, int tiles);

/// Multiplies the transformed tiles `first` ... of blocks first_block ... first_block + blocks - 1 by one panel of
/// weights and finishes them: back transform, bias, residual, moments. `tiles` is how many `transformed` holds.
void ck_winograd_multiply(const ck_winograd_plan *plan, const float *packed, int panel, const float *transformed,
                          int first, int tiles, int first_block, int blocks, float *products,
                          const ck_conv_output *output);

/// Floats that the weight gradient gathers per piece: [product][in][out], out rounded up to whole panels.
size_t ck_winograd_gradient_count(const ck_winograd_plan *plan);

/// Floats of scratch that `ck_winograd_gradient_add` needs.
size_t ck_winograd_gradient_scratch_count(const ck_winograd_plan *plan);

/// Adds to `sums` what one block of one image contributes to the gradient of the transformed weights.
/// `out_gradient` is [height, width, out].
void ck_winograd_gradient_add(const ck_winograd_plan *plan, const ck_conv_input *input, const float *out_gradient,
                              int block, float *scratch, float *sums);

/// The gradient of the weights, [3, 3, in, out], from the sums of all blocks: Gt sums G. One row of input channels
/// first_input ... first_input + inputs - 1.
void ck_winograd_gradient_finish(const ck_winograd_plan *plan, const float *sums, int first_input, int inputs,
                                 float *gradient);

/// A plan for the weight gradient: F(4x4,3x3), with blocks that hold both sides of the products.
ck_winograd_plan ck_winograd_make_gradient_plan(int height, int width, int in_channels, int out_channels,
                                                int upsampled);

#endif
