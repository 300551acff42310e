#ifndef CK_GROUP_NORM_H
#define CK_GROUP_NORM_H
#include <stddef.h>

/// Adds to sums[2*channels] the sums over `pixels` of (x - shift) and (x - shift)^2 per channel. Here and below
/// `shift` [channels] is some value of the channel, taken off first so that nothing cancels when the mean is large.
void ck_norm_sums(const float *x, size_t pixels, int channels, const float *shift, double *sums);

/// For z = (x - shift) * scale + offset and y = silu(z) (or y = z): adds to sums[2*channels] the sums over pixels of dz and
/// dz * (x - shift) per channel, dz being the gradient with respect to z. Pixels of dy are dy_step floats apart.
void ck_norm_gradient_sums(const float *x, const float *dy, size_t dy_step, size_t pixels, int channels, const float *shift,
                           const float *scale, const float *offset, int silu, double *sums);

/// dx = dz * scale + (x - shift) * by_x + constant per channel (the gradient of normalisation with its statistics).
void ck_norm_gradient_apply(const float *x, const float *dy, size_t dy_step, size_t pixels, int channels, const float *shift,
                            const float *scale, const float *offset, int silu, const float *by_x,
                            const float *constant, float *dx);

/// The readable oracle: group norm of one image [pixels, channels], then SiLU if asked.
void ck_reference_group_norm(const float *x, size_t pixels, int channels, int groups, double epsilon,
                             const float *gamma, const float *beta, int silu, float *y);
#endif
