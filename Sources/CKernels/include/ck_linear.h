#ifndef CK_LINEAR_H
#define CK_LINEAR_H
#include <stddef.h>

/// out[i] = sum over t of coefficients[t] * inputs[t][i], summed in double in the order of the terms, rounded once.
/// At least one term; `out` may be one of the inputs.
void ck_linear_combination(size_t count, size_t terms, const double *coefficients, const float *const *inputs,
                           float *out);

/// out[i] = x[i] brought into [low, high]; NaN stays NaN.
void ck_clamp(size_t count, float low, float high, const float *x, float *out);

#endif
