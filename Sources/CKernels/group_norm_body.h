// Bodies of the normalisation kernels; channels are a multiple of 32 and so of VL.

#include "sigmoid_body.h"

INLINE vf FN(load)(const float *p) { return *(const vf *)p; }

static void FN(norm_sums)(const float *x, size_t pixels, int channels, const float *shift, double *sums) {
  // Up to 64 pixels are summed in float, then added in double; all their channels before the next pixels, as they lie in
  // memory.
  for (size_t first = 0; first < pixels; first += 64) {
    size_t end = first + 64 < pixels ? first + 64 : pixels;
    for (int c = 0; c < channels; c += VL) {
      vf offset = FN(load)(shift + c);
      vf sum = {}, square = {};
      for (size_t p = first; p < end; p++) {
        vf v = FN(load)(x + p * channels + c) - offset;
        sum += v;
        square = FMA(v, v, square);
      }
      for (int i = 0; i < VL; i++) {
        sums[c + i] += sum[i];
        sums[channels + c + i] += square[i];
      }
    }
  }
}

// dL/dz from dL/dy: y = z sigmoid(z) has y' = s + z s (1 - s).
INLINE vf FN(gradient_before)(vf z, vf dy, int silu) {
  if (!silu) return dy;
  vf s = FN(vsigmoid)(z);
  return dy * FMA(z * s, SPLAT(1.0f) - s, s);
}

static void FN(norm_gradient_sums)(const float *x, const float *dy, size_t dy_step, size_t pixels, int channels,
                                   const float *shift, const float *scale, const float *offset, int silu, float *dz,
                                   double *sums) {
  for (size_t first = 0; first < pixels; first += 64) {
    size_t end = first + 64 < pixels ? first + 64 : pixels;
    for (int c = 0; c < channels; c += VL) {
      vf a = FN(load)(scale + c), b = FN(load)(offset + c), m = FN(load)(shift + c);
      vf sum = {}, product = {};
      for (size_t p = first; p < end; p++) {
        vf v = FN(load)(x + p * channels + c) - m;
        vf d = FN(gradient_before)(FMA(v, a, b), FN(load)(dy + p * dy_step + c), silu);
        *(vf *)(dz + p * channels + c) = d;
        sum += d;
        product = FMA(d, v, product);
      }
      for (int i = 0; i < VL; i++) {
        sums[c + i] += sum[i];
        sums[channels + c + i] += product[i];
      }
    }
  }
}

static void FN(norm_gradient_apply)(const float *x, size_t pixels, int channels, const float *shift, const float *scale,
                                    const float *by_x, const float *constant, const float *addend, float *dz) {
  for (size_t p = 0; p < pixels; p++) {
    for (int c = 0; c < channels; c += VL) {
      const size_t at = p * channels + c;
      vf v = FN(load)(x + at) - FN(load)(shift + c);
      vf dx = FMA(FN(load)(dz + at), FN(load)(scale + c), FMA(v, FN(load)(by_x + c), FN(load)(constant + c)));
      *(vf *)(dz + at) = addend ? FN(load)(addend + at) + dx : dx;
    }
  }
}

static void FN(softmax_rows)(float *x, size_t rows, size_t columns, float scale) {
  for (size_t r = 0; r < rows; r++, x += columns) {
    float high = x[0];
    for (size_t c = 1; c < columns; c++) high = x[c] > high ? x[c] : high;
    double sum = 0;
    size_t c = 0;
    for (; c + VL <= columns; c += VL) {
      vf e = FN(vexp)((FN(load)(x + c) - SPLAT(high)) * SPLAT(scale));
      *(vf *)(x + c) = e;
      for (int i = 0; i < VL; i++) sum += e[i];
    }
    if (c < columns) {
      vf e = {};
      for (size_t i = c; i < columns; i++) e[i - c] = (x[i] - high) * scale;
      e = FN(vexp)(e);
      for (size_t i = c; i < columns; i++) sum += x[i] = e[i - c];
    }
    float inverse = (float)(1.0 / sum);
    for (c = 0; c < columns; c++) x[c] *= inverse;
  }
}

static void FN(silu)(const float *x, size_t count, float *y) {
  size_t i = 0;
  for (; i + VL <= count; i += VL) {
    vf v = FN(load)(x + i);
    *(vf *)(y + i) = FN(vsilu)(v);
  }
  for (; i < count; i++) {
    vf v = SPLAT(x[i]);
    y[i] = FN(vsilu)(v)[0];
  }
}

static void FN(silu_gradient)(const float *x, const float *dy, size_t count, float *dx) {
  size_t i = 0;
  for (; i + VL <= count; i += VL) *(vf *)(dx + i) = FN(gradient_before)(FN(load)(x + i), FN(load)(dy + i), 1);
  for (; i < count; i++) dx[i] = FN(gradient_before)(SPLAT(x[i]), SPLAT(dy[i]), 1)[0];
}
