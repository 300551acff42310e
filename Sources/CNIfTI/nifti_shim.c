#define _GNU_SOURCE
#include "CNIfTI.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include <nifti2_io.h>

// libnifti talks on stderr by default. The level is a global of the library, so it is set once, before main.
__attribute__((constructor)) static void be_quiet(void) { nifti_set_debug_level(0); }

static void copy_rows(double to[12], const nifti_dmat44 *from) {
  for (int row = 0; row < 3; row++)
    for (int column = 0; column < 4; column++) to[4 * row + column] = from->m[row][column];
}

int cnifti_summarize(const uint8_t *header, size_t count, cnifti_summary *out) {
  nifti_image *image = NULL;
  if (count == sizeof(nifti_1_header)) {
    nifti_1_header fields;
    memcpy(&fields, header, sizeof fields);
    image = nifti_convert_n1hdr2nim(fields, NULL);
  } else if (count == sizeof(nifti_2_header)) {
    nifti_2_header fields;
    memcpy(&fields, header, sizeof fields);
    image = nifti_convert_n2hdr2nim(fields, NULL);
  }
  if (image == NULL) return -1;
  for (int axis = 0; axis < 7; axis++) out->extent[axis] = axis < image->ndim ? image->dim[axis + 1] : 1;
  out->datatype = image->datatype;
  out->slope = image->scl_slope;
  out->intercept = image->scl_inter;
  copy_rows(out->qform, &image->qto_xyz);
  copy_rows(out->sform, &image->sto_xyz);
  nifti_image_free(image);
  return 0;
}

void cnifti_quaternion(const double affine[12], double bcd[3], double *qfac) {
  nifti_dmat44 matrix = {{{0}}};
  for (int row = 0; row < 3; row++)
    for (int column = 0; column < 4; column++) matrix.m[row][column] = affine[4 * row + column];
  matrix.m[3][3] = 1;
  nifti_dmat44_to_quatern(matrix, &bcd[0], &bcd[1], &bcd[2], NULL, NULL, NULL, NULL, NULL, NULL, qfac);
}

// The library prints its version and does not return it: its file's name says it too, behind "libnifti2.so.".
const char *cnifti_version(void) {
  static char version[32];
  Dl_info place;
  if (version[0] != 0 || dladdr((void *)nifti_image_free, &place) == 0) return version;
  char *path = realpath(place.dli_fname, NULL);
  const char *mark = path == NULL ? NULL : strstr(path, ".so.");
  if (mark != NULL) strncpy(version, mark + strlen(".so."), sizeof version - 1);
  free(path);
  return version;
}
