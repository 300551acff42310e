#ifndef CK_RANDOM_H
#define CK_RANDOM_H
#include <stddef.h>
#include <stdint.h>

/// Philox4x32-10: the four words of block `index` of `stream` under the key `seed`.
void ck_philox_block(uint64_t seed, uint64_t stream, uint64_t index, uint32_t out[4]);

/// Standard normal numbers for elements first ... first+count-1: element i is lane i%4 of block i/4.
void ck_philox_normal(uint64_t seed, uint64_t stream, uint64_t first, size_t count, float *out);

#endif
