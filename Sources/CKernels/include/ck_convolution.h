#ifndef CK_CONVOLUTION_H
#define CK_CONVOLUTION_H
#include <stddef.h>

#include "ck_conv_input.h"

/// A 2D convolution of one NHWC image with square kernels; what lies outside the image counts as zero.
typedef struct {
  int height, width, in_channels;
  int out_height, out_width, out_channels;
  int kernel, stride;
  int pad_top, pad_left;  // rows above and columns left of the image that the first window covers
} ck_conv_shape;

/// Floats of the packed weights.
size_t ck_conv_packed_count(const ck_conv_shape *shape);

/// Packs weights [kernel, kernel, in, out] for the kernels below.
void ck_conv_pack(const ck_conv_shape *shape, const float *weights, float *packed);

/// Weights of the input gradient: flipped in both directions, in and out exchanged.
/// `weights` is [kernel, kernel, in, out]; `flipped` is [kernel, kernel, out, in].
void ck_conv_flip(int kernel, int in_channels, int out_channels, const float *weights, float *flipped);

/// Weights in the order of PyTorch's files, [out, in, taps], to [taps, in, out].
void ck_conv_turn(int taps, int in_channels, int out_channels, const float *weights, float *turned);

/// Output rows that one strip should have so that its input stays in the level-2 cache. Depends on the shape alone.
int ck_conv_strip_rows(const ck_conv_shape *shape);

/// Strips of an image.
int ck_conv_strips(const ck_conv_shape *shape);

/// Floats of scratch that a strip needs.
size_t ck_conv_scratch_count(const ck_conv_shape *shape);

/// The output rows of one strip. `moments` of the output has one piece per strip.
void ck_conv_forward(const ck_conv_shape *shape, const ck_conv_input *input, const float *packed, int strip,
                     float *scratch, const ck_conv_output *output);

/// Output channels rounded up as ck_conv_weight_gradient stores them.
int ck_conv_gradient_stride(const ck_conv_shape *shape);

/// Adds to `gradient` [kernel, kernel, in, stride] what one strip of output rows contributes to the weights' gradient.
void ck_conv_weight_gradient(const ck_conv_shape *shape, const ck_conv_input *input, const float *out_gradient,
                             int strip, float *scratch, float *gradient);

/// The readable oracle of ck_conv_forward: whole image, one product at a time.
void ck_reference_conv_forward(const ck_conv_shape *shape, const float *in, const float *weights, const float *bias,
                               const float *residual, float *out);

/// The readable oracle of ck_conv_weight_gradient: whole image, `gradient` [kernel, kernel, in, out], overwritten.
void ck_reference_conv_weight_gradient(const ck_conv_shape *shape, const float *in, const float *out_gradient,
                                       float *gradient);

/// The readable oracle of the input gradient: whole image, `gradient` shaped like `in`, overwritten.
void ck_reference_conv_input_gradient(const ck_conv_shape *shape, const float *out_gradient, const float *weights,
                                      float *gradient);

#endif
