// libpng's classic row interface behind two functions, over bytes in memory. Its errors (a setjmp that Swift must not
// see) and its warnings end up in a buffer, never on stderr.
#ifndef CPNG_H
#define CPNG_H

#include <stddef.h>
#include <stdint.h>

enum { CPNG_MESSAGE = 160 };

// The version of the library that was loaded, such as 1.6.39.
const char *cpng_version(void);

// What the first chunk says, before anything is decoded.
typedef struct {
  uint32_t width, height;
  int bit_depth;      // of the file: 1, 2, 4, 8, 16
  int colour;         // three samples per pixel or a palette
  int alpha;          // an alpha channel or a transparent colour
} cpng_info;

// Decodes a whole file strictly: any bad CRC, any missing byte and anything that libpng would merely complain about is
// an error; text and profile chunks are skipped unread. With `pixels` null only `info` is filled. Otherwise `pixels`
// gets `width * height * channels` samples of 8 bits, or of 16 bits in machine order where `bit_depth` is 16;
// `channels` is 3 where `info->colour`, else 1; alpha is dropped. `consumed` is the length up to the end of the
// last chunk. Returns 0, or -1 with `message` filled. Images above `maximum_extent` in a direction are refused.
int cpng_read(const uint8_t *bytes, size_t count, uint32_t maximum_extent, cpng_info *info, void *pixels,
              size_t pixels_size, size_t *consumed, char message[CPNG_MESSAGE]);

// Takes the next encoded bytes; returns 0 to go on.
typedef int (*cpng_sink)(void *context, const uint8_t *bytes, size_t count);

// Encodes grey samples (8 bits, or 16 bits in machine order) with one text chunk `Description`. The same samples give
// the same bytes. Returns 0, or -1 with `message` filled (also when the sink fails).
int cpng_write(const void *pixels, uint32_t width, uint32_t height, int bit_depth, int compression_level,
               const char *description, cpng_sink sink, void *context, char message[CPNG_MESSAGE]);

#endif
