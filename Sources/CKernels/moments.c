// Moments of images from those of their pieces, in double; see ck_moments.h.
#include "ck_moments.h"

void ck_moments_add(const float *piece, double pixels, int channels, const float *origin, double *total) {
  for (int c = 0; c < channels; c++) {
    const double shift = (double)piece[c] - origin[c], sum = piece[channels + c];
    total[c] += sum + pixels * shift;
    total[channels + c] += piece[2 * channels + c] + 2 * shift * sum + pixels * shift * shift;
  }
}
