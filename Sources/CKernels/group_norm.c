// Group normalisation with SiLU, softmax, and the exponential that they share.
//
// Group norm works on chunks of pixels of one NHWC image: sums per channel (float over 64 pixels, then double), which the
// caller adds up in a fixed order into statistics per group. What they come to is applied by the convolution that reads
// the image (conv_input_body.h). The gradient has two passes: through the activation, with sums; then through the
// statistics, in place.
#include "ck_group_norm.h"

#include <math.h>

#include "ck_activation.h"
#include "ck_dispatch.h"
#include "vector.h"

#define BODY "group_norm_body.h"
#include "vector_bodies.h"

void ck_norm_sums(const float *x, size_t pixels, int channels, const float *shift, double *sums) {
  CK_DISPATCH(norm_sums, x, pixels, channels, shift, sums);
}
void ck_norm_gradient_sums(const float *x, const float *dy, size_t dy_step, size_t pixels, int channels,
                           const float *shift, const float *scale, const float *offset, int silu, float *dz,
                           double *sums) {
  CK_DISPATCH(norm_gradient_sums, x, dy, dy_step, pixels, channels, shift, scale, offset, silu, dz, sums);
}
void ck_norm_gradient_apply(const float *x, size_t pixels, int channels, const float *shift, const float *scale,
                            const float *by_x, const float *constant, const float *addend, float *dz) {
  CK_DISPATCH(norm_gradient_apply, x, pixels, channels, shift, scale, by_x, constant, addend, dz);
}
void ck_softmax_rows(float *x, size_t rows, size_t columns, float scale) {
  CK_DISPATCH(softmax_rows, x, rows, columns, scale);
}
void ck_silu(const float *x, size_t count, float *y) { CK_DISPATCH(silu, x, count, y); }
void ck_silu_gradient(const float *x, const float *dy, size_t count, float *dx) {
  CK_DISPATCH(silu_gradient, x, dy, count, dx);
}

void ck_reference_group_norm(const float *x, size_t pixels, int channels, int groups, double epsilon,
                             const float *gamma, const float *beta, int silu, float *y) {
  const int width = channels / groups;
  for (int g = 0; g < groups; g++) {
    const double count = (double)pixels * width;
    double mean = 0, variance = 0;
    for (size_t p = 0; p < pixels; p++)
      for (int c = g * width; c < (g + 1) * width; c++) mean += x[p * channels + c] / count;
    for (size_t p = 0; p < pixels; p++)
      for (int c = g * width; c < (g + 1) * width; c++) variance += pow(x[p * channels + c] - mean, 2) / count;
    for (size_t p = 0; p < pixels; p++)
      for (int c = g * width; c < (g + 1) * width; c++) {
        double z = (x[p * channels + c] - mean) / sqrt(variance + epsilon) * gamma[c] + beta[c];
        y[p * channels + c] = (float)(silu ? z / (1 + exp(-z)) : z);
      }
  }
}
