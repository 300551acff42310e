// The convolution as one would write it on paper. Slow, obviously right, and kept as the oracle of the fast bodies.
#include "ck_convolution.h"

#include <string.h>

typedef void (*visit)(void *context, size_t in_index, size_t weight_index, size_t out_index);

// Calls `f` for every product that the convolution sums.
static void for_each_product(const ck_conv_shape *s, visit f, void *context) {
  for (int y = 0; y < s->out_height; y++)
    for (int x = 0; x < s->out_width; x++)
      for (int ky = 0; ky < s->kernel; ky++)
        for (int kx = 0; kx < s->kernel; kx++) {
          int iy = y * s->stride + ky - s->pad_top, ix = x * s->stride + kx - s->pad_left;
          if (iy < 0 || iy >= s->height || ix < 0 || ix >= s->width) continue;
          for (int i = 0; i < s->in_channels; i++)
            for (int o = 0; o < s->out_channels; o++)
              f(context, ((size_t)iy * s->width + ix) * s->in_channels + i,
                ((size_t)(ky * s->kernel + kx) * s->in_channels + i) * s->out_channels + o,
                ((size_t)y * s->out_width + x) * s->out_channels + o);
        }
}

typedef struct {
  const float *a, *b;
  float *sum;
} operands;

static void forward(void *context, size_t i, size_t w, size_t o) {
  operands *p = context;
  p->sum[o] += p->a[i] * p->b[w];
}
static void weight_gradient(void *context, size_t i, size_t w, size_t o) {
  operands *p = context;
  p->sum[w] += p->a[i] * p->b[o];
}
static void input_gradient(void *context, size_t i, size_t w, size_t o) {
  operands *p = context;
  p->sum[i] += p->a[o] * p->b[w];
}

void ck_reference_conv_forward(const ck_conv_shape *s, const float *in, const float *weights, const float *bias,
                               const float *residual, float *out) {
  size_t pixels = (size_t)s->out_height * s->out_width;
  for (size_t p = 0; p < pixels; p++)
    for (int o = 0; o < s->out_channels; o++) {
      size_t at = p * s->out_channels + o;
      out[at] = (bias ? bias[o] : 0) + (residual ? residual[at] : 0);
    }
  operands ops = {in, weights, out};
  for_each_product(s, forward, &ops);
}

void ck_reference_conv_weight_gradient(const ck_conv_shape *s, const float *in, const float *out_gradient,
                                       float *gradient) {
  memset(gradient, 0, (size_t)s->kernel * s->kernel * s->in_channels * s->out_channels * sizeof(float));
  operands ops = {in, out_gradient, gradient};
  for_each_product(s, weight_gradient, &ops);
}

void ck_reference_conv_input_gradient(const ck_conv_shape *s, const float *out_gradient, const float *weights,
                                      float *gradient) {
  memset(gradient, 0, (size_t)s->height * s->width * s->in_channels * sizeof(float));
  operands ops = {out_gradient, weights, gradient};
  for_each_product(s, input_gradient, &ops);
}
