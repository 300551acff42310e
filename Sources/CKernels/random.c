// Philox4x32-10 (Salmon et al., SC 2011) and normal numbers from it. The portable body is the only one: the cost is
// far below that of a network evaluation, and one body means one sequence on every machine.
#include "ck_random.h"

#include <math.h>

static void philox_round(uint32_t c[4], uint32_t k0, uint32_t k1) {
  uint64_t p0 = (uint64_t)0xD2511F53u * c[0];
  uint64_t p1 = (uint64_t)0xCD9E8D57u * c[2];
  uint32_t n0 = (uint32_t)(p1 >> 32) ^ c[1] ^ k0;
  uint32_t n2 = (uint32_t)(p0 >> 32) ^ c[3] ^ k1;
  c[1] = (uint32_t)p1;
  c[3] = (uint32_t)p0;
  c[0] = n0;
  c[2] = n2;
}

void ck_philox_block(uint64_t seed, uint64_t stream, uint64_t index, uint32_t out[4]) {
  uint32_t c[4] = {(uint32_t)index, (uint32_t)(index >> 32), (uint32_t)stream, (uint32_t)(stream >> 32)};
  uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
  for (int round = 0; round < 10; round++) {
    philox_round(c, k0, k1);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  for (int i = 0; i < 4; i++) out[i] = c[i];
}

// Box-Muller on (a, b). u1 lies in (0, 1], so the logarithm is finite; the arithmetic is in double, so the float
// result does not feel the last bit of libm.
static void normal_pair(uint32_t a, uint32_t b, float out[2]) {
  double u1 = ((double)a + 1.0) * 0x1p-32;
  double u2 = (double)b * 0x1p-32;
  double r = sqrt(-2.0 * log(u1));
  double t = 6.283185307179586476925 * u2;
  out[0] = (float)(r * cos(t));
  out[1] = (float)(r * sin(t));
}

void ck_philox_normal(uint64_t seed, uint64_t stream, uint64_t first, size_t count, float *out) {
  uint64_t end = first + count;
  for (uint64_t block = first / 4; block * 4 < end; block++) {
    uint32_t w[4];
    float z[4];
    ck_philox_block(seed, stream, block, w);
    normal_pair(w[0], w[1], z);
    normal_pair(w[2], w[3], z + 2);
    for (uint64_t lane = 0; lane < 4; lane++) {
      uint64_t i = block * 4 + lane;
      if (i >= first && i < end) out[i - first] = z[lane];
    }
  }
}
