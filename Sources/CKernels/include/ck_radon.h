#ifndef CK_RADON_H
#define CK_RADON_H
#include <stddef.h>
#include <stdint.h>

// Parallel-beam geometry of a square slice of n x n pixels, in units of one pixel: view v of `views` looks along the
// angle pi v / views, bin j of `bins` lies at j - (bins - 1) / 2 from the centre of the slice. No routine here makes
// threads, and none sums in an order that depends on the instruction set: the bits are the same everywhere.

/// Floats of scratch that `ck_radon_project` needs.
size_t ck_radon_scratch_count(size_t n);

/// Line integrals (Joseph's method: one linear interpolation per row or column crossed). sinogram: views x bins.
void ck_radon_project(const float *image, size_t n, size_t views, size_t bins, float *scratch, float *sinogram);

/// Convolves every view with a symmetric kernel given for offsets -(bins-1) ... bins-1. out: views x bins.
void ck_radon_filter(const float *sinogram, size_t views, size_t bins, const float *kernel, float *out);

/// Sum over views of the linearly interpolated filtered views, times `scale`. Pixels that a view does not cover get
/// nothing from it. image: n x n.
void ck_radon_back_project(const float *sinogram, size_t n, size_t views, size_t bins, float scale, float *image);

/// Poisson numbers for elements 0 ... count-1 of one Philox stream: exact inversion for means below 100, above that
/// the normal approximation with the third-moment (Cornish-Fisher) correction, rounded.
void ck_poisson(uint64_t seed, uint64_t stream, size_t count, const float *mean, float *out);

/// What counting photons does to line integrals p: counts N = Poisson(photons exp(-p)) + electronic normal noise,
/// out = -ln(max(N, 1) / photons) - p.
void ck_photon_noise(uint64_t seed, uint64_t stream, size_t count, const float *p, double photons, double electronic,
                     float *out);

#endif
