#ifndef CK_SEGMENT_H
#define CK_SEGMENT_H
#include <stddef.h>

// Inputs that a sum runs through, side by side in memory: `length` of them for each pixel, the next pixel's `step` floats
// further on.
typedef struct {
  const float *x;
  size_t step;
  int length;
} ck_segment;

// A row of taps of the largest kernel, or the parts of an input.
#define CK_MAX_SEGMENTS 8

#endif
