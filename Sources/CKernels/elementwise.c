// Plain loops over arrays. Memory sets their speed, so the compiler's clones per instruction set suffice; contraction is
// off, so all clones give the same bits.
#include "ck_elementwise.h"

#include <math.h>

#if defined(__x86_64__)
#define CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define CLONES
#endif

CLONES void ck_add(float *target, const float *source, size_t count) {
  for (size_t i = 0; i < count; i++) target[i] += source[i];
}

CLONES void ck_scale_add(float *target, float a, const float *source, float b, size_t count) {
  for (size_t i = 0; i < count; i++) target[i] = a * target[i] + b * source[i];
}

CLONES void ck_channel_sums(const float *x, size_t pixels, int channels, double *sums) {
  for (size_t p = 0; p < pixels; p++)
    for (int c = 0; c < channels; c++) sums[c] += x[p * channels + c];
}

CLONES double ck_sum_of_squares(const float *x, size_t count) {
  // Eight running sums in a fixed order: vectors without reassociation.
  double lanes[8] = {0}, sum = 0;
  size_t i = 0;
  for (; i + 8 <= count; i += 8)
    for (int k = 0; k < 8; k++) lanes[k] += (double)x[i + k] * x[i + k];
  for (; i < count; i++) sum += (double)x[i] * x[i];
  for (int k = 0; k < 8; k++) sum += lanes[k];
  return sum;
}

CLONES void ck_softmax_gradient_rows(const float *p, const float *dp, size_t rows, size_t columns, float scale,
                                     float *dx) {
  for (size_t r = 0; r < rows; r++) {
    const float *a = p + r * columns, *b = dp + r * columns;
    double dot = 0;
    for (size_t c = 0; c < columns; c++) dot += (double)a[c] * b[c];
    for (size_t c = 0; c < columns; c++) dx[r * columns + c] = a[c] * (b[c] - (float)dot) * scale;
  }
}

CLONES void ck_adam(float *w, float *m, float *v, const float *g, size_t count, float clip, float rate, float beta1,
                    float beta2, float epsilon, float correction1, float correction2) {
  for (size_t i = 0; i < count; i++) {
    float gradient = g[i] * clip;
    m[i] = beta1 * m[i] + (1 - beta1) * gradient;
    v[i] = beta2 * v[i] + (1 - beta2) * gradient * gradient;
    w[i] -= rate * (m[i] / correction1) / (sqrtf(v[i] / correction2) + epsilon);
  }
}
