// Weighted sums of whole images: the arithmetic of the samplers. The cost is that of reading memory, so one portable
// body serves every machine, and the double sums round once: the same bits everywhere.
#include "ck_linear.h"

enum { BLOCK = 512 };

void ck_linear_combination(size_t count, size_t terms, const double *coefficients, const float *const *inputs,
                           float *out) {
  for (size_t start = 0; start < count; start += BLOCK) {
    size_t n = count - start < BLOCK ? count - start : BLOCK;
    double sum[BLOCK];
    for (size_t i = 0; i < n; i++) sum[i] = coefficients[0] * (double)inputs[0][start + i];
    for (size_t t = 1; t < terms; t++) {
      const float *x = inputs[t] + start;
      double c = coefficients[t];
      for (size_t i = 0; i < n; i++) sum[i] += c * (double)x[i];
    }
    for (size_t i = 0; i < n; i++) out[start + i] = (float)sum[i];
  }
}

void ck_clamp(size_t count, float low, float high, const float *x, float *out) {
  for (size_t i = 0; i < count; i++) out[i] = x[i] < low ? low : x[i] > high ? high : x[i];
}
