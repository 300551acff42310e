// The classical denoisers that a model is compared with. Plain loops that the compiler vectorises: they run in
// evaluations only. One call works on one slice; parallelise over slices.
#include "ck_filters.h"

#include <math.h>

// The index inside 0 ..< count that reflection about the end pixels leads to; at most one reflection is needed.
static size_t reflected(ptrdiff_t i, size_t count) {
  if (i < 0) i = -i;
  if (i >= (ptrdiff_t)count) i = 2 * ((ptrdiff_t)count - 1) - i;
  return (size_t)i;
}

size_t ck_non_local_means_scratch(size_t rows, size_t columns, int patch_radius, int search_radius) {
  size_t margin = 2 * (size_t)(patch_radius + search_radius), patch = 2 * (size_t)patch_radius;
  return (rows + margin) * (columns + margin) + (rows + patch) * columns + rows * columns + 2 * columns + patch;
}

// Squared differences of two rows, summed over the columns of the patch.
static void row_distances(const float *a, const float *b, size_t columns, size_t width, float *squares, float *sums) {
  for (size_t j = 0; j < columns + width - 1; j++) squares[j] = (a[j] - b[j]) * (a[j] - b[j]);
  for (size_t j = 0; j < columns; j++) sums[j] = squares[j];
  for (size_t k = 1; k < width; k++)
    for (size_t j = 0; j < columns; j++) sums[j] += squares[j + k];
}

void ck_non_local_means(const float *x, size_t rows, size_t columns, int patch_radius, int search_radius, float h,
                        float sigma, float *scratch, float *out) {
  ptrdiff_t margin = patch_radius + search_radius;
  size_t width = 2 * (size_t)patch_radius + 1, stride = columns + 2 * (size_t)margin;
  float *padded = scratch;
  float *sums = padded + (rows + 2 * (size_t)margin) * stride;
  float *weight_sums = sums + (rows + width - 1) * columns;
  float *distance = weight_sums + rows * columns;
  float *squares = distance + columns;
  for (size_t i = 0; i < rows + 2 * (size_t)margin; i++)
    for (size_t j = 0; j < stride; j++)
      padded[i * stride + j] =
          x[reflected((ptrdiff_t)i - margin, rows) * columns + reflected((ptrdiff_t)j - margin, columns)];
  for (size_t i = 0; i < rows * columns; i++) out[i] = weight_sums[i] = 0;

  const float scale = 1 / (h * h), mean = 1 / (float)(width * width), expected = 2 * sigma * sigma;
  for (ptrdiff_t dy = -search_radius; dy <= search_radius; dy++) {
    for (ptrdiff_t dx = -search_radius; dx <= search_radius; dx++) {
      ptrdiff_t shift = dy * (ptrdiff_t)stride + dx;
      for (size_t i = 0; i < rows + width - 1; i++) {
        const float *a = padded + (i + (size_t)search_radius) * stride + search_radius;
        row_distances(a, a + shift, columns, width, squares, sums + i * columns);
      }
      for (size_t i = 0; i < rows; i++) {
        const float *value = padded + ((size_t)margin + i) * stride + margin + shift;
        float *target = out + i * columns, *weights = weight_sums + i * columns;
        for (size_t j = 0; j < columns; j++) distance[j] = sums[i * columns + j];
        for (size_t k = 1; k < width; k++)
          for (size_t j = 0; j < columns; j++) distance[j] += sums[(i + k) * columns + j];
        for (size_t j = 0; j < columns; j++) {
          float excess = distance[j] * mean - expected;
          float exponent = excess > 0 ? excess * scale : 0;
          if (exponent > 20) continue;  // a weight below 2e-9
          float weight = expf(-exponent);
          weights[j] += weight;
          target[j] += weight * value[j];
        }
      }
    }
  }
  for (size_t i = 0; i < rows * columns; i++) out[i] /= weight_sums[i];
}

void ck_separable_filter(const float *x, size_t rows, size_t columns, const float *weights, int radius, float *scratch,
                         float *out) {
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < columns; j++) {
      float sum = 0;
      for (int k = -radius; k <= radius; k++)
        sum += weights[k + radius] * x[reflected((ptrdiff_t)i + k, rows) * columns + j];
      scratch[i * columns + j] = sum;
    }
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < columns; j++) {
      float sum = 0;
      for (int k = -radius; k <= radius; k++)
        sum += weights[k + radius] * scratch[i * columns + reflected((ptrdiff_t)j + k, columns)];
      out[i * columns + j] = sum;
    }
}
