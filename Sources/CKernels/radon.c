// Parallel-beam projection, ramp filtering and back-projection of a slice, and photon counting. The portable loops are
// plain C; where AVX-512 is at hand, the two that look up interpolated values have a body that permutes registers
// instead of gathering from memory. All bodies do the same operations in the same order and contraction is off, so
// they agree to the last bit.
#include "ck_radon.h"

#include <math.h>
#include <string.h>

#include "ck_dispatch.h"
#include "ck_random.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#define AVX512 __attribute__((target("avx512f")))
#else
#define CLONES
#endif

static const double pi = 3.14159265358979323846;

// Two zeros on either side of every row: rays that miss the slice read those.
static size_t padded_width(size_t n) { return n + 4; }

// The wide bodies load 32 floats from the first one that they need.
static const size_t slack = 32;

size_t ck_radon_scratch_count(size_t n) { return 2 * n * padded_width(n) + slack; }

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

// A line of pixels, and the part of a view whose rays meet it: bin j at position first + j * step.
struct crossing {
  const float *line;
  float limit, first, step;
  int begin, end;
};

static struct crossing cross(const float *line, size_t n, double first, double step, size_t bins) {
  float limit = (float)n + 2.5f;
  double a = (0.0 - first) / step, b = ((double)limit - first) / step;
  double low = fmax(0.0, floor(fmin(a, b))), high = fmin((double)bins, ceil(fmax(a, b)) + 1.0);
  struct crossing c = {line, limit, (float)first, (float)step, 0, 0};
  if (low < high) {
    c.begin = (int)low;
    c.end = (int)high;
  }
  return c;
}

static void add_line_portable(struct crossing c, int begin, float *out) {
  for (int j = begin; j < c.end; j++) {
    float x = c.first + (float)j * c.step;
    x = x < 0.5f ? 0.5f : x;
    x = x > c.limit ? c.limit : x;
    int i = (int)x;
    float left = c.line[i];
    out[j] += left + (x - (float)i) * (c.line[i + 1] - left);
  }
}

#if defined(AVX512)
// Sixteen values interpolated at positions x that lie within 30 of one another: two registers hold all that is read.
AVX512 static inline __m512 interpolate(const float *values, __m512 x) {
  __m512i i = _mm512_cvttps_epi32(x);
  int low = _mm512_reduce_min_epi32(i);
  __m512i at = _mm512_sub_epi32(i, _mm512_set1_epi32(low));
  __m512 a = _mm512_loadu_ps(values + low), b = _mm512_loadu_ps(values + low + 16);
  __m512 left = _mm512_permutex2var_ps(a, at, b);
  __m512 right = _mm512_permutex2var_ps(a, _mm512_add_epi32(at, _mm512_set1_epi32(1)), b);
  __m512 fraction = _mm512_sub_ps(x, _mm512_cvtepi32_ps(i));
  return _mm512_add_ps(left, _mm512_mul_ps(fraction, _mm512_sub_ps(right, left)));
}

AVX512 static inline __m512 positions(int j, float first, float step) {
  const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  __m512 index = _mm512_cvtepi32_ps(_mm512_add_epi32(_mm512_set1_epi32(j), lanes));
  return _mm512_add_ps(_mm512_set1_ps(first), _mm512_mul_ps(index, _mm512_set1_ps(step)));
}

// Positions are at most sqrt(2) apart, so sixteen of them span less than 22.
AVX512 static int add_line_avx512(struct crossing c, float *out) {
  int j = c.begin;
  for (; j + 16 <= c.end; j += 16) {
    __m512 x = _mm512_max_ps(positions(j, c.first, c.step), _mm512_set1_ps(0.5f));
    x = _mm512_min_ps(x, _mm512_set1_ps(c.limit));
    _mm512_storeu_ps(out + j, _mm512_add_ps(_mm512_loadu_ps(out + j), interpolate(c.line, x)));
  }
  return j;
}
#endif

static void project_view(const float *lines, size_t n, size_t bins, double along, double across, float *out) {
  // The ray of bin j crosses line y at x = (t - y * across) / along, with t = j - (bins - 1) / 2.
  size_t w = padded_width(n);
  double centre = 0.5 * (double)(n - 1), middle = 0.5 * (double)(bins - 1);
  for (size_t j = 0; j < bins; j++) out[j] = 0;
  for (size_t y = 0; y < n; y++) {
    double first = (-middle - ((double)y - centre) * across) / along + centre + 2.0;
    struct crossing c = cross(lines + y * w, n, first, 1.0 / along, bins);
    int done = c.begin;
#if defined(AVX512)
    if (ck_isa() == CK_AVX512) done = add_line_avx512(c, out);
#endif
    add_line_portable(c, done, out);
  }
  float length = (float)(1.0 / fabs(along));
  for (size_t j = 0; j < bins; j++) out[j] *= length;
}

