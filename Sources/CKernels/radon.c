// Parallel-beam projection, ramp filtering and back-projection of a slice, and photon counting. The loops are plain C
// that the compiler vectorises over outputs; a clone per instruction set is chosen at load time. All clones add in
// the same order and contraction is off, so they agree to the last bit.
#include "ck_radon.h"

#include <math.h>
#include <string.h>

#include "ck_random.h"

#if defined(__x86_64__)
#define CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define CLONES
#endif
#define INLINED static inline __attribute__((always_inline))

static const double pi = 3.14159265358979323846;

// Two zeros on either side of every row: rays that miss the slice read those.
static size_t padded_width(size_t n) { return n + 4; }

size_t ck_radon_scratch_count(size_t n) { return 2 * n * padded_width(n); }

static void pad_rows_and_columns(const float *image, size_t n, float *rows, float *columns) {
  size_t w = padded_width(n);
  memset(rows, 0, n * w * sizeof(float));
  memset(columns, 0, n * w * sizeof(float));
  for (size_t y = 0; y < n; y++) {
    for (size_t x = 0; x < n; x++) {
      rows[y * w + x + 2] = image[y * n + x];
      columns[x * w + y + 2] = image[y * n + x];
    }
  }
}

// out[j] += line at position first + j * step, for the bins whose rays meet the line.
INLINED void add_line(const float *line, float limit, double first, double step, size_t bins, float *out) {
  double a = (0.0 - first) / step, b = ((double)limit - first) / step;
  double low = fmax(0.0, floor(fmin(a, b))), high = fmin((double)bins, ceil(fmax(a, b)) + 1.0);
  if (!(low < high)) return;
  int begin = (int)low, end = (int)high;
  float f = (float)first, s = (float)step;
  for (int j = begin; j < end; j++) {
    float x = f + (float)j * s;
    x = x < 0.5f ? 0.5f : x;
    x = x > limit ? limit : x;
    int i = (int)x;
    float left = line[i];
    out[j] += left + (x - (float)i) * (line[i + 1] - left);
  }
}

CLONES static void project_view(const float *lines, size_t n, size_t bins, double along, double across, float *out) {
  // The ray of bin j crosses line y at x = (t - y * across) / along, with t = j - (bins - 1) / 2.
  size_t w = padded_width(n);
  double centre = 0.5 * (double)(n - 1), middle = 0.5 * (double)(bins - 1);
  for (size_t j = 0; j < bins; j++) out[j] = 0;
  for (size_t y = 0; y < n; y++) {
    double first = (-middle - ((double)y - centre) * across) / along + centre + 2.0;
    add_line(lines + y * w, (float)n + 2.5f, first, 1.0 / along, bins, out);
  }
  float length = (float)(1.0 / fabs(along));
  for (size_t j = 0; j < bins; j++) out[j] *= length;
}

void ck_radon_project(const float *image, size_t n, size_t views, size_t bins, float *scratch, float *sinogram) {
  float *rows = scratch, *columns = scratch + n * padded_width(n);
  pad_rows_and_columns(image, n, rows, columns);
  for (size_t v = 0; v < views; v++) {
    double angle = pi * (double)v / (double)views, c = cos(angle), s = sin(angle);
    float *out = sinogram + v * bins;
    if (fabs(c) >= fabs(s)) project_view(rows, n, bins, c, s, out);
    else project_view(columns, n, bins, s, c, out);
  }
}

CLONES void ck_radon_filter(const float *sinogram, size_t views, size_t bins, const float *kernel, float *out) {
  for (size_t v = 0; v < views; v++) {
    const float *p = sinogram + v * bins;
    float *q = out + v * bins;
    for (size_t j = 0; j < bins; j++) q[j] = 0;
    for (size_t k = 0; k < bins; k++) {
      const float *h = kernel + (bins - 1) - k;
      float value = p[k];
      for (size_t j = 0; j < bins; j++) q[j] += value * h[j];
    }
  }
}

// Rows at a time per view, so that neither the views nor the rows fall out of the cache.
enum { row_block = 8 };

INLINED void add_view(const float *view, float limit, float first, float step, int n, float *row) {
  for (int x = 0; x < n; x++) {
    float t = first + (float)x * step;
    int inside = t >= 0.0f && t < limit;
    t = inside ? t : 0.0f;
    int i = (int)t;
    float left = view[i];
    float value = left + (t - (float)i) * (view[i + 1] - left);
    row[x] += inside ? value : 0.0f;
  }
}

CLONES void ck_radon_back_project(const float *sinogram, size_t n, size_t views, size_t bins, float scale,
                                  float *image) {
  double centre = 0.5 * (double)(n - 1), middle = 0.5 * (double)(bins - 1);
  for (size_t i = 0; i < n * n; i++) image[i] = 0;
  for (size_t block = 0; block < n; block += row_block) {
    size_t end = block + row_block < n ? block + row_block : n;
    for (size_t v = 0; v < views; v++) {
      double angle = pi * (double)v / (double)views, c = cos(angle), s = sin(angle);
      for (size_t y = block; y < end; y++) {
        double first = ((double)y - centre) * s - centre * c + middle;
        add_view(sinogram + v * bins, (float)(bins - 1), (float)first, (float)c, (int)n, image + y * n);
      }
    }
  }
  for (size_t i = 0; i < n * n; i++) image[i] *= scale;
}

// A normal number from two words, by Box-Muller.
static double normal(uint32_t a, uint32_t b) {
  return sqrt(-2.0 * log(((double)a + 1.0) * 0x1p-32)) * cos(2.0 * pi * (double)b * 0x1p-32);
}

// Above this mean the corrected normal approximation is closer to a Poisson number than its rounding.
static const double exact_below = 100.0;

static double poisson(double mean, uint32_t a, uint32_t b) {
  if (!(mean > 0.0)) return 0.0;
  if (mean >= exact_below) {
    double z = normal(a, b);
    double count = floor(mean + sqrt(mean) * z + (z * z - 1.0) / 6.0 + 0.5);
    return count > 0.0 ? count : 0.0;
  }
  double u = ((double)(((uint64_t)a << 32 | b) >> 11) + 0.5) * 0x1p-53;
  double probability = exp(-mean), sum = probability, count = 0.0;
  while (u > sum && count < 10.0 * exact_below) {
    count += 1.0;
    probability *= mean / count;
    sum += probability;
  }
  return count;
}

void ck_poisson(uint64_t seed, uint64_t stream, size_t count, const float *mean, float *out) {
  for (size_t i = 0; i < count; i++) {
    uint32_t w[4];
    ck_philox_block(seed, stream, i, w);
    out[i] = (float)poisson(mean[i], w[0], w[1]);
  }
}

void ck_photon_noise(uint64_t seed, uint64_t stream, size_t count, const float *p, double photons, double electronic,
                     float *out) {
  for (size_t i = 0; i < count; i++) {
    uint32_t w[4];
    ck_philox_block(seed, stream, i, w);
    double counted = poisson(photons * exp(-(double)p[i]), w[0], w[1]) + electronic * normal(w[2], w[3]);
    out[i] = (float)(-log(fmax(counted, 1.0) / photons) - (double)p[i]);
  }
}
