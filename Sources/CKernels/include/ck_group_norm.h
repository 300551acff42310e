#ifndef CK_GROUP_NORM_H
#define CK_GROUP_NORM_H
#include <stddef.h>

/// Adds to sums[2*channels] the sums over `pixels` of (x - shift) and (x - shift)^2 per channel. Here and below
/// `shift` [channels] is some value of the channel, taken off first so that nothing cancels when the mean is large.
void ck_norm_sums(const float *x, size_t pixels, int channels, const float *shift, double *sums);

/// For z = (x - shift) * scale + offset and y = silu(z) (or y = z): writes dz, the gradient with respect to z, shaped like
/// x, and adds to sums[2*channels] the sums over pixels of dz and dz * (x - shift) per channel. Pixels of dy are dy_step
/// floats apart.
void ck_norm_gradient_sums(const float *x, const float *dy, size_t dy_step, size_t pixels, int channels,
                           const float *shift, const float *scale, const float *offset, int silu, float *dz,
                           double *sums);

/// Turns dz in place into dx = dz * scale + (x - shift) * by_x + constant per channel, the gradient of the normalisation
/// with its statistics, plus `addend`, shaped like x, unless that is null.
void ck_norm_gradient_apply(const float *x, size_t pixels, int channels, const float *shift, const float *scale,
                            const float *by_x, const float *constant, const float *addend, float *dz);

/// The readable oracle: group norm of one image [pixels, channels], then SiLU if asked.
void ck_reference_group_norm(const float *x, size_t pixels, int channels, int groups, double epsilon,
                             const float *gamma, const float *beta, int silu, float *y);
#endif
