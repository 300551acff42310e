#ifndef CK_ELEMENTWISE_H
#define CK_ELEMENTWISE_H
#include <stddef.h>

/// target += source.
void ck_add(float *target, const float *source, size_t count);

/// target = a * target + b * source.
void ck_scale_add(float *target, float a, const float *source, float b, size_t count);

/// sums[channels] += sum over pixels of x [pixels, channels].
void ck_channel_sums(const float *x, size_t pixels, int channels, double *sums);

/// Sum of squares, in double.
double ck_sum_of_squares(const float *x, size_t count);

/// dx = p * (dp - sum(dp * p)) * scale for each row: the gradient of softmax(scale * x), p being its result.
void ck_softmax_gradient_rows(const float *p, const float *dp, size_t rows, size_t columns, float scale, float *dx);

/// One step of Adam (Kingma & Ba 2015, algorithm 1) with bias corrections given; `g` is multiplied by `clip` first.
void ck_adam(float *w, float *m, float *v, const float *g, size_t count, float clip, float rate, float beta1,
             float beta2, float epsilon, float correction1, float correction2);

#endif
