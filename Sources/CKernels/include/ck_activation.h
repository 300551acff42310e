#ifndef CK_ACTIVATION_H
#define CK_ACTIVATION_H
#include <stddef.h>

/// y = x * sigmoid(x).
void ck_silu(const float *x, size_t count, float *y);

/// dx = dy * d silu(x) / dx.
void ck_silu_gradient(const float *x, const float *dy, size_t count, float *dx);

/// Each row of x [rows, columns] becomes softmax(scale * row), scale > 0.
void ck_softmax_rows(float *x, size_t rows, size_t columns, float scale);

#endif
