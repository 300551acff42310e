// libnifti behind one function. The bytes must have passed our own header checks: Debian's libnifti2 3.0.1 reads past
// the header when dim[0] is out of range.
#ifndef CNIfTI_H
#define CNIfTI_H

#include <stddef.h>
#include <stdint.h>

// What libnifti makes of a header.
typedef struct {
  int64_t extent[7];          // dim[1] ... dim[7], at least 1 each
  int datatype;               // NIfTI code
  double slope, intercept;    // scl_slope, scl_inter as they stand
  double qform[12], sform[12];  // rows of 4; of use only where the header's code is positive
} cnifti_summary;

// Reads a header of 348 (NIfTI-1) or 540 bytes (NIfTI-2) in either byte order; swapping and the way from quaternion to
// matrix are libnifti's. Returns 0, or -1 if libnifti refuses.
int cnifti_summarize(const uint8_t *header, size_t count, cnifti_summary *out);

// The quaternion form nearest to an affine (rows of 4), by libnifti: b, c, d and the sign of the third axis.
void cnifti_quaternion(const double affine[12], double bcd[3], double *qfac);

// The version of the library that was loaded, such as 2.1.0, as its file is named; empty if that does not say. Valid for ever.
const char *cnifti_version(void);

#endif