void ck_radon_project(const float *image, size_t n, size_t views, size_t bins, float *scratch, float *sinogram) {
  float *rows = scratch, *columns = scratch + n * padded_width(n);
  memset(scratch + 2 * n * padded_width(n), 0, slack * sizeof(float));
  pad_rows_and_columns(image, n, rows, columns);
  for (size_t v = 0; v < views; v++) {
    double angle = pi * (double)v / (double)views, c = cos(angle), s = sin(angle);
    float *out = sinogram + v * bins;
    if (fabs(c) >= fabs(s)) project_view(rows, n, bins, c, s, out);
    else project_view(columns, n, bins, s, c, out);
  }
}

// Outputs at a time, so that their sums stay in registers.
enum { filter_block = 64 };

CLONES void ck_radon_filter(const float *sinogram, size_t views, size_t bins, const float *kernel, float *out) {
  for (size_t v = 0; v < views; v++) {
    const float *p = sinogram + v * bins;
    float *q = out + v * bins;
    size_t j = 0;
    for (; j + filter_block <= bins; j += filter_block) {
      float sum[filter_block] = {0};
      for (size_t k = 0; k < bins; k++) {
        const float *h = kernel + (bins - 1) + j - k;
        for (size_t b = 0; b < filter_block; b++) sum[b] += p[k] * h[b];
      }
      for (size_t b = 0; b < filter_block; b++) q[j + b] = sum[b];
    }
    for (; j < bins; j++) {
      float sum = 0;
      for (size_t k = 0; k < bins; k++) sum += p[k] * kernel[(bins - 1) + j - k];
      q[j] = sum;
    }
  }
}

// Rows at a time per view, so that neither the views nor the rows fall out of the cache.
enum { row_block = 8 };

// row[x] += view at position first + x * step, for x from `begin` on; nothing where the view has no bin.
static void add_view_portable(const float *view, float limit, float first, float step, int begin, int n, float *row) {
  for (int x = begin; x < n; x++) {
    float t = first + (float)x * step;
    int inside = t >= 0.0f && t < limit;
    t = inside ? t : 0.0f;
    int i = (int)t;
    float left = view[i];
    float value = left + (t - (float)i) * (view[i + 1] - left);
    row[x] += inside ? value : 0.0f;
  }
}

#if defined(AVX512)
// `safe` is how far the view may be read: sixteen positions that do not lie well inside are left to the portable body.
AVX512 static void add_view_avx512(const float *view, float limit, float safe, float first, float step, int n,
                                   float *row) {
  int x = 0;
  for (; x + 16 <= n; x += 16) {
    float a = first + (float)x * step, b = first + (float)(x + 15) * step;
    if (a >= 0.0f && b >= 0.0f && a < safe && b < safe) {
      __m512 sum = _mm512_loadu_ps(row + x);
      _mm512_storeu_ps(row + x, _mm512_add_ps(sum, interpolate(view, positions(x, first, step))));
    } else {
      add_view_portable(view, limit, first, step, x, x + 16, row);
    }
  }
  add_view_portable(view, limit, first, step, x, n, row);
}
#endif

void ck_radon_back_project(const float *sinogram, size_t n, size_t views, size_t bins, float scale, float *image) {
  double centre = 0.5 * (double)(n - 1), middle = 0.5 * (double)(bins - 1);
  for (size_t i = 0; i < n * n; i++) image[i] = 0;
  for (size_t block = 0; block < n; block += row_block) {
    size_t end = block + row_block < n ? block + row_block : n;
    for (size_t v = 0; v < views; v++) {
      double angle = pi * (double)v / (double)views, c = cos(angle), s = sin(angle);
      const float *view = sinogram + v * bins;
      for (size_t y = block; y < end; y++) {
        float first = (float)(((double)y - centre) * s - centre * c + middle), step = (float)c;
        float limit = (float)(bins - 1), *row = image + y * n;
#if defined(AVX512)
        // Reading on into the next view is harmless, reading beyond the last one is not.
        float safe = fminf(limit, (float)((views - v) * bins) - 32.0f);
        if (ck_isa() == CK_AVX512) {
          add_view_avx512(view, limit, safe, first, step, (int)n, row);
          continue;
        }
#endif
        add_view_portable(view, limit, first, step, 0, (int)n, row);
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
