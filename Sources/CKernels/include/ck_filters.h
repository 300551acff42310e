#ifndef CK_FILTERS_H
#define CK_FILTERS_H
#include <stddef.h>

/// Floats of scratch that `ck_non_local_means` needs.
size_t ck_non_local_means_scratch(size_t rows, size_t columns, int patch_radius, int search_radius);

/// Non-local means of one slice: out(p) is the mean of x over offsets up to search_radius with weights
/// exp(-max(0, d - 2 sigma^2) / h^2), d being the mean squared difference of the patches around p and p + offset. The
/// slice is continued by reflection; patch_radius + search_radius must be below both extents.
void ck_non_local_means(const float *x, size_t rows, size_t columns, int patch_radius, int search_radius, float h,
                        float sigma, float *scratch, float *out);

/// Convolution of one slice with weights[0..2*radius] along rows and columns, continued by reflection; `scratch` has
/// rows * columns floats. The radius must be below both extents.
void ck_separable_filter(const float *x, size_t rows, size_t columns, const float *weights, int radius, float *scratch,
                         float *out);

#endif
