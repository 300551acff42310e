#ifndef CK_MOMENTS_H
#define CK_MOMENTS_H
#include <stddef.h>

/// Adds moments of one piece of an image to those of the whole.
///
/// `piece` is [3, channels]: a shift (some value of the channel), and the sums over the piece's `pixels` of x - shift
/// and (x - shift)^2. `total` is [2, channels] in double: the same sums for the shift `origin` [channels].
void ck_moments_add(const float *piece, double pixels, int channels, const float *origin, double *total);

#endif
