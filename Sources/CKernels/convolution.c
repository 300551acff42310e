// Direct convolution of NHWC images, forward and weight gradient; the input gradient is a forward convolution with
// flipped weights.
//
// Layout. Weights arrive as [ky, kx, in, out] and are packed to [block of out][ky][kx][in][out within block], a block
// being two vectors wide (one where there are no more channels than that), so that the inner loop streams them.
//
// Blocking. A strip of output rows copies the input rows that it reads into a scratch with its zero padding, which
// keeps border tests out of the inner loop and the strip in the level-2 cache; what it copies it also normalises,
// activates or upsamples (ck_conv_input.h). A 1x1 convolution of values as they are reads them
// where they lie. The register tile is TILE pixels by one
// block: 12 x 32 with AVX-512 (24 accumulators), 6 x 16 with AVX2, 6 x 8 in the portable body. Each output is one sum
// in a fixed order, whatever the strip, tile, batch or thread.
//
// Where there are four output channels or fewer (a network's last layer) the sums run along the taps and input channels
// of a row instead, in the lanes of one vector per pixel.
//
// The weight gradient uses the same tile with roles exchanged: 12 input channels by one block of output channels,
// summed over the pixels of a row.
#include "ck_convolution.h"
#include "ck_dispatch.h"
#include "segment.h"
#include "vector.h"

// Two vectors per block unless the output channels fit one.
static int block_vectors(int out_channels, int lanes) { return out_channels <= lanes ? 1 : 2; }

// So few output channels that a vector of them would be mostly empty: the sums then run along the input channels.
static int is_narrow(const ck_conv_shape *s) { return s->out_channels <= 4 && s->in_channels % 16 == 0; }

// A 1x1 convolution of values as they lie in memory: nothing need be copied.
static int is_plain(const ck_conv_shape *s, const ck_conv_input *in) {
  return s->kernel == 1 && s->stride == 1 && !in->scale && !in->upsampled && s->pad_top == 0 && s->pad_left == 0 &&
         s->out_width == s->width;
}

// Columns of the padded strip: everything that the windows of one row touch.
static int strip_width(const ck_conv_shape *s) { return (s->out_width - 1) * s->stride + s->kernel; }

static size_t strip_count(const ck_conv_shape *s, int rows) {
  return (size_t)((rows - 1) * s->stride + s->kernel) * (size_t)strip_width(s) * (size_t)s->in_channels;
}

#define BODY "convolution_body.h"
#include "vector_bodies.h"

static int lanes(void) {
  ck_isa_t isa = ck_isa();
  return isa == CK_AVX512 ? 16 : isa == CK_AVX2 ? 8 : 4;
}

int ck_conv_gradient_stride(const ck_conv_shape *s) {
  int block = block_vectors(s->out_channels, lanes()) * lanes();
  return (s->out_channels + block - 1) / block * block;
}

size_t ck_conv_packed_count(const ck_conv_shape *s) {
  if (is_narrow(s)) return (size_t)s->kernel * s->kernel * s->in_channels * s->out_channels;
  return (size_t)s->kernel * s->kernel * s->in_channels * ck_conv_gradient_stride(s);
}

void ck_conv_pack(const ck_conv_shape *s, const float *weights, float *packed) {
  const int block = block_vectors(s->out_channels, lanes()) * lanes();
  const int stride = ck_conv_gradient_stride(s), taps = s->kernel * s->kernel * s->in_channels;
  if (is_narrow(s)) {
    for (int o = 0; o < s->out_channels; o++)
      for (int t = 0; t < taps; t++) packed[(size_t)o * taps + t] = weights[(size_t)t * s->out_channels + o];
    return;
  }
  for (int first = 0; first < stride; first += block) {
    int used = s->out_channels - first < block ? s->out_channels - first : block;
    for (int t = 0; t < taps; t++) {
      memcpy(packed, weights + (size_t)t * s->out_channels + first, (size_t)used * sizeof(float));
      memset(packed + used, 0, (size_t)(block - used) * sizeof(float));
      packed += block;
    }
  }
}

void ck_conv_flip(int kernel, int in_channels, int out_channels, const float *weights, float *flipped) {
  const int taps = kernel * kernel;
  for (int t = 0; t < taps; t++)
    for (int i = 0; i < in_channels; i++)
      for (int o = 0; o < out_channels; o++)
        flipped[((size_t)(taps - 1 - t) * out_channels + o) * in_channels + i] =
            weights[((size_t)t * in_channels + i) * out_channels + o];
}

void ck_conv_turn(int taps, int in_channels, int out_channels, const float *weights, float *turned) {
  // Sixteen outputs by sixteen of their weights, each line read and written once: the rows of many outputs fall into
  // one cache set.
  enum { SIDE = 16 };
  const int row = in_channels * taps;
  float tile[SIDE][SIDE];
  for (int first = 0; first < out_channels; first += SIDE) {
    const int outs = out_channels - first < SIDE ? out_channels - first : SIDE;
    for (int at = 0, in = 0, tap = 0; at < row; at += SIDE) {
      const int some = row - at < SIDE ? row - at : SIDE;
      const float *from = weights + (size_t)first * row + at;
      for (int o = 0; o < outs; o++, from += row) memcpy(tile[o], from, (size_t)some * sizeof(float));
      for (int i = 0; i < some; i++) {
        float *to = turned + ((size_t)tap * in_channels + in) * out_channels + first;
        for (int o = 0; o < outs; o++) to[o] = tile[o][i];
        if (++tap == taps) tap = 0, in++;
      }
    }
  }
}

int ck_conv_strip_rows(const ck_conv_shape *s) {
  const size_t budget = 64 * 1024;  // floats: 256 KiB, well inside a level-2 cache
  const int most = (s->out_height + 3) / 4 < 16 ? (s->out_height + 3) / 4 : 16;  // four strips keep four threads busy
  int rows = 1;
  while (rows < most && strip_count(s, rows + 1) <= budget) rows++;
  return rows;
}

int ck_conv_strips(const ck_conv_shape *s) {
  const int rows = ck_conv_strip_rows(s);
  return (s->out_height + rows - 1) / rows;
}

size_t ck_conv_scratch_count(const ck_conv_shape *s) {
  return strip_count(s, ck_conv_strip_rows(s)) + (size_t)s->out_width * ck_conv_gradient_stride(s);
}

void ck_conv_forward(const ck_conv_shape *shape, const ck_conv_input *input, const float *packed, int strip,
                     float *scratch, const ck_conv_output *output) {
  CK_DISPATCH(conv_forward, shape, input, packed, strip, scratch, output);
}

void ck_conv_weight_gradient(const ck_conv_shape *shape, const ck_conv_input *input, const float *out_gradient,
                             int strip, float *scratch, float *gradient) {
  CK_DISPATCH(conv_weight_gradient, shape, input, out_gradient, strip, scratch, gradient);
}
