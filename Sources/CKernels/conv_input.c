// Reading what a fused convolution sees, for callers that want it in memory; see ck_conv_input.h.
#include "ck_conv_input.h"

#include "ck_dispatch.h"
#include "vector.h"

#define BODY "conv_input_body.h"
#include "vector_bodies.h"

void ck_conv_input_gather(const ck_conv_input *input, int y, int x, int pixels, int first, int count, float *to,
                          size_t step) {
  CK_DISPATCH(gather, input, y, x, pixels, first, count, to, step);
}
