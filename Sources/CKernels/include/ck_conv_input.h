#ifndef CK_CONV_INPUT_H
#define CK_CONV_INPUT_H
#include <stddef.h>

/// What a fused convolution reads: one NHWC image that need not exist in memory as such. The convolution sees the
/// channels of part 0, then those of part 1; each value x as (x - shift) * scale + offset, then z * sigmoid(z), if so
/// asked; each pixel of the parts as 2 x 2 if `upsampled`; and zero outside the image.
typedef struct {
  const float *part[2];  // NHWC; the second may be null
  int channels[2];       // of each part; the second may be 0
  int height, width;     // as the convolution sees them: twice those of the parts if `upsampled`
  int upsampled;
  const float *shift, *scale, *offset;  // per channel of both parts together; all null: values as they are
  int silu;
} ck_conv_input;

/// Where the results of one image go: out = convolution + bias + residual.
typedef struct {
  float *out;             // [height, width, out]
  const float *bias;      // [out], or null
  const float *residual;  // like `out`, or null
  float *moments;         // [pieces, 3, out], see ck_moments.h; or null
} ck_conv_output;

/// Writes channels first ... first + count - 1 of pixels x ... x + pixels - 1 of row y, as a convolution would see
/// them, `step` floats from one pixel to the next.
void ck_conv_input_gather(const ck_conv_input *input, int y, int x, int pixels, int first, int count, float *to,
                          size_t step);

#endif
