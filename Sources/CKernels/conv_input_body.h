// Reading a ck_conv_input: see ck_conv_input.h for what it stands for. Included by bodies; no include guard.
#include "sigmoid_body.h"

INLINE vf FN(load_some)(const float *p, int count) {
  if (count >= VL) return *(const vf *)p;
  vf v = {};
  for (int i = 0; i < count; i++) v[i] = p[i];
  return v;
}

INLINE void FN(store_some)(float *p, vf v, int count) {
  if (count >= VL) {
    *(vf *)p = v;
  } else {
    for (int i = 0; i < count; i++) p[i] = v[i];
  }
}

// One vector of channels (`used` of its lanes) for neighbouring pixels of a row.
INLINE void FN(gather_vector)(const float *from, int step_in, int phase, int up, int pixels, int used, int norm,
                              int silu, vf shift, vf scale, vf offset, float *to, size_t step) {
  for (int p = 0; p < pixels; p++) {
    vf v = FN(load_some)(from + (size_t)((p + phase) >> up) * step_in, used);
    if (norm) v = FMA(v - shift, scale, offset);
    if (silu) v = FN(vsilu)(v);
    FN(store_some)(to + (size_t)p * step, v, used);
  }
}

// `count` channels of one part, the first being channel `at` of both, for neighbouring pixels of a row: a few pixels at
// a time, so that every cache line is used up while it is there.
INLINE void FN(gather_pixels)(const ck_conv_input *in, const float *from, int step_in, int phase, int up, int pixels,
                              int count, int norm, int silu, int at, float *to, size_t step) {
  for (int first = 0; first < pixels; first += 32) {
    const int some = pixels - first < 32 ? pixels - first : 32;
    const float *x = from + (size_t)((first + phase) >> up) * step_in;
    for (int c = 0; c < count; c += VL) {
      const int used = count - c;
      float *target = to + (size_t)first * step + c;
      vf shift = {}, scale = {}, offset = {};
      if (norm) {
        shift = FN(load_some)(in->shift + at + c, used);
        scale = FN(load_some)(in->scale + at + c, used);
        offset = FN(load_some)(in->offset + at + c, used);
      }
      if (used >= VL)
        FN(gather_vector)(x + c, step_in, phase, up, some, VL, norm, silu, shift, scale, offset, target, step);
      else FN(gather_vector)(x + c, step_in, phase, up, some, used, norm, silu, shift, scale, offset, target, step);
    }
  }
}

// Channels first ... of one part, `count` of them, for pixels x ... x + pixels - 1 of row y (all inside the image).
INLINE void FN(gather_part)(const ck_conv_input *in, int part, int first, int count, int y, int x, int pixels,
                            float *to, size_t step) {
  const int up = in->upsampled, channels = in->channels[part];
  const float *from = in->part[part] + ((size_t)(y >> up) * (in->width >> up) + (x >> up)) * channels + first;
  const int at = (part ? in->channels[0] : 0) + first, phase = x & up;
  if (in->scale && in->silu) FN(gather_pixels)(in, from, channels, phase, up, pixels, count, 1, 1, at, to, step);
  else if (in->scale) FN(gather_pixels)(in, from, channels, phase, up, pixels, count, 1, 0, at, to, step);
  else FN(gather_pixels)(in, from, channels, phase, up, pixels, count, 0, 0, at, to, step);
}

static void FN(gather)(const ck_conv_input *in, int y, int x, int pixels, int first, int count, float *to,
                       size_t step) {
  int begin = x < 0 ? -x : 0, end = x + pixels > in->width ? in->width - x : pixels;
  if (y < 0 || y >= in->height || begin >= end) begin = end = pixels;
  for (int p = 0; p < begin; p++) memset(to + (size_t)p * step, 0, (size_t)count * sizeof(float));
  for (int p = end; p < pixels; p++) memset(to + (size_t)p * step, 0, (size_t)count * sizeof(float));
  if (begin == end) return;
  float *start = to + (size_t)begin * step;
  const int left = in->channels[0] - first;  // channels of part 0 from `first` on
  const int head = left < 0 ? 0 : left < count ? left : count;
  if (head > 0) FN(gather_part)(in, 0, first, head, y, x + begin, end - begin, start, step);
  if (head < count)
    FN(gather_part)(in, 1, first + head - in->channels[0], count - head, y, x + begin, end - begin, start + head, step);
}
